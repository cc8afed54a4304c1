# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""FastCGI's records, as bytes in and out. Pure.

A record is a header of eight bytes (version, type, request id, content length, padding length, reserved)
and its content. A client sends BEGIN_REQUEST, PARAMS and STDIN, both ended by an empty record, and
gets STDOUT, STDERR and END_REQUEST back.
"""

from __future__ import annotations

import struct
import typing as t
from dataclasses import dataclass

BEGIN_REQUEST, END_REQUEST, PARAMS, STDIN, STDOUT, STDERR = 1, 3, 4, 5, 6, 7
_HEADER = struct.Struct(">BBHHBx")
_END = struct.Struct(">IB3x")
_REFUSALS = {1: "it does not take several requests on one connection", 2: "it is overloaded", 3: "it does not know the responder role"}
REQUEST_ID = 1


class FastCgiError(ValueError):
    """The peer does not speak FastCGI, or refuses the request."""


@dataclass(frozen=True)
class Record:
    """One record."""

    kind: int
    request: int
    content: bytes


def encode_record(kind: int, content: bytes) -> bytes:
    """One record of the one request; ``content`` up to 65535 bytes."""
    return _HEADER.pack(1, kind, REQUEST_ID, len(content), 0) + content


def encode_request(params: t.Mapping[str, str]) -> bytes:
    """A whole request without a body, as a responder gets it; the peer closes the connection after its answer."""
    pairs = b"".join(_pair(name.encode("latin-1"), value.encode("utf-8")) for name, value in params.items())
    parts = [encode_record(BEGIN_REQUEST, struct.pack(">HB5x", 1, 0))]
    parts += [encode_record(PARAMS, pairs[start : start + 65535]) for start in range(0, len(pairs), 65535)]
    parts += [encode_record(PARAMS, b""), encode_record(STDIN, b"")]
    return b"".join(parts)


def _pair(name: bytes, value: bytes) -> bytes:
    return _length(len(name)) + _length(len(value)) + name + value


def _length(length: int) -> bytes:
    return bytes([length]) if length < 128 else struct.pack(">I", length | 0x80000000)


class RecordReader:
    """Cuts a stream of bytes into records, however it is chunked."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Record]:
        """The records that ``data`` completes; raises FastCgiError where the bytes can't be FastCGI."""
        self._buffer += data
        found, at = [], 0
        while len(self._buffer) - at >= _HEADER.size:
            version, kind, request, length, padding = _HEADER.unpack_from(self._buffer, at)
            if version != 1:
                raise FastCgiError("the answer is not FastCGI")
            start = at + _HEADER.size
            if len(self._buffer) < start + length + padding:
                break
            found.append(Record(kind, request, bytes(self._buffer[start : start + length])))
            at = start + length + padding
        del self._buffer[:at]
        return found


class Reply:
    """Collects the records of the one request. Output beyond ``limit`` bytes is dropped."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.stdout = bytearray()
        self.stderr = bytearray()
        self.ended = False

    @property
    def cut(self) -> bool:
        """Whether as much came as is kept; there is no use in reading on."""
        return len(self.stdout) >= self._limit

    def take(self, record: Record) -> None:
        """Take one record; raises FastCgiError when the peer refuses the request."""
        if record.request != REQUEST_ID or self.ended:
            return
        if record.kind == STDOUT:
            _append(self.stdout, record.content, self._limit)
        elif record.kind == STDERR:
            _append(self.stderr, record.content, self._limit)
        elif record.kind == END_REQUEST:
            if len(record.content) != _END.size:
                raise FastCgiError("the answer is not FastCGI")
            _exit_status, protocol_status = _END.unpack(record.content)
            if protocol_status:
                raise FastCgiError(f"the request was refused: {_REFUSALS.get(protocol_status, f'status {protocol_status}')}")
            self.ended = True


def _append(kept: bytearray, content: bytes, limit: int) -> None:
    kept += content[: limit - len(kept)]


def split_output(output: bytes) -> tuple[int, str, list[tuple[str, str]], bytes]:
    """Status, its reason, headers and body of a responder's output; without a Status header it is 200 OK."""
    head, body = _cut_head(output)
    status, reason, headers = 200, "OK", []
    for line in head.decode("latin-1").splitlines():
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            raise FastCgiError(f"the output has no CGI headers: {line[:60]!r}")
        name, value = name.strip(), value.strip()
        if name.lower() == "status":
            code, _space, reason = value.partition(" ")
            if not (len(code) == 3 and code.isascii() and code.isdigit()):
                raise FastCgiError(f"the Status header is {value[:60]!r}")
            status = int(code)
        else:
            headers.append((name, value))
    return status, reason, headers, body


def _cut_head(output: bytes) -> tuple[bytes, bytes]:
    """Headers and body. Either kind of line end may close the headers, whichever comes first."""
    ends = [(output.find(mark), len(mark)) for mark in (b"\r\n\r\n", b"\n\n") if mark in output]
    if not ends:
        return output, b""
    start, length = min(ends)
    return output[:start], output[start + length :]
