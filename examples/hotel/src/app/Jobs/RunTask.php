<?php

namespace App\Jobs;

use App\Support\Trace;
use Illuminate\Bus\Queueable;
use Illuminate\Contracts\Queue\ShouldQueue;
use Illuminate\Foundation\Bus\Dispatchable;
use Illuminate\Queue\InteractsWithQueue;

/** Works for some seconds, then leaves one trace row. No row: it did not finish. Two rows: it ran twice. */
class RunTask implements ShouldQueue
{
    use Dispatchable, InteractsWithQueue, Queueable;

    public function __construct(public string $id, public float $seconds)
    {
    }

    public function handle(): void
    {
        $started = microtime(true);
        // A signal cuts a sleep short, and the job must still take its whole time.
        while (($left = $started + $this->seconds - microtime(true)) > 0) {
            usleep((int) min(100_000, $left * 1e6) + 1);
        }
        Trace::job($this->id, $started, $this->attempts());
    }
}
