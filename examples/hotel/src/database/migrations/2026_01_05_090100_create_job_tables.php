<?php

use Illuminate\Database\Migrations\Migration;
use Illuminate\Database\Schema\Blueprint;
use Illuminate\Support\Facades\Schema;

return new class extends Migration
{
    public function up(): void
    {
        Schema::create('job_runs', static function (Blueprint $table): void {
            $table->id();
            // Not unique on purpose: a job that ran twice must show.
            $table->string('job_id', 100)->index();
            $table->unsignedBigInteger('started_ms');
            $table->unsignedBigInteger('finished_ms')->index();
            $table->unsignedTinyInteger('attempt');
            $table->string('host', 64);
            $table->string('version', 64);
        });
        Schema::create('failed_jobs', static function (Blueprint $table): void {
            $table->id();
            $table->string('uuid')->unique();
            $table->text('connection');
            $table->text('queue');
            $table->longText('payload');
            $table->longText('exception');
            $table->timestamp('failed_at')->useCurrent();
        });
    }

    public function down(): void
    {
        Schema::dropIfExists('job_runs');
        Schema::dropIfExists('failed_jobs');
    }
};
