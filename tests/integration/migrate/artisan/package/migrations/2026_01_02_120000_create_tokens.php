<?php

use Illuminate\Database\Migrations\Migration;
use Illuminate\Database\Schema\Blueprint;
use Illuminate\Support\Facades\Schema;

// Named, as in packages from before there were classes without a name.
class CreateTokens extends Migration
{
    public function up(): void
    {
        Schema::create('tokens', static fn (Blueprint $table) => $table->id());
    }
}
