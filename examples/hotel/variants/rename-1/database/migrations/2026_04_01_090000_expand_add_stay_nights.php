<?php

use Illuminate\Database\Migrations\Migration;
use Illuminate\Database\Schema\Blueprint;
use Illuminate\Support\Facades\Schema;

return new class extends Migration
{
    /** Nullable: code that does not know the column goes on writing. */
    public function up(): void
    {
        Schema::table('bookings', static function (Blueprint $table): void {
            $table->unsignedTinyInteger('stay_nights')->nullable();
        });
    }

    public function down(): void
    {
        Schema::table('bookings', static function (Blueprint $table): void {
            $table->dropColumn('stay_nights');
        });
    }
};
