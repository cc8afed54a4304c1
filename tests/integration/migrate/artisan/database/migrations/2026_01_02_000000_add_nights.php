<?php

use Illuminate\Database\Migrations\Migration;
use Illuminate\Database\Schema\Blueprint;
use Illuminate\Support\Facades\Schema;

// steady: expand
return new class extends Migration
{
    public function up(): void
    {
        Schema::table('rooms', static fn (Blueprint $table) => $table->integer('nights')->nullable());
    }
};
