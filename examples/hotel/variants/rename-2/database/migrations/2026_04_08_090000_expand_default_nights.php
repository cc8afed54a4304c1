<?php

use Illuminate\Database\Migrations\Migration;
use Illuminate\Support\Facades\DB;

return new class extends Migration
{
    /**
     * So that the next release can leave the old column out. A default is set in a moment, NULL would be stored in another way.
     * No stay has 0 nights: the value tells that the other column has it.
     */
    public function up(): void
    {
        DB::statement('alter table bookings alter column nights set default 0');
    }

    public function down(): void
    {
        DB::statement('alter table bookings alter column nights drop default');
    }
};
