<?php

namespace App\Exceptions;

use Illuminate\Foundation\Exceptions\Handler as ExceptionHandler;
use Throwable;

class Handler extends ExceptionHandler
{
    /** Every client of this app is a program: errors are JSON. */
    protected function shouldReturnJson($request, Throwable $e): bool
    {
        return true;
    }
}
