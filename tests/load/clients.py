"""The pool of keep-alive clients: who sends the next request, over which connection."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

import h11

from .config import Config, Response
from .connection import Connection, open_socket
from .errors import ExchangeFailed, Unprocessed, errno_text
from .recorder import Recorder
from .secure import context, shaken
from .target import Target

if TYPE_CHECKING:
    from .http2 import Http2Connection


TRIES = 3  # of one request: a server may say twice in a row that it did not begin with it


async def open_connection(config: Config, target: Target, timeout: float) -> Connection | Http2Connection:
    """Connect within `timeout` seconds, with TLS where the target wants it. Raises `ExchangeFailed`; never tries twice."""
    loop = asyncio.get_running_loop()
    until = loop.time() + timeout
    sock = await open_socket(target, timeout)
    if config.http2:
        # Here, so that a load without HTTP/2 needs no `h2` package.
        from .http2 import Http2Connection

        made: Connection | Http2Connection = Http2Connection(config.rtt)
    else:
        made = Connection(sock, config.rtt, target.secure)
    try:
        if target.secure:
            tls = {"ssl": context(config.ca, config.http2), "server_hostname": config.server_name}
            left = max(0.01, until - loop.time())
            transport, dummy = await shaken(loop.create_connection(lambda: made, sock=sock, ssl_handshake_timeout=left, **tls))
            if config.http2 and transport.get_extra_info("ssl_object").selected_alpn_protocol() != "h2":
                raise ExchangeFailed("handshake_failed", "TLS: the server does not speak HTTP/2")
        else:
            await loop.create_connection(lambda: made, sock=sock)
    except OSError as exc:  # reset between accept and now
        sock.close()
        raise ExchangeFailed("connect_failed", errno_text(exc)) from exc
    except ExchangeFailed:
        sock.close()
        raise
    return made


class Client:
    """One browser-like client: at most one connection, kept while the server keeps it."""

    __slots__ = ("connection",)

    def __init__(self) -> None:
        self.connection: Connection | Http2Connection | None = None


class Pool:
    """The keep-alive clients of a run. More are made while all are busy, up to a bound."""

    def __init__(self, config: Config, target: Target, recorder: Recorder) -> None:
        self._config = config
        self._target = target
        self._recorder = recorder
        self._idle = deque(Client() for dummy in range(config.keepalive))
        self._size = config.keepalive
        self._queue: deque[asyncio.Future[Client]] = deque()

    async def send(self, head: h11.Request, body: bytes | None, deadline: float, fresh: bool, newest: bool) -> tuple[Response, bytes]:
        """Send one request; return the response and its first bytes. Raises `ExchangeFailed`.

        `fresh`: on a connection of its own. `newest`: by the client that was busy last
        (the next click of the same user), not by the one that rested longest.
        """
        for left in reversed(range(TRIES)):
            try:
                if fresh:
                    return await self._once(head, body, deadline)
                client = await self._take(deadline, newest)
                try:
                    return await self._exchange(client, head, body, deadline, anew=left < TRIES - 1)
                finally:
                    self._give_back(client)
            except Unprocessed:
                self._recorder.note("goaway")
                if not left:
                    raise ExchangeFailed("keepalive_reset", f"the server began with none of {TRIES} tries") from None
        raise AssertionError("unreachable")

    def close(self) -> None:
        """Close every idle connection."""
        for client in self._idle:
            if client.connection is not None:
                client.connection.close()

    async def _once(self, head: h11.Request, body: bytes | None, deadline: float) -> tuple[Response, bytes]:
        connection = await self._connect(deadline)
        self._recorder.note("fresh")
        try:
            response = await connection.exchange(head, body, deadline)
        except BaseException:
            connection.abort()
            raise
        connection.close()
        return response, connection.first_bytes

    async def _exchange(self, client: Client, head: h11.Request, body: bytes | None, deadline: float, anew: bool) -> tuple[Response, bytes]:
        if anew and client.connection is not None:
            self._drop(client, "goaway")
        if client.connection is not None:
            await client.connection.settle()
            over = client.connection.usable()
            if over:
                # Known to be over before anything was sent: every real client connects anew.
                self._drop(client, over)
        if client.connection is None:
            client.connection = await self._connect(deadline)
            self._recorder.note("keepalive")
        connection = client.connection
        try:
            response = await connection.exchange(head, body, deadline)
        except BaseException:
            client.connection = None
            connection.abort()
            raise
        first = connection.first_bytes
        over = connection.recycle()
        if over:
            self._drop(client, over)
        return response, first

    def _drop(self, client: Client, why: str) -> None:
        self._recorder.note(why)
        if client.connection is not None:
            client.connection.close()
            client.connection = None

    async def _connect(self, deadline: float) -> Connection | Http2Connection:
        left = deadline - asyncio.get_running_loop().time()
        if left <= 0:
            raise ExchangeFailed("timeout", "the time was over before a connection was there")
        return await open_connection(self._config, self._target, min(left, self._config.connect_timeout))

    async def _take(self, deadline: float, newest: bool) -> Client:
        if self._idle:
            return self._idle.pop() if newest else self._idle.popleft()
        if self._size < self._config.max_connections:
            self._size += 1
            return Client()
        self._recorder.note("queued")
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[Client] = loop.create_future()
        self._queue.append(waiter)
        try:
            async with asyncio.timeout_at(deadline):
                return await waiter
        except TimeoutError:
            if waiter.done() and not waiter.cancelled():
                self._give_back(waiter.result())
            raise ExchangeFailed("timeout", "all connections were busy until the time was over") from None

    def _give_back(self, client: Client) -> None:
        while self._queue:
            waiter = self._queue.popleft()
            if not waiter.done():
                waiter.set_result(client)
                return
        if len(self._idle) >= self._config.keepalive:
            # One of the extra clients of a busy moment: its user leaves.
            self._size -= 1
            if client.connection is not None:
                client.connection.close()
            return
        self._idle.append(client)
