<?php

use Illuminate\Database\Migrations\Migration;
use Illuminate\Database\Schema\Blueprint;
use Illuminate\Support\Facades\Schema;

return new class extends Migration
{
    public function up(): void
    {
        Schema::create('loyalty_points', static function (Blueprint $table): void {
            $table->id();
            $table->unsignedInteger('points');
        });
    }

    public function down(): void
    {
        Schema::dropIfExists('loyalty_points');
    }
};
