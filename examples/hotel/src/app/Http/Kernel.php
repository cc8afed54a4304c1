<?php

namespace App\Http;

use Illuminate\Foundation\Http\Kernel as HttpKernel;

/** No global middleware: the app has no sessions and no cookies, and its hot routes stay cheap. */
class Kernel extends HttpKernel
{
    protected $middleware = [];

    protected $middlewareGroups = [];
}
