<?php

use Illuminate\Database\Migrations\Migration;
use Illuminate\Support\Facades\DB;

/** Fills the rows from before the last release, which writes both columns. Can be run again from any point. */
return new class extends Migration
{
    // A batch holds its locks for milliseconds, and the pause lets others through.
    private const ROWS = 1000;

    private const PAUSE_US = 20_000;

    public function up(): void
    {
        $last = (int) DB::table('bookings')->max('id');
        for ($id = 0; $id < $last; $id += self::ROWS) {
            // Outside of a transaction each statement is one of its own: MariaDB's migrations run in none.
            DB::update(
                'update bookings set stay_nights = nights where id > ? and id <= ? and stay_nights is null',
                [$id, $id + self::ROWS],
            );
            usleep(self::PAUSE_US);
        }
    }
};
