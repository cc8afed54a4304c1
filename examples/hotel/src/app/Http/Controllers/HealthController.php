<?php

namespace App\Http\Controllers;

use App\Support\Checks;
use Illuminate\Http\JsonResponse;

class HealthController
{
    /** 200 only when this container can really do its work: database, Redis, queue, key. */
    public function ready(): JsonResponse
    {
        $checks = Checks::run();
        if (config('release.variant') === 'never-ready') {
            $checks['warm-up'] = ['ok' => false, 'error' => 'the warm-up never finishes'];
        }
        $ready = Checks::allOk($checks);

        return response()->json(
            ['status' => $ready ? 'ready' : 'not ready', 'version' => config('release.version'), 'checks' => $checks],
            $ready ? 200 : 503,
        );
    }

    /** The same checks and the state of the process, for operators. Answers 200 also when a check fails. */
    public function health(): JsonResponse
    {
        $checks = Checks::run();
        $opcache = function_exists('opcache_get_status') ? opcache_get_status(false) : false;

        return response()->json([
            'status' => Checks::allOk($checks) ? 'ok' : 'failing',
            'app' => config('app.name'),
            'env' => config('app.env'),
            'version' => config('release.version'),
            'variant' => config('release.variant'),
            'host' => gethostname(),
            'time' => now()->toIso8601ZuluString('millisecond'),
            'php' => PHP_VERSION,
            'laravel' => app()->version(),
            'opcache' => [
                'enabled' => (bool) ($opcache['opcache_enabled'] ?? false),
                'used_mb' => round(($opcache['memory_usage']['used_memory'] ?? 0) / 1048576, 1),
                'scripts' => $opcache['opcache_statistics']['num_cached_scripts'] ?? 0,
            ],
            'checks' => $checks,
        ]);
    }
}
