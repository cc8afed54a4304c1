"""The hotel's WebSocket service: echoes what it gets and ticks once per second.

It listens on port 8081. ``/ws`` is the WebSocket; ``/livez`` and ``/readyz`` are plain HTTP. On
SIGTERM it takes no new connections and closes the open ones with code 1001 (going away).
"""

from __future__ import annotations

import asyncio
import http
import json
import logging
import pathlib
import signal
import socket
import time

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

PORT = 8081
VERSION = pathlib.Path("/srv/ws/version").read_text(encoding="utf-8").strip()
HOST = socket.gethostname()


def message(kind: str, **fields: object) -> str:
    """One message as JSON, with the version and the host that sent it."""
    return json.dumps({"type": kind, "version": VERSION, "host": HOST, "at_ms": int(time.time() * 1000), **fields})


def answer_http(connection: ServerConnection, request):
    """Answer probes over plain HTTP; let ``/ws`` go on to the WebSocket handshake."""
    path = request.path.partition("?")[0]
    if path == "/ws":
        return None
    if path in ("/livez", "/readyz"):
        response = connection.respond(http.HTTPStatus.OK, json.dumps({"status": "ready", "version": VERSION}) + "\n")
        del response.headers["Content-Type"]
        response.headers["Content-Type"] = "application/json"
        return response
    return connection.respond(http.HTTPStatus.NOT_FOUND, "no such path; the WebSocket is at /ws\n")


async def tick(connection: ServerConnection) -> None:
    """Send one tick per second until the connection ends."""
    n = 0
    try:
        while True:
            await asyncio.sleep(1)
            n += 1
            await connection.send(message("tick", n=n))
    except ConnectionClosed:
        return


async def talk(connection: ServerConnection) -> None:
    """Serve one client: greet it, tick, and echo each of its messages."""
    ticker = asyncio.create_task(tick(connection))
    try:
        await connection.send(message("hello"))
        async for text in connection:
            await connection.send(message("echo", text=text if isinstance(text, str) else text.hex()))
    except ConnectionClosed:
        pass
    finally:
        ticker.cancel()


async def main() -> None:
    """Serve until SIGTERM."""
    # A TCP probe that opens and closes a connection is no error worth a traceback.
    logging.getLogger("websockets").setLevel(logging.CRITICAL)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    server = await serve(
        talk,
        "0.0.0.0",
        PORT,
        process_request=answer_http,
        max_size=65536,
        ping_interval=20,
        ping_timeout=20,
        close_timeout=5,
        server_header=None,
    )
    print(json.dumps({"message": "listening", "port": PORT, "version": VERSION}), flush=True)
    await stop.wait()
    print(json.dumps({"message": "closing", "connections": len(server.connections)}), flush=True)
    server.close()  # code 1001
    await server.wait_closed()


if __name__ == "__main__":
    asyncio.run(main())
