"""The Server-Sent Events client: counts events, tells a clean end from a broken one."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import h11

from .connection import open_socket
from .errors import ExchangeFailed
from .recorder import FIRST_BYTES
from .secure import context, shaken
from .streams import Closed, Stream


@dataclass
class _Link:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    http: h11.Connection = field(default_factory=lambda: h11.Connection(h11.CLIENT))
    first: bytes = b""
    rest: bytes = b""  # a line without its end yet
    has_data: bool = False
    event_id: str | None = None


class SseStream(Stream):
    """One SSE client, see `config.SseClient`. Reconnects with Last-Event-ID, as browsers do."""

    _last_id: str | None = None

    async def connect(self) -> _Link:
        """Connect, ask, and read the response's head. Raises `ExchangeFailed`."""
        sock = await open_socket(self.target, self.spec.open_timeout)
        secure: dict[str, Any] = {}
        if self.target.secure:
            secure = {
                "ssl": context(self.config.ca),
                "server_hostname": self.config.server_name,
                "ssl_handshake_timeout": self.spec.open_timeout,
            }
        try:
            link = _Link(*await shaken(asyncio.open_connection(sock=sock, **secure)))
        except ExchangeFailed:
            sock.close()
            raise
        try:
            headers = {"host": self.config.authority, "accept": "text/event-stream", "cache-control": "no-cache"}
            if self._last_id is not None:
                headers["last-event-id"] = self._last_id
            headers.update(self.headers())
            head = h11.Request(method="GET", target=self.spec.path, headers=list(headers.items()))
            async with asyncio.timeout(self.spec.open_timeout):
                link.writer.write(link.http.send(head) + link.http.send(h11.EndOfMessage()))
                await link.writer.drain()
                response = await self._head(link)
            content_type = dict(response.headers).get(b"content-type", b"").decode("latin-1")
            if response.status_code != 200:
                raise ExchangeFailed("bad_status", f"status {response.status_code} instead of 200", link.first)
            if not content_type.startswith("text/event-stream"):
                raise ExchangeFailed("check_failed", f"content type {content_type!r} is no event stream", link.first)
        except BaseException as exc:
            link.writer.close()
            if isinstance(exc, TimeoutError):
                raise ExchangeFailed("timeout", "no response head in time", link.first) from exc
            if isinstance(exc, h11.RemoteProtocolError) and not link.http.trailing_data[1]:
                raise ExchangeFailed("protocol_error", f"not HTTP/1.1: {exc}", link.first) from exc
            if isinstance(exc, (OSError, h11.RemoteProtocolError)):
                kind = "reset_midway" if link.first else "empty_reply"
                raise ExchangeFailed(kind, f"closed by the server: {exc}", link.first) from exc
            if isinstance(exc, h11.LocalProtocolError):
                raise ExchangeFailed("shape_error", f"the request cannot be sent: {exc}") from exc
            raise
        return link

    async def serve(self, link: _Link) -> Closed:
        """Count events until the stream ends."""
        while True:
            try:
                event = link.http.next_event()
                if event is h11.NEED_DATA:
                    async with asyncio.timeout(self.spec.silence):
                        await self._receive(link)
                elif isinstance(event, h11.Data):
                    self._lines(link, bytes(event.data))
                elif isinstance(event, h11.EndOfMessage):
                    return Closed("end", orderly=True)
                else:
                    return Closed("broken", abnormal=True)
            except TimeoutError:
                return Closed("silent", failure=("timeout", f"not one byte within {self.spec.silence:g} s"))
            except h11.RemoteProtocolError as exc:
                if link.http.trailing_data[1]:  # the end of the connection inside the message
                    return Closed("broken", abnormal=True)
                return Closed("garbled", failure=("protocol_error", str(exc)), first_bytes=link.first)
            except OSError:
                return Closed("broken", abnormal=True)

    async def close(self, link: _Link) -> None:
        """Close the connection."""
        link.writer.close()

    async def _head(self, link: _Link) -> h11.Response:
        while True:
            event = link.http.next_event()
            if isinstance(event, h11.Response):
                return event
            if event is h11.NEED_DATA:
                await self._receive(link)
            elif not isinstance(event, h11.InformationalResponse):
                raise h11.RemoteProtocolError("the connection ended before a response")

    async def _receive(self, link: _Link) -> None:
        data = await link.reader.read(65536)
        link.first += data[: max(0, FIRST_BYTES - len(link.first))]
        link.http.receive_data(data)

    def _lines(self, link: _Link, data: bytes) -> None:
        *lines, link.rest = (link.rest + data).split(b"\n")
        for line in lines:
            line = line.rstrip(b"\r")
            name, dummy, value = line.partition(b":")
            if not line:
                if link.has_data:
                    self.got_message()
                    if link.event_id is not None:
                        self._last_id = link.event_id
                link.has_data = False
            elif name == b"data":
                link.has_data = True
            elif name == b"id":
                link.event_id = value.removeprefix(b" ").decode("latin-1")
