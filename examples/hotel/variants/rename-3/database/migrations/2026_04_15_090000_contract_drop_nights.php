<?php

use Illuminate\Database\Migrations\Migration;
use Illuminate\Database\Schema\Blueprint;
use Illuminate\Support\Facades\Schema;

return new class extends Migration
{
    public function up(): void
    {
        // Once more: after a way back to code that does not know the new column, the old one alone has some values.
        (require __DIR__.'/2026_04_08_090100_expand_fill_stay_nights.php')->up();

        Schema::table('bookings', static function (Blueprint $table): void {
            $table->dropColumn('nights');
        });
    }
};
