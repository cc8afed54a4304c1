<?php

namespace App\Console\Commands;

use Illuminate\Console\Command;
use Illuminate\Support\Facades\Crypt;
use Illuminate\Support\Facades\DB;

/** The last step before an old APP_KEY can go: what it encrypted is encrypted with the current one. Can be run again. */
class Reencrypt extends Command
{
    protected $signature = 'bookings:reencrypt';

    protected $description = 'Encrypt the guests of all bookings with the current key';

    public function handle(): int
    {
        $done = 0;
        DB::table('bookings')->whereNotNull('guest')->select('id', 'guest')->chunkById(500, function ($rows) use (&$done) {
            foreach ($rows as $row) {
                $guest = Crypt::encryptString(Crypt::decryptString($row->guest));
                // Changed meanwhile: then it was written with the current key.
                $done += DB::table('bookings')->where('id', $row->id)->where('guest', $row->guest)->update(['guest' => $guest]);
            }
        });
        $this->info("$done bookings");

        return self::SUCCESS;
    }
}
