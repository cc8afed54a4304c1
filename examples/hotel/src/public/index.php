<?php

define('LARAVEL_START', microtime(true));

// Alive means that a PHP process answers, so this must depend on nothing else.
if (strtok($_SERVER['REQUEST_URI'] ?? '', '?') === '/livez') {
    header('Content-Type: application/json');
    echo '{"status":"alive"}';
    exit;
}

require __DIR__.'/../bootstrap/autoload.php';

$app = require __DIR__.'/../bootstrap/app.php';

$kernel = $app->make(Illuminate\Contracts\Http\Kernel::class);

$request = Illuminate\Http\Request::capture();
$response = $kernel->handle($request);
$response->headers->set('X-Hotel-Version', config('release.version'));
$response->send();

$kernel->terminate($request, $response);
