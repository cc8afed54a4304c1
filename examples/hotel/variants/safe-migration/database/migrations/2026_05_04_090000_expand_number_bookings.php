<?php

use Illuminate\Database\Migrations\Migration;
use Illuminate\Support\Facades\DB;

/** What `unsafe-migration` does, in steps that keep nobody waiting. Can be run again from any point. */
return new class extends Migration
{
    // A batch holds its locks for milliseconds, and the pause lets others through.
    private const ROWS = 1000;

    private const PAUSE_US = 20_000;

    public function up(): void
    {
        DB::statement('create sequence if not exists booking_numbers');
        // Both are done in a moment: old rows have no number, new ones get theirs from the trigger.
        // A default would be simpler, but MariaDB crashes of one from a sequence where several insert at once.
        DB::statement('alter table bookings add column if not exists number bigint null');
        DB::unprepared(
            'create trigger if not exists number_bookings before insert on bookings'
            .' for each row set new.number = coalesce(new.number, nextval(booking_numbers))',
        );

        $last = (int) DB::table('bookings')->max('id');
        for ($id = 0; $id < $last; $id += self::ROWS) {
            DB::update(
                'update bookings set number = nextval(booking_numbers) where id > ? and id <= ? and number is null',
                [$id, $id + self::ROWS],
            );
            usleep(self::PAUSE_US);
        }
    }

    public function down(): void
    {
        DB::unprepared('drop trigger number_bookings');
        DB::statement('alter table bookings drop column number');
        DB::statement('drop sequence booking_numbers');
    }
};
