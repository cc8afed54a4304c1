"""The WebSocket client: sends, waits for the echo, tells the ways of closing apart."""

from __future__ import annotations

import asyncio

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from .connection import open_socket
from .errors import ExchangeFailed
from .secure import context
from .streams import Closed, Stream


class WebSocketStream(Stream):
    """One WebSocket client, see `config.WebSocketClient`."""

    async def connect(self) -> ClientConnection:
        """Connect and shake hands. Raises `ExchangeFailed`."""
        spec, headers = self.spec, self.headers()
        host = headers.pop("host", self.config.authority)
        secure = self.target.secure
        sock = await open_socket(self.target, spec.open_timeout)
        try:
            # With a socket given, redirects and proxies of the environment are out of the question.
            return await connect(
                f"{'wss' if secure else 'ws'}://{host}{spec.path}",
                sock=sock,
                **({"ssl": context(self.config.ca), "server_hostname": self.config.server_name} if secure else {}),
                additional_headers=headers,
                open_timeout=spec.open_timeout,
                subprotocols=[spec.subprotocol] if spec.subprotocol else None,
                ping_interval=None,
                close_timeout=2,
                max_queue=1024,
                compression=None,
            )
        except InvalidStatus as exc:
            response = exc.response
            raise ExchangeFailed("bad_status", f"status {response.status_code} instead of 101", bytes(response.body or b"")) from exc
        except TimeoutError as exc:
            raise ExchangeFailed("timeout", "no whole handshake in time") from exc
        except (InvalidHandshake, EOFError, OSError, ValueError) as exc:
            cause = exc.__cause__ or exc
            # A redirect comes as ValueError; anything else of that type is worth its own text too.
            kind = "protocol_error" if isinstance(exc, ValueError) else "handshake_failed"
            raise ExchangeFailed(kind, f"{exc} ({cause})") from exc

    async def serve(self, link: ClientConnection) -> Closed:
        """Echo until the connection ends."""
        waiting = None
        try:
            loop = asyncio.get_running_loop()
            number, due = 0, loop.time()
            sent = due
            while True:
                now = loop.time()
                if waiting is None and now >= due:
                    waiting = self.spec.message.replace("{run}", self.config.run).replace("{n}", str(number))
                    number, sent = number + 1, now
                    await link.send(waiting)
                until = due if waiting is None else sent + self.spec.reply_timeout
                try:
                    async with asyncio.timeout_at(until):
                        received = await link.recv()
                except TimeoutError:
                    if waiting is not None:
                        return Closed("no_reply", failure=("timeout", f"no echo within {self.spec.reply_timeout:g} s"))
                    continue
                text = received if isinstance(received, str) else received.decode("utf-8", "replace")
                if waiting is not None and waiting in text:
                    self.got_message()
                    self.latencies.append(loop.time() - sent)
                    waiting = None
                    due = max(due + self.spec.interval, loop.time())
                else:
                    self.pushes += 1
        except ConnectionClosed as exc:
            self.unanswered += waiting is not None
            return self._closed(exc)

    def _closed(self, exc: ConnectionClosed) -> Closed:
        if exc.rcvd is None:
            if exc.sent is not None:  # this side refused what came
                return Closed(str(exc.sent.code), failure=("protocol_error", f"closed by this side: {exc.sent}"))
            return Closed("1006", abnormal=True)
        code = exc.rcvd.code
        if code in self.spec.cut_codes:
            return Closed(str(code), orderly=True)
        return Closed(str(code), failure=("closed", f"closed by the server: {exc.rcvd}"))

    async def close(self, link: ClientConnection) -> None:
        """Close with code 1000."""
        await link.close()
