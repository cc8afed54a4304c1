<?php

namespace App\Support;

use RuntimeException;

/** The ways in which an image can be built broken, so that a rollout can be tested against them. */
class Variant
{
    public static function beforeHome(): void
    {
        switch (config('release.variant')) {
            case 'error-500':
                throw new RuntimeException('this build answers / with an error');
            case 'slow':
                // Nine times what the request took so far, on top; with a floor so that noise can't hide it.
                usleep((int) max(450_000, 9e6 * (microtime(true) - LARAVEL_START)));
        }
    }
}
