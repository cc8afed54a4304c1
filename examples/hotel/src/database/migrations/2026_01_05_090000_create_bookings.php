<?php

use Illuminate\Database\Migrations\Migration;
use Illuminate\Database\Schema\Blueprint;
use Illuminate\Support\Facades\Schema;

return new class extends Migration
{
    public function up(): void
    {
        Schema::create('bookings', static function (Blueprint $table): void {
            $table->id();
            $table->string('reference', 100)->index();
            $table->unsignedSmallInteger('room');
            $table->unsignedTinyInteger('nights');
            $table->text('guest');
            $table->string('status', 20)->index();
            $table->timestamps();
        });
    }

    public function down(): void
    {
        Schema::dropIfExists('bookings');
    }
};
