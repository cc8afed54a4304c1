<?php

return [
    'paths' => [resource_path('views')],
    // Compiled when the image is built: the file system is read-only when it runs.
    'compiled' => base_path('bootstrap/cache/views'),
    'check_cache_timestamps' => false,
];
