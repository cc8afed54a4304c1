"""The hotel's mail catcher: takes every mail by SMTP, delivers none, and tells over HTTP what came.

SMTP on port 1025. HTTP on port 8025: ``/messages?to=ADDRESS`` gives the mails to that address, the newest last;
``/livez`` answers while the service runs. Mails are kept in memory, the last 1,000.
"""

from __future__ import annotations

import asyncio
import collections
import email
import email.policy
import json
import signal
import time
import urllib.parse

SMTP_PORT, HTTP_PORT = 1025, 8025
MAX_BYTES = 1024 * 1024
PATIENCE = 60

kept: collections.deque[tuple[list[str], dict[str, object]]] = collections.deque(maxlen=1000)


def keep(receivers: list[str], data: bytes) -> None:
    """Remember one mail."""
    mail = email.message_from_bytes(data, policy=email.policy.default)
    body = mail.get_body(("plain", "html"))
    kept.append(
        (
            [receiver.lower() for receiver in receivers],
            {
                "subject": str(mail["subject"] or ""),
                "from": str(mail["from"] or ""),
                "text": body.get_content() if body else "",
                "version": str(mail["x-hotel-version"] or ""),
                "at_ms": int(time.time() * 1000),
            },
        )
    )


async def read_data(reader: asyncio.StreamReader) -> bytes | None:
    """The mail up to the line with a single dot, None where it is too long."""
    lines, size = [], 0
    while (line := await reader.readline()) not in (b".\r\n", b".\n"):
        if not line:
            raise ConnectionError
        size += len(line)
        if size <= MAX_BYTES:
            lines.append(line[1:] if line.startswith(b".") else line)
    return b"".join(lines) if size <= MAX_BYTES else None


async def talk_smtp(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One SMTP conversation."""
    receivers: list[str] = []

    def say(text: str) -> None:
        writer.write(text.encode() + b"\r\n")

    say("220 mail catcher")
    while line := await reader.readline():
        text = line.decode("utf-8", "replace").strip()
        verb = text[:4].upper()
        if verb == "EHLO":
            say(f"250-mail catcher\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 SIZE {MAX_BYTES}")
        elif verb in ("HELO", "NOOP"):
            say("250 OK")
        elif verb in ("MAIL", "RSET"):
            receivers = []
            say("250 OK")
        elif verb == "RCPT":
            receivers.append(text.partition("<")[2].partition(">")[0] or text.partition(":")[2].strip())
            say("250 OK")
        elif verb == "DATA" and receivers:
            say("354 end with a single dot")
            data = await read_data(reader)
            if data is None:
                say("552 too long")
            else:
                keep(receivers, data)
                say("250 kept")
            receivers = []
        elif verb == "QUIT":
            say("221 bye")
            return
        else:
            say("503 what is wanted?")
        await writer.drain()


async def talk_http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One HTTP request and its answer."""
    head = await reader.readuntil(b"\r\n\r\n")
    url = urllib.parse.urlsplit(head.split(b" ", 2)[1].decode("latin-1"))
    wanted = urllib.parse.parse_qs(url.query).get("to", [""])[0].lower()
    if url.path == "/livez":
        status, answer = "200 OK", {"status": "alive"}
    elif url.path == "/messages" and wanted:
        status, answer = "200 OK", {"messages": [mail for receivers, mail in kept if wanted in receivers]}
    else:
        status, answer = "404 Not Found", {"message": "no such path; mails are at /messages?to=ADDRESS"}
    body = json.dumps(answer).encode()
    writer.write(
        f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
    )
    writer.write(body)
    await writer.drain()


def bounded(talk):
    """A conversation that ends by itself, and takes nobody with it when it breaks."""

    async def run(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await asyncio.wait_for(talk(reader, writer), PATIENCE)
        except (OSError, ValueError, LookupError, EOFError, TimeoutError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.close()

    return run


async def main() -> None:
    """Serve until SIGTERM."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    servers = [
        await asyncio.start_server(bounded(talk_smtp), "0.0.0.0", SMTP_PORT),
        await asyncio.start_server(bounded(talk_http), "0.0.0.0", HTTP_PORT),
    ]
    print(json.dumps({"message": "listening", "smtp": SMTP_PORT, "http": HTTP_PORT}), flush=True)
    await stop.wait()
    for server in servers:
        server.close()


if __name__ == "__main__":
    asyncio.run(main())
