<?php

use Illuminate\Database\Migrations\Migration;
use Illuminate\Support\Facades\DB;

return new class extends Migration
{
    /** Every row gets another number, so MariaDB copies the table, and nobody can book meanwhile. */
    public function up(): void
    {
        DB::statement('create sequence if not exists booking_numbers');
        // steady: allow volatile-default: shows what is left to the guard when nobody listens to the linter
        // steady: allow sequence-default: the guard ends it before any row comes in
        DB::statement('alter table bookings add column number bigint not null default (nextval(booking_numbers))');
    }

    public function down(): void
    {
        DB::statement('alter table bookings drop column number');
        DB::statement('drop sequence booking_numbers');
    }
};
