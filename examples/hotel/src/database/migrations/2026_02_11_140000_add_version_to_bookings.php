<?php

use Illuminate\Database\Migrations\Migration;
use Illuminate\Database\Schema\Blueprint;
use Illuminate\Support\Facades\Schema;

return new class extends Migration
{
    /** Nullable, so that a release from before this column can go on writing. */
    public function up(): void
    {
        Schema::table('bookings', static function (Blueprint $table): void {
            $table->string('created_by_version', 64)->nullable();
        });
    }

    public function down(): void
    {
        Schema::table('bookings', static function (Blueprint $table): void {
            $table->dropColumn('created_by_version');
        });
    }
};
