"""A tiny application server: `backend.py PORT|SOCKET RELEASE`.

/slow?S answers after S seconds, /stream sends a line every 0.2 s for ever, everything else answers at once.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Coroutine


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, release: str) -> None:
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            method, target, *dummy = head.split(b" ", 2)
            headers = dict(line.lower().split(b":", 1) for line in head.split(b"\r\n")[1:-2])
            await reader.readexactly(int(headers.get(b"content-length", b"0")))
            path, dummy, query = target.partition(b"?")
            if path.startswith(b"/stream"):
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
                while True:
                    writer.write(b"6\r\ntick\n\n\r\n")
                    await writer.drain()
                    await asyncio.sleep(0.2)
            if path == b"/slow":
                await asyncio.sleep(float(query or b"3"))
            body = f"{method.decode()} {release}\n".encode()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nX-Release: %s\r\n\r\n%s" % (len(body), release.encode(), body))
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main() -> None:
    place, release = sys.argv[1], sys.argv[2]

    def serving(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Coroutine[None, None, None]:
        return serve(reader, writer, release)

    if place.isdigit():
        server = await asyncio.start_server(serving, "127.0.0.1", int(place))
    else:
        server = await asyncio.start_unix_server(serving, place)
        os.chmod(place, 0o666)
    async with server:
        await server.serve_forever()


asyncio.run(main())
