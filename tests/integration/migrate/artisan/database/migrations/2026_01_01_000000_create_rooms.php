<?php

use Illuminate\Database\Migrations\Migration;
use Illuminate\Database\Schema\Blueprint;
use Illuminate\Support\Facades\Schema;

return new class extends Migration
{
    public function up(): void
    {
        Schema::create('rooms', static function (Blueprint $table): void {
            $table->id();
            $table->string('name', 40)->default('a; b');
        });
    }
};
