<?php

namespace App\Support;

use Illuminate\Support\Facades\DB;

/** Rows that prove what ran, when, where and in which version. Times are Unix milliseconds. */
class Trace
{
    public static function job(string $id, float $started, int $attempt): void
    {
        DB::table('job_runs')->insert([
            'job_id' => $id,
            'started_ms' => (int) ($started * 1000),
            'finished_ms' => self::now(),
            'attempt' => $attempt,
        ] + self::origin());
    }

    public static function scheduleRun(string $task): void
    {
        DB::table('schedule_runs')->insert(['task' => $task, 'at_ms' => self::now()] + self::origin());
    }

    /** @param string $event start, beat or stop */
    public static function schedulerAlive(string $instance, string $event): void
    {
        DB::table('scheduler_alive')->insert(
            ['instance' => $instance, 'event' => $event, 'at_ms' => self::now()] + self::origin()
        );
    }

    /** Forget what is older than a day. */
    public static function prune(): void
    {
        $limit = self::now() - 86_400_000;
        DB::table('scheduler_alive')->where('at_ms', '<', $limit)->delete();
        DB::table('schedule_runs')->where('at_ms', '<', $limit)->delete();
        DB::table('job_runs')->where('finished_ms', '<', $limit)->delete();
        self::scheduleRun('prune');
    }

    private static function now(): int
    {
        return (int) (microtime(true) * 1000);
    }

    private static function origin(): array
    {
        return ['host' => gethostname(), 'version' => config('release.version')];
    }
}
