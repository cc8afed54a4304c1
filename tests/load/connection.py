"""One client connection: HTTP/1.1 framed by h11, every end told apart, nothing ever sent twice."""

from __future__ import annotations

import asyncio
import socket
import time

import h11

from .config import Response
from .errors import ExchangeFailed, errno_text
from .recorder import FIRST_BYTES
from .target import Target

SETTLE = 20  # turns of the event loop that TLS gets to read what is there
KEEP_BODY = 4 * 1024 * 1024  # bytes of a body that checks get to see; the rest is read and dropped


class Connection(asyncio.Protocol):
    """A connection to the target. Use `clients.open_connection`, then `exchange` while `usable()`."""

    def __init__(self, sock: socket.socket, rtt: float = 0.0, secure: bool = False) -> None:
        self._sock = sock
        self._rtt = rtt
        self._secure = secure
        self._h11 = h11.Connection(h11.CLIENT)
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[Response] | None = None
        self._ended = ""  # how the server ended the connection, once it did
        self._ended_at = 0.0
        self._unasked = False
        self._over = False  # the close was the end of a response, so every client knows of it
        self._first = b""
        self._headers: h11.Response | None = None
        self._body = bytearray()
        self.uses = 0

    def usable(self) -> str:
        """Look at the idle connection right before sending: "" if it can be used, else why not.

        A close that came less than `rtt` seconds ago is not known to a client that far away.
        """
        if not self._ended and not self._unasked:
            # What reached the kernel but not yet the event loop is already known to a real client.
            try:
                waiting = self._sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
            except BlockingIOError:
                waiting = None
            except OSError as exc:
                self._end(f"reset ({errno_text(exc)})")
            else:
                if waiting == b"":
                    self._end("closed")
                elif waiting and not self._secure:
                    self._unasked = True
        if self._ended and time.monotonic() - self._ended_at >= self._rtt:
            return "idle_close" if self._ended == "closed" else "idle_reset"
        return "idle_unasked_bytes" if self._unasked else ""

    async def settle(self) -> None:
        """Let TLS read what reached the kernel: a notice of the end is no request's answer, and neither is a session ticket."""
        for dummy in range(SETTLE if self._secure else 0):
            try:
                if self._ended or not self._sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT):
                    return
            except OSError:
                return
            await asyncio.sleep(0)

    async def exchange(self, head: h11.Request, body: bytes | None, deadline: float) -> Response:
        """Send one request and return its whole response. Raises `ExchangeFailed`."""
        loop = asyncio.get_running_loop()
        self._first, self._headers = b"", None
        self._body = bytearray()
        self.uses += 1
        data = self._h11.send(head)
        if body:
            data += self._h11.send(h11.Data(data=body))
        data += self._h11.send(h11.EndOfMessage())
        self._waiter = loop.create_future()
        timer = loop.call_at(deadline, self._time_out)
        try:
            if self._ended.startswith("reset") or self._transport.is_closing():
                # Only with `rtt`: the client does not know yet, so the request is lost on its way.
                self._fail_ended()
            else:
                self._transport.write(data)
                if self._ended and not self._waiter.done():
                    # Half-closed before we wrote: no response can come any more.
                    self._fail_ended()
            return await self._waiter
        finally:
            timer.cancel()
            self._waiter = None

    def recycle(self) -> str:
        """Get ready for the next request: "" if possible, else why the connection is over."""
        if self._over or self._h11.our_state is not h11.DONE or self._h11.their_state is not h11.DONE:
            return "close_announced"
        if self._h11.trailing_data[0]:
            return "idle_unasked_bytes"
        self._h11.start_next_cycle()
        return ""

    def close(self) -> None:
        """Close in the orderly way."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Drop the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if self._waiter is None or self._waiter.done():
            self._unasked = True
            return
        if len(self._first) < FIRST_BYTES:
            self._first += data[: FIRST_BYTES - len(self._first)]
        self._feed(data)

    def eof_received(self) -> bool:
        self._end("closed")
        if self._waiting():
            self._feed(b"")  # the regular end of a response without a length, an error for any other
            if self._waiting():
                self._fail_ended()
            self._over = True
        if not self._rtt or self._secure:  # TLS has no half-closed connections
            return False
        asyncio.get_running_loop().call_later(self._rtt, self.close)
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self._end("closed" if exc is None else f"reset ({errno_text(exc)})")
        if self._waiting():
            self._fail_ended()

    # inside

    def _waiting(self) -> bool:
        return self._waiter is not None and not self._waiter.done()

    def _end(self, how: str) -> None:
        if not self._ended:
            self._ended, self._ended_at = how, time.monotonic()

    def _feed(self, data: bytes) -> None:
        try:
            self._h11.receive_data(data)
            while True:
                event = self._h11.next_event()
                if event is h11.NEED_DATA or event is h11.PAUSED:
                    return
                if isinstance(event, h11.Response):
                    self._headers = event
                elif isinstance(event, h11.Data):
                    room = KEEP_BODY - len(self._body)
                    if room > 0:
                        self._body += event.data[:room]
                elif isinstance(event, (h11.EndOfMessage, h11.ConnectionClosed)):
                    break
        except h11.RemoteProtocolError as exc:
            if data == b"":
                self._fail_ended()
            else:
                self._fail("protocol_error", f"not HTTP/1.1: {exc}")
            return
        if self._headers is None:
            self._fail_ended()
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in self._headers.headers}
        self._waiter.set_result(Response(self._headers.status_code, headers, bytes(self._body)))

    def _fail_ended(self) -> None:
        if self._first:
            kind = "reset_midway"
        elif self.uses > 1:
            kind = "keepalive_reset"
        else:
            kind = "empty_reply"
        self._fail(kind, f"{self._ended} by the server on use {self.uses} of the connection")

    def _time_out(self) -> None:
        self._fail("timeout", "response not complete" if self._first else "no byte of a response")

    def _fail(self, kind: str, detail: str) -> None:
        if self._waiting():
            self._waiter.set_exception(ExchangeFailed(kind, detail, self._first))

    @property
    def first_bytes(self) -> bytes:
        """The start of what the last request got."""
        return self._first


async def open_socket(target: Target, timeout: float) -> socket.socket:
    """A connected, non-blocking TCP socket. Raises `ExchangeFailed`."""
    family = socket.AF_INET6 if ":" in target.address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setblocking(False)
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        async with asyncio.timeout(timeout):
            await asyncio.get_running_loop().sock_connect(sock, (target.address, target.port))
    except ConnectionRefusedError as exc:
        sock.close()
        raise ExchangeFailed("connect_refused", f"{target.address}:{target.port} refused the connection") from exc
    except TimeoutError as exc:
        sock.close()
        raise ExchangeFailed("connect_timeout", f"no connection within {timeout:.3g} s") from exc
    except OSError as exc:
        sock.close()
        raise ExchangeFailed("connect_failed", errno_text(exc)) from exc
    except BaseException:
        sock.close()
        raise
    return sock
