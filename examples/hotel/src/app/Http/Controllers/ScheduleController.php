<?php

namespace App\Http\Controllers;

use Illuminate\Http\JsonResponse;
use Illuminate\Http\Request;
use Illuminate\Support\Facades\DB;

class ScheduleController
{
    /** Runs of scheduled tasks, the life of each scheduler, and pairs that lived at the same time; ?since= is in ms. */
    public function trace(Request $request): JsonResponse
    {
        $since = $request->integer('since');
        $lives = DB::table('scheduler_alive')->where('at_ms', '>=', $since)
            ->groupBy('instance', 'host', 'version')
            ->selectRaw('instance, host, version, min(at_ms) as first_ms, max(at_ms) as last_ms,
                count(*) as beats, max(event = ?) as stopped', ['stop'])
            ->orderBy('first_ms')->get()
            ->map(static fn ($row) => array_merge((array) $row, ['stopped' => (bool) $row->stopped]));

        $overlaps = [];
        foreach ($lives as $i => $one) {
            foreach ($lives->slice($i + 1) as $other) {
                $both = min($one['last_ms'], $other['last_ms']) - max($one['first_ms'], $other['first_ms']);
                if ($both >= 0) {
                    $overlaps[] = ['instances' => [$one['instance'], $other['instance']], 'ms' => $both];
                }
            }
        }
        $runs = DB::table('schedule_runs')->where('at_ms', '>=', $since);

        return response()->json([
            'runs_total' => (clone $runs)->count(),
            'runs' => (clone $runs)->orderByDesc('id')->limit($request->integer('limit', 500))
                ->get(['task', 'host', 'version', 'at_ms']),
            'schedulers' => $lives->values(),
            'overlaps' => $overlaps,
        ]);
    }
}
