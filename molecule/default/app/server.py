"""A tiny app: / tells what it is, /readyz whether it is ready. Ends by itself on SIGTERM."""

from __future__ import annotations

import http.server
import json
import os
import signal
import threading


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers every path but /readyz with what the app sees."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer a GET request."""
        with open("/srv/motd.txt", encoding="utf-8") as stream:
            motd = stream.read().strip()
        facts = {
            "version": os.environ["VERSION"],
            "odd": os.environ.get("ODD"),
            "motd": motd,
            "forwarded": self.headers.get("X-Forwarded-For"),
        }
        body = b"ready" if self.path == "/readyz" else json.dumps(facts).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Stay silent."""


server = http.server.ThreadingHTTPServer(("0.0.0.0", 8000), Handler)
# A thread of its own: shutdown() waits for the loop that this signal interrupts.
signal.signal(signal.SIGTERM, lambda *_args: threading.Thread(target=server.shutdown).start())
server.serve_forever()
