"""What a release's service is here: answers everything on port 20001, a large page for /large."""

import http.server
import json


class Web(http.server.BaseHTTPRequestHandler):
    """Keeps connections open, as application servers do."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        """Tell the request's headers."""
        body = json.dumps(dict(self.headers)).encode() if not self.path.startswith("/large") else b"large " * 4000
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(404 if self.path.startswith("/build/") else 200)
        self.send_header("Content-Type", "text/plain" if self.path.startswith("/large") else "application/json")
        self.send_header("Content-Length", str(len(body)))
        if self.path == "/own":
            self.send_header("Content-Security-Policy", "default-src 'none'")
            self.send_header("Access-Control-Allow-Origin", "*")
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, *_args):
        """Say nothing."""


class Server(http.server.ThreadingHTTPServer):
    """Takes as many at once as a test of load brings."""

    request_queue_size = 512
    daemon_threads = True


Server(("127.0.0.1", 20001), Web).serve_forever()
