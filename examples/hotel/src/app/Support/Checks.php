<?php

namespace App\Support;

use Illuminate\Support\Facades\DB;
use Illuminate\Support\Facades\Queue;
use Illuminate\Support\Facades\Redis;
use Throwable;

/** What a container needs to do its work. No check needs a table: a first release is probed before it migrates. */
class Checks
{
    /** @return array<string, array{ok: bool, ms?: float, error?: string}> */
    public static function run(): array
    {
        return [
            'database' => self::check(static fn () => DB::selectOne('select 1 as one')->one === 1),
            'redis' => self::check(static fn () => (bool) Redis::connection()->ping()),
            'queue' => self::check(static fn () => Queue::connection()->size() >= 0),
            'key' => self::check(static fn () => decrypt(encrypt('hotel')) === 'hotel'),
        ];
    }

    public static function allOk(array $checks): bool
    {
        return ! in_array(false, array_column($checks, 'ok'), true);
    }

    private static function check(callable $probe): array
    {
        $start = hrtime(true);
        try {
            $result = ['ok' => $probe()];
        } catch (Throwable $e) {
            // The class and code only: messages of the drivers can carry hosts and user names.
            $result = ['ok' => false, 'error' => class_basename($e).' '.$e->getCode()];
            logger()->warning('check failed', ['error' => $e->getMessage()]);
        }

        return $result + ['ms' => round((hrtime(true) - $start) / 1e6, 2)];
    }
}
