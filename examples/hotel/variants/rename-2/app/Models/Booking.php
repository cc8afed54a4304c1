<?php

namespace App\Models;

use Illuminate\Database\Eloquent\Casts\Attribute;
use Illuminate\Database\Eloquent\Model;

class Booking extends Model
{
    protected $fillable = ['reference', 'room', 'nights', 'guest', 'created_by_version'];

    protected $attributes = ['status' => 'booked'];

    // Encrypted with APP_KEY: a release with another key can't read it.
    protected $casts = ['guest' => 'encrypted', 'room' => 'integer'];

    /** Writes both columns for the last release, which reads the old one. Reads the new one, and the old one until all rows are filled. */
    protected function nights(): Attribute
    {
        return Attribute::make(
            get: static fn (?int $old, array $row) => $row['stay_nights'] ?? $old,
            set: static fn (int $nights) => ['nights' => $nights, 'stay_nights' => $nights],
        );
    }
}
