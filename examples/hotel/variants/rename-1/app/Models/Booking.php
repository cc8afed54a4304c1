<?php

namespace App\Models;

use Illuminate\Database\Eloquent\Casts\Attribute;
use Illuminate\Database\Eloquent\Model;

class Booking extends Model
{
    protected $fillable = ['reference', 'room', 'nights', 'guest', 'created_by_version'];

    protected $attributes = ['status' => 'booked'];

    // Encrypted with APP_KEY: a release with another key can't read it.
    protected $casts = ['guest' => 'encrypted', 'room' => 'integer', 'nights' => 'integer'];

    /** Writes both columns, reads the old one: rows from before know no other. */
    protected function nights(): Attribute
    {
        return Attribute::set(static fn (int $nights) => ['nights' => $nights, 'stay_nights' => $nights]);
    }
}
