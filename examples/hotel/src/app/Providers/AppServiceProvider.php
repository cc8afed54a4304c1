<?php

namespace App\Providers;

use App\Support\KeyRing;
use App\Support\WorkerPulse;
use Illuminate\Console\Events\ScheduledTaskFailed;
use Illuminate\Console\Events\ScheduledTaskFinished;
use Illuminate\Console\Events\ScheduledTaskStarting;
use Illuminate\Queue\Events\Looping;
use Illuminate\Encryption\Encrypter;
use Illuminate\Support\ServiceProvider;

class AppServiceProvider extends ServiceProvider
{
    public function register(): void
    {
        if ($others = config('app.other_keys')) {
            $this->app->extend('encrypter', static fn (Encrypter $own) => new KeyRing($own->getKey(), config('app.cipher'), $others));
        }
    }

    public function boot(): void
    {
        if (! $this->app->runningInConsole()) {
            return;
        }

        $events = $this->app['events'];

        // A task in hand is finished before SIGTERM ends the process; between tasks it ends at once.
        $events->listen(ScheduledTaskStarting::class, static fn () => pcntl_sigprocmask(SIG_BLOCK, [SIGTERM]));
        $events->listen(
            [ScheduledTaskFinished::class, ScheduledTaskFailed::class],
            static fn () => pcntl_sigprocmask(SIG_UNBLOCK, [SIGTERM]),
        );

        $events->listen(Looping::class, static fn () => WorkerPulse::beat());
    }
}
