<?php
header('Content-Type: application/json');
echo json_encode([
    'user' => posix_getpwuid(posix_geteuid())['name'],
    'pid' => getmypid(),
    'body' => file_get_contents('php://input'),
    'env' => getenv(),
    'opcache' => opcache_get_configuration()['directives'],
    'ini' => array_map(fn ($one) => $one['local_value'], ini_get_all()),
    'passwd' => @file_get_contents('/etc/passwd') !== false,
    'exec' => function_exists('exec'),
    'extensions' => get_loaded_extensions(),
]);
