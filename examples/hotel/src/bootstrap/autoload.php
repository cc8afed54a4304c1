<?php

// The framework comes from Debian's packages, so there is no vendor directory.
$framework = '/usr/share/php/Illuminate/autoload.php';

if (defined('HOTEL_PRELOAD') || ! class_exists(Illuminate\Foundation\Application::class, false)) {
    require_once $framework;
} else {
    // PHP-FPM has preloaded what a request needs. Registering the autoloaders of some seventy packages
    // takes longer than the rest of a request, so it waits for the first class that is missing.
    spl_autoload_register($lazy = static function (string $class) use (&$lazy, $framework): void {
        // The framework asks whether cast types ("integer") and Faker are classes; they are not in the packages.
        if (str_contains($class, '\\') && ! str_starts_with($class, 'App\\') && ! str_starts_with($class, 'Faker\\')) {
            spl_autoload_unregister($lazy);
            require_once $framework;
            // The autoloaders that were just added come after this one and are asked next.
        }
    });
}

spl_autoload_register(static function (string $class): void {
    if (str_starts_with($class, 'App\\')) {
        $file = dirname(__DIR__).'/app/'.str_replace('\\', '/', substr($class, 4)).'.php';
        if (is_file($file)) {
            require $file;
        }
    }
});
