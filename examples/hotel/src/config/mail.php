<?php

return [
    'default' => 'smtp',
    'mailers' => [
        'smtp' => [
            'transport' => 'smtp',
            'host' => env('MAIL_HOST', 'mail'),
            'port' => (int) env('MAIL_PORT', '1025'),
            'username' => env('MAIL_USERNAME'),
            'password' => env('MAIL_PASSWORD'),
            // A mail server that is away must not occupy a PHP process.
            'timeout' => 3,
        ],
    ],
    'from' => ['address' => env('MAIL_FROM', 'desk@hotel.test'), 'name' => 'Hotel'],
    // Where a mail catcher tells which mails came. Empty with a real mail server: then GET /mails is not there.
    'catcher' => env('MAIL_CATCHER', ''),
];
