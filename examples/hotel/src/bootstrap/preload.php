<?php

// Run once when PHP-FPM starts (opcache.preload): the classes that requests use stay loaded in all children.
define('HOTEL_PRELOAD', true);

require __DIR__.'/autoload.php';

foreach (require __DIR__.'/cache/preload.php' as $class) {
    class_exists($class) || interface_exists($class) || trait_exists($class);
}
