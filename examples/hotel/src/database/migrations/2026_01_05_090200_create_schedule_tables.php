<?php

use Illuminate\Database\Migrations\Migration;
use Illuminate\Database\Schema\Blueprint;
use Illuminate\Support\Facades\Schema;

return new class extends Migration
{
    public function up(): void
    {
        Schema::create('schedule_runs', static function (Blueprint $table): void {
            $table->id();
            $table->string('task', 32);
            $table->unsignedBigInteger('at_ms')->index();
            $table->string('host', 64);
            $table->string('version', 64);
        });
        Schema::create('scheduler_alive', static function (Blueprint $table): void {
            $table->id();
            $table->string('instance', 80);
            $table->string('event', 8);
            $table->unsignedBigInteger('at_ms')->index();
            $table->string('host', 64);
            $table->string('version', 64);
        });
    }

    public function down(): void
    {
        Schema::dropIfExists('schedule_runs');
        Schema::dropIfExists('scheduler_alive');
    }
};
