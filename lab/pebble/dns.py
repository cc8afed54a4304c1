"""The resolver that Pebble asks: TXT records from `PUT /NAME` on port 8055 (body: the text), all else from Docker's own.

`DELETE /NAME` removes all texts of a name. Only what a challenge over DNS needs is here.
"""

from __future__ import annotations

import http.server
import socket
import struct
import threading

DOCKER = ("127.0.0.11", 53)
TEXTS: dict[str, list[str]] = {}
TXT = 16


def question(packet: bytes) -> tuple[str, int, int]:
    """Name, type, and where the question ends, of a query."""
    labels, at = [], 12
    while packet[at]:
        labels.append(packet[at + 1 : at + 1 + packet[at]].decode("ascii").lower())
        at += packet[at] + 1
    return ".".join(labels), struct.unpack("!H", packet[at + 1 : at + 3])[0], at + 5


def answer(packet: bytes) -> bytes:
    """What a query gets."""
    name, kind, end = question(packet)
    if kind == TXT:
        texts = TEXTS.get(name, [])
        head = packet[:2] + struct.pack("!HHHHH", 0x8580, 1, len(texts), 0, 0)
        records = [
            b"\xc0\x0c" + struct.pack("!HHIHB", TXT, 1, 0, len(text) + 1, len(text)) + text for text in (value.encode() for value in texts)
        ]
        return head + packet[12:end] + b"".join(records)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as upstream:
        upstream.settimeout(3)
        upstream.sendto(packet, DOCKER)
        return upstream.recv(4096)


class Texts(http.server.BaseHTTPRequestHandler):
    """PUT and DELETE of texts."""

    def do_PUT(self) -> None:
        """Add a text."""
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        TEXTS.setdefault(self.path.strip("/").lower(), []).append(body)
        self.send_response(204)
        self.end_headers()

    def do_DELETE(self) -> None:
        """Remove all texts of a name."""
        TEXTS.pop(self.path.strip("/").lower(), None)
        self.send_response(204)
        self.end_headers()


def serve() -> None:
    """Answer queries for ever, one at a time."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", 53))
        while True:
            packet, sender = listening.recvfrom(4096)
            try:
                listening.sendto(answer(packet), sender)
            except (OSError, IndexError, struct.error, UnicodeDecodeError):
                continue


if __name__ == "__main__":
    threading.Thread(target=serve, daemon=True).start()
    http.server.ThreadingHTTPServer(("0.0.0.0", 8055), Texts).serve_forever()
