<?php

namespace App\Http\Controllers;

use Illuminate\Http\JsonResponse;
use Illuminate\Http\Request;

class MailController
{
    /** Which mails the mail catcher got for ?to=, without their text. Only where there is a catcher. */
    public function index(Request $request): JsonResponse
    {
        $catcher = config('mail.catcher');
        abort_if($catcher === '', 404);
        $to = $request->validate(['to' => 'required|string|max:200'])['to'];
        $context = stream_context_create(['http' => ['timeout' => 2]]);
        $answer = @file_get_contents($catcher.'/messages?to='.rawurlencode($to), false, $context);
        $mails = json_decode((string) $answer, true)['messages'] ?? null;
        abort_if($mails === null, 502, 'the mail catcher does not answer');

        return response()->json([
            'total' => count($mails),
            'mails' => array_map(static fn (array $mail) => array_intersect_key($mail, ['subject' => 1, 'version' => 1, 'at_ms' => 1]), $mails),
        ]);
    }
}
