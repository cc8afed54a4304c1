"""Small real servers that misbehave on purpose, and that write down what reached them."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import h11
from load import Config, Result, Shape, generate

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-release: a\r\n\r\nok"


@dataclass
class Request:
    """One request as the server read it."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    connection: int  # number of the connection
    use: int  # 1 for the first request on the connection


@dataclass
class Peer:
    """The server's side of one connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    closed: bool = False

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    def close(self) -> None:
        """Orderly: FIN."""
        self.closed = True
        self.writer.close()

    def reset(self) -> None:
        """RST, whatever was read or not."""
        self.closed = True
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Answer = Callable[[Peer, Request], Awaitable[None]]


@dataclass
class Server:
    """Listens on a free port of 127.0.0.1 and answers every request by `answer`."""

    answer: Answer
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    async def __aenter__(self) -> Server:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=1024)
        self.port = self._server.sockets[0].getsockname()[1]
        self._tasks: set[asyncio.Task] = set()
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self.connections += 1
        number, use, peer = self.connections, 0, Peer(reader, writer)
        http = h11.Connection(h11.SERVER)
        with contextlib.suppress(OSError, asyncio.CancelledError):
            while not peer.closed:
                request = await self._read(http, reader)
                if request is None:
                    break
                use += 1
                request.connection, request.use = number, use
                self.requests.append(request)
                await self.answer(peer, request)
                # The answers are raw bytes, so the server's own framing starts anew each time.
                http = h11.Connection(h11.SERVER)
        writer.close()

    async def _read(self, http: h11.Connection, reader: asyncio.StreamReader) -> Request | None:
        head, body = None, b""
        while True:
            event = http.next_event()
            if event is h11.NEED_DATA:
                http.receive_data(await reader.read(65536))
            elif isinstance(event, h11.Request):
                head = event
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                headers = {name.decode(): value.decode() for name, value in head.headers}
                return Request(head.method.decode(), head.target.decode(), headers, body, 0, 0)
            else:
                return None


async def ok(peer: Peer, request: Request) -> None:
    await peer.send(OK)


def config(url: str, **changes) -> Config:
    """A short load of one shape."""
    settings = {"shapes": (Shape("get"),), "rate": 200, "seconds": 0.25, "keepalive": 4, "timeout": 2.0, "fresh": 0.0}
    return Config(url=url, **{**settings, **changes})


def run(answer: Answer, **changes) -> tuple[Result, Server]:
    """Run a load against a server with that answer; return what both sides saw."""

    async def both() -> tuple[Result, Server]:
        async with Server(answer) as server:
            return await generate(config(server.url, **changes)), server

    return asyncio.run(both())


def free_port() -> int:
    """A port on 127.0.0.1 on which nobody listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]
