<?php

namespace App\Support;

use App\Models\Booking;
use Illuminate\Mail\Message;
use Illuminate\Support\Facades\Mail;
use Throwable;

/** The mail that confirms a booking. */
class Confirmation
{
    /**
     * Sent by this release itself once the guest has the answer, not by a job: so a release that can't send mail
     * shows before users see it, and a booking does not fail because a mail server is away.
     */
    public static function sendAfterAnswer(Booking $booking, string $email): void
    {
        app()->terminating(static function () use ($booking, $email): void {
            try {
                Mail::raw(self::text($booking), static function (Message $message) use ($booking, $email): void {
                    $message->to($email)->subject("Your booking {$booking->reference}");
                    $message->getHeaders()->addTextHeader('X-Hotel-Version', config('release.version'));
                });
            } catch (Throwable $e) {
                logger()->error('a confirmation was not sent', ['booking' => $booking->id, 'error' => class_basename($e)]);
            }
        });
    }

    private static function text(Booking $booking): string
    {
        return "Dear {$booking->guest},\n\nroom {$booking->room} is yours for {$booking->nights} night(s).\n";
    }
}
