<?php

// Written last when the image is built, and never taken from the environment:
// a container can't claim to be a version that it isn't.
$built = dirname(__DIR__).'/bootstrap/release.php';

return is_file($built) ? require $built : ['version' => 'dev', 'variant' => '', 'assets' => ['app.css' => 'app.css']];
