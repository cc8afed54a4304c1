"""One HTTP/2 client connection, one request at a time: what a browser's connection goes through at a reload."""

from __future__ import annotations

import asyncio
import time

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h11

from .config import Response
from .connection import KEEP_BODY
from .errors import ExchangeFailed, Unprocessed, errno_text
from .recorder import FIRST_BYTES

GOAWAY_WHILE_OPEN = (h2.connection.ConnectionState.CLIENT_OPEN, h2.connection.ConnectionInputs.RECV_GOAWAY)


class Http2Connection(asyncio.Protocol):
    """Like `connection.Connection`, over HTTP/2. ``exchange`` raises `Unprocessed` besides."""

    def __init__(self, rtt: float = 0.0) -> None:
        self._rtt = rtt
        self._http = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding="latin-1"))
        # h2 takes a GOAWAY for the end of the connection, but what was begun before it is still answered (RFC 9113, 6.8).
        machine = self._http.state_machine
        machine._transitions = {**machine._transitions, GOAWAY_WHILE_OPEN: (None, h2.connection.ConnectionState.CLIENT_OPEN)}
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[Response] | None = None
        self._stream = 0
        self._last: int | None = None  # the last stream that the server begins with, once it said so
        self._ended = ""
        self._ended_at = 0.0
        self._status = 0
        self._headers: dict[str, str] = {}
        self._body = bytearray()
        self._rest: memoryview = memoryview(b"")  # of a request's body, which waits for the server's window
        self.uses = 0

    def usable(self) -> str:
        """Look at the idle connection right before sending: "" if it can be used, else why not."""
        if (self._ended or self._last is not None) and time.monotonic() - self._ended_at >= self._rtt:
            return "goaway" if self._last is not None else "idle_close" if self._ended == "closed" else "idle_reset"
        return ""

    async def settle(self) -> None:
        """Let what reached the kernel reach this connection."""
        for dummy in range(3):
            await asyncio.sleep(0)

    async def exchange(self, head: h11.Request, body: bytes | None, deadline: float) -> Response:
        """Send one request and return its whole response. Raises `ExchangeFailed`, `Unprocessed`."""
        if self._last is not None:
            raise Unprocessed
        loop = asyncio.get_running_loop()
        self._status, self._headers, self._body = 0, {}, bytearray()
        self.uses += 1
        self._waiter = loop.create_future()
        timer = loop.call_at(deadline, self._time_out)
        try:
            if self._ended or self._transport.is_closing():
                self._over()
            else:
                self._send(head, body or b"")
            return await self._waiter
        finally:
            timer.cancel()
            self._waiter = None

    def recycle(self) -> str:
        """Get ready for the next request: always so, until the server says otherwise."""
        return ""

    def close(self) -> None:
        """Close in the orderly way."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Drop the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    @property
    def first_bytes(self) -> bytes:
        """The start of what the last request got."""
        return bytes(self._body[:FIRST_BYTES])

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._http.initiate_connection()
        self._flush()

    def data_received(self, data: bytes) -> None:
        try:
            events = self._http.receive_data(data)
        except h2.exceptions.ProtocolError as exc:
            self._fail("protocol_error", f"not HTTP/2: {exc}")
            return
        for event in events:
            self._take(event)
        self._more()
        self._flush()

    def eof_received(self) -> bool:
        self._end("closed")
        self._over()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._end("closed" if exc is None else f"reset ({errno_text(exc)})")
        self._over()

    # inside

    def _send(self, head: h11.Request, body: bytes) -> None:
        headers = {name.decode(): value.decode() for name, value in head.headers}
        fields = [(":method", head.method.decode()), (":scheme", "https"), (":path", head.target.decode())]
        fields.append((":authority", headers.pop("host")))
        fields += [item for item in headers.items() if item[0] not in ("connection", "upgrade", "transfer-encoding")]
        self._stream = self._http.get_next_available_stream_id()
        self._http.send_headers(self._stream, fields, end_stream=not body)
        self._rest = memoryview(body)
        self._more()
        self._flush()

    def _more(self) -> None:
        while self._rest and self._waiting():
            room = min(self._http.local_flow_control_window(self._stream), self._http.max_outbound_frame_size)
            if room <= 0:
                return
            chunk, self._rest = self._rest[:room], self._rest[room:]
            self._http.send_data(self._stream, bytes(chunk), end_stream=not self._rest)

    def _take(self, event: h2.events.Event) -> None:
        if isinstance(event, h2.events.ConnectionTerminated):
            self._last = event.last_stream_id or 0
            self._ended_at = time.monotonic()
            if self._stream > self._last:
                self._unprocessed()
        elif getattr(event, "stream_id", 0) != self._stream:
            return
        elif isinstance(event, h2.events.ResponseReceived):
            self._headers = {name: value for name, value in event.headers if not name.startswith(":")}
            self._status = int(dict(event.headers)[":status"])
        elif isinstance(event, h2.events.DataReceived):
            self._body += event.data[: max(0, KEEP_BODY - len(self._body))]
            self._http.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamReset):
            if event.error_code == h2.errors.ErrorCodes.REFUSED_STREAM:
                self._unprocessed()
            else:
                self._fail("reset_midway", f"stream reset by the server: {event.error_code!r}")
        elif isinstance(event, h2.events.StreamEnded) and self._waiting():
            self._waiter.set_result(Response(self._status, self._headers, bytes(self._body)))

    def _flush(self) -> None:
        data = self._http.data_to_send()
        if data and not self._transport.is_closing():
            self._transport.write(data)

    def _waiting(self) -> bool:
        return self._waiter is not None and not self._waiter.done()

    def _end(self, how: str) -> None:
        if not self._ended:
            self._ended = how
            self._ended_at = self._ended_at or time.monotonic()

    def _over(self) -> None:
        kind = "reset_midway" if self._status else "keepalive_reset" if self.uses > 1 else "empty_reply"
        self._fail(kind, f"{self._ended or 'closed'} without GOAWAY for the request, on use {self.uses} of the connection")

    def _time_out(self) -> None:
        self._fail("timeout", "response not complete" if self._status else "no byte of a response")

    def _unprocessed(self) -> None:
        if self._waiting():
            self._waiter.set_exception(Unprocessed())

    def _fail(self, kind: str, detail: str) -> None:
        if self._waiting():
            self._waiter.set_exception(ExchangeFailed(kind, detail, self.first_bytes))
