<?php

namespace App\Http\Controllers;

use App\Jobs\RunTask;
use Illuminate\Http\JsonResponse;
use Illuminate\Http\Request;
use Illuminate\Support\Facades\DB;
use Illuminate\Support\Facades\Queue;

class JobController
{
    public function store(Request $request): JsonResponse
    {
        $input = $request->validate([
            'id' => 'sometimes|string|max:100',
            // Below the worker's --timeout of 60 s.
            'seconds' => 'sometimes|numeric|between:0,50',
        ]);
        $id = $input['id'] ?? bin2hex(random_bytes(8));
        RunTask::dispatch($id, (float) ($input['seconds'] ?? 0));

        return response()->json(['id' => $id, 'version' => config('release.version')], 202);
    }

    /** What ran, narrowed by ?prefix= of the job's id; `runs` holds the newest ?limit= rows (500). */
    public function trace(Request $request): JsonResponse
    {
        $prefix = addcslashes((string) $request->query('prefix', ''), '%_\\');
        $rows = DB::table('job_runs')->where('job_id', 'like', $prefix.'%');

        return response()->json([
            'total' => (clone $rows)->count(),
            'distinct' => (clone $rows)->distinct()->count('job_id'),
            'doubled' => (clone $rows)->select('job_id')->groupBy('job_id')->havingRaw('count(*) > 1')->pluck('job_id'),
            'pending' => Queue::connection()->size(),
            'failed' => DB::table('failed_jobs')->count(),
            'runs' => (clone $rows)->orderByDesc('id')->limit($request->integer('limit', 500))
                ->get(['job_id', 'started_ms', 'finished_ms', 'attempt', 'host', 'version']),
        ]);
    }
}
