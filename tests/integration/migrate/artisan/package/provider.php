<?php

// What packages do whose migrations are not copied into the application. It is one once it lies in vendor/.
class Tokens extends Illuminate\Support\ServiceProvider
{
    public function boot(): void
    {
        $this->loadMigrationsFrom(__DIR__ . '/../tokens/migrations');
    }
}

return Tokens::class;
