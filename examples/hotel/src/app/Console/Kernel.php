<?php

namespace App\Console;

use App\Support\Trace;
use Illuminate\Console\Scheduling\Schedule;
use Illuminate\Foundation\Console\Kernel as ConsoleKernel;

class Kernel extends ConsoleKernel
{
    protected $commands = [
        Commands\Reencrypt::class,
        Commands\ScheduleWork::class,
    ];

    protected function schedule(Schedule $schedule): void
    {
        $schedule->call(fn () => Trace::scheduleRun('tick'))->name('tick')->everyFiveSeconds();
        // A scheduler that starts within a minute runs that minute's tasks: the lock keeps them to one run.
        $schedule->call(fn () => Trace::prune())->name('prune')->everyMinute()->onOneServer();
    }
}
