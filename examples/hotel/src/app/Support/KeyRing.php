<?php

namespace App\Support;

use Illuminate\Contracts\Encryption\DecryptException;
use Illuminate\Encryption\Encrypter;

/** Writes with APP_KEY, and reads with further keys too: while the key is rotated, releases with either key share the database. */
class KeyRing extends Encrypter
{
    /** @var list<Encrypter> */
    private array $others;

    /** @param list<string> $others keys as APP_KEY has them */
    public function __construct(string $key, string $cipher, array $others)
    {
        parent::__construct($key, $cipher);
        $this->others = array_map(static fn (string $other) => new Encrypter(self::bytes($other), $cipher), $others);
    }

    public function decrypt($payload, $unserialize = true)
    {
        try {
            return parent::decrypt($payload, $unserialize);
        } catch (DecryptException $e) {
            foreach ($this->others as $other) {
                try {
                    return $other->decrypt($payload, $unserialize);
                } catch (DecryptException) {
                }
            }
            throw $e;
        }
    }

    private static function bytes(string $key): string
    {
        return str_starts_with($key, 'base64:') ? base64_decode(substr($key, 7)) : $key;
    }
}
