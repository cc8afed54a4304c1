<?php

$shared = [
    'host' => '127.0.0.1',
    'port' => getenv('DB_PORT'),
    'database' => 'rooms',
    'username' => 'rooms',
    'password' => getenv('DB_PASSWORD'),
];

return [
    'default' => getenv('DB_ENGINE'),
    'connections' => [
        'mariadb' => ['driver' => 'mysql', 'charset' => 'utf8mb4', 'collation' => 'utf8mb4_unicode_ci', 'strict' => true] + $shared,
        'postgresql' => ['driver' => 'pgsql', 'charset' => 'utf8', 'search_path' => 'public'] + $shared,
    ],
    'migrations' => 'migrations',
];
