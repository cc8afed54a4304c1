<?php

namespace App\Http\Controllers;

use Illuminate\Http\JsonResponse;
use Illuminate\Http\Request;
use Symfony\Component\HttpFoundation\StreamedResponse;

/** Requests that last. They have an FPM pool of their own, so that they never starve the others. */
class StreamController
{
    public function slow(Request $request): JsonResponse
    {
        $seconds = min(30.0, max(0.0, (float) $request->query('seconds', '3')));
        $end = microtime(true) + $seconds;
        // A signal cuts a sleep short, and a request in hand must still take its whole time.
        while (($left = $end - microtime(true)) > 0) {
            usleep((int) ($left * 1e6) + 1);
        }

        return response()->json(['seconds' => $seconds, 'version' => config('release.version'), 'host' => gethostname()]);
    }

    /**
     * Server-sent events, one per second, until the client leaves or an hour has passed. When PHP-FPM is
     * asked to end (SIGQUIT), the stream says goodbye, and the client's EventSource connects anew by itself.
     */
    public function events(): StreamedResponse
    {
        $send = static function (): void {
            while (ob_get_level() > 0) {
                ob_end_flush();
            }
            set_time_limit(0);
            for ($n = 1; $n <= 3600; $n++) {
                echo "id: $n\nevent: tick\ndata: ".json_encode([
                    'n' => $n,
                    'version' => config('release.version'),
                    'host' => gethostname(),
                    'at_ms' => (int) (microtime(true) * 1000),
                ])."\n\n";
                flush();
                if (connection_aborted()) {
                    return;
                }
                $slept = -hrtime(true);
                usleep(1_000_000);
                // Shorter than asked for: a signal came.
                if ($slept + hrtime(true) < 1_000_000_000) {
                    echo "event: bye\ndata: {}\n\n";
                    flush();

                    return;
                }
            }
        };

        return new StreamedResponse($send, 200, [
            'Content-Type' => 'text/event-stream',
            'Cache-Control' => 'no-cache',
            'X-Accel-Buffering' => 'no',
        ]);
    }
}
