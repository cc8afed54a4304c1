<?php

use Illuminate\Database\Migrations\Migration;
use Illuminate\Database\Schema\Blueprint;
use Illuminate\Support\Facades\DB;
use Illuminate\Support\Facades\Schema;

/** Fails half way: the column is there, the data is not, and MariaDB can't roll the column back. */
// steady: expand
return new class extends Migration
{
    public function up(): void
    {
        if (! Schema::hasColumn('bookings', 'loyalty_tier')) {
            Schema::table('bookings', static function (Blueprint $table): void {
                $table->string('loyalty_tier', 20)->nullable();
            });
        }
        DB::update('update bookings set loyalty_tier = loyalty_program where id between 1 and 1000');
    }

    public function down(): void
    {
        Schema::table('bookings', static function (Blueprint $table): void {
            $table->dropColumn('loyalty_tier');
        });
    }
};
