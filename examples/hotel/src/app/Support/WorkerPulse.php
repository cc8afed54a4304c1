<?php

namespace App\Support;

use Illuminate\Support\Facades\Redis;
use Throwable;

/** A file whose age says when the queue worker last reached Redis; the container's healthcheck reads it. */
class WorkerPulse
{
    private static float $last = 0;

    public static function beat(): void
    {
        if (microtime(true) - self::$last < 1) {
            return;
        }
        try {
            Redis::connection()->ping();
            touch('/tmp/queue-alive');
            self::$last = microtime(true);
        } catch (Throwable) {
            // The worker reports the lost connection itself when it asks for the next job.
        }
    }
}
