<?php

namespace App\Http\Controllers;

use App\Models\Booking;
use App\Support\Confirmation;
use Illuminate\Http\JsonResponse;
use Illuminate\Http\Request;
use Illuminate\Support\Facades\DB;

class BookingController
{
    /** Counts, so that a test can compare what was answered 201 with what is stored. ?reference= narrows. */
    public function index(Request $request): JsonResponse
    {
        $prefix = addcslashes((string) $request->query('reference', ''), '%_\\');
        $rows = DB::table('bookings')->where('reference', 'like', $prefix.'%');

        return response()->json([
            'total' => (clone $rows)->count(),
            'distinct' => (clone $rows)->distinct()->count('reference'),
            'cancelled' => (clone $rows)->where('status', 'cancelled')->count(),
            'version' => config('release.version'),
        ]);
    }

    public function store(Request $request): JsonResponse
    {
        $input = $request->validate([
            'reference' => 'sometimes|string|max:100',
            'room' => 'sometimes|integer|between:1,999',
            'nights' => 'sometimes|integer|between:1,90',
            'guest' => 'sometimes|string|max:100',
            'email' => 'sometimes|email|max:200',
        ]);
        $email = $input['email'] ?? null;
        unset($input['email']);
        $booking = Booking::create($input + [
            'reference' => bin2hex(random_bytes(8)),
            'room' => random_int(1, 999),
            'nights' => 1,
            'guest' => 'Guest',
            'created_by_version' => config('release.version'),
        ]);

        if ($email !== null) {
            Confirmation::sendAfterAnswer($booking, $email);
        }

        return $this->answer($booking, 201);
    }

    public function show(int $id): JsonResponse
    {
        return $this->answer(Booking::findOrFail($id));
    }

    /** Cancelling twice is the same as cancelling once. */
    public function cancel(int $id): JsonResponse
    {
        $booking = Booking::findOrFail($id);
        $booking->status = 'cancelled';
        $booking->save();

        return $this->answer($booking);
    }

    private function answer(Booking $booking, int $status = 200): JsonResponse
    {
        return response()->json(
            $booking->only('id', 'reference', 'room', 'nights', 'guest', 'status', 'created_by_version')
            + ['version' => config('release.version')],
            $status,
        );
    }
}
