<?php

use App\Http\Controllers\BookingController;
use App\Http\Controllers\HealthController;
use App\Http\Controllers\JobController;
use App\Http\Controllers\MailController;
use App\Http\Controllers\PageController;
use App\Http\Controllers\ScheduleController;
use App\Http\Controllers\StreamController;
use Illuminate\Support\Facades\Route;

Route::get('/', [PageController::class, 'home']);

Route::get('/readyz', [HealthController::class, 'ready']);
Route::get('/health', [HealthController::class, 'health']);

Route::get('/bookings', [BookingController::class, 'index']);
Route::post('/bookings', [BookingController::class, 'store']);
Route::get('/bookings/{id}', [BookingController::class, 'show'])->whereNumber('id');
Route::delete('/bookings/{id}', [BookingController::class, 'cancel'])->whereNumber('id');
Route::post('/bookings/{id}/cancel', [BookingController::class, 'cancel'])->whereNumber('id');

Route::get('/mails', [MailController::class, 'index']);

Route::post('/jobs', [JobController::class, 'store']);
Route::get('/jobs/trace', [JobController::class, 'trace']);
Route::get('/schedule/trace', [ScheduleController::class, 'trace']);

Route::get('/slow', [StreamController::class, 'slow']);
Route::get('/events', [StreamController::class, 'events']);
