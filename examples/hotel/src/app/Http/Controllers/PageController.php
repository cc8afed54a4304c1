<?php

namespace App\Http\Controllers;

use App\Support\Variant;
use Illuminate\Http\Response;

class PageController
{
    public function home(): Response
    {
        Variant::beforeHome();

        return response()->view('home', [
            'version' => config('release.version'),
            'variant' => config('release.variant'),
            'host' => gethostname(),
            'stylesheet' => '/assets/'.config('release.assets')['app.css'],
        ]);
    }
}
