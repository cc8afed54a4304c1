"""Telling others of a rollout, over real sockets."""

from __future__ import annotations

import json
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from unit.rollout.fakes import RolloutClock

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import SpecError
from ansible_collections.steady.deploy.plugins.module_utils.core.notify import Notifier

SECRET = "T0KEN-geheim"


class Receiver(ThreadingHTTPServer):
    """Remembers what it gets, and answers ``status`` after ``wait`` seconds, or drips for ever."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.seen: list[tuple[str, str, dict, bytes]] = []
        self.status, self.wait, self.location = 204, 0.0, ""
        self.drip = False
        self.over = threading.Event()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/hook/{SECRET}?key={SECRET}"


class Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen.append((self.command, self.path, dict(self.headers), body))
        self.server.over.wait(self.server.wait)
        if self.server.drip:
            self.wfile.write(b"HTTP/1.1 200 OK\r\n")
            while not self.server.over.wait(0.1):
                self.wfile.write(b"X: y\r\n")
        self.send_response(self.server.status)
        if self.server.location:
            self.send_header("Location", self.server.location)
        self.end_headers()

    do_GET = do_POST

    def log_message(self, *args):
        pass


@pytest.fixture
def receiver():
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.over.set()
        server.shutdown()


def notifier(url, **params):
    return Notifier({"url": url, **params}, RolloutClock())


def test_an_event_arrives_with_its_facts(receiver):
    send = notifier(receiver.url, headers={"Authorization": f"Bearer {SECRET}"}).send
    assert send("undone", app="shop", release="new", previous=None, message="it broke: ü", seconds=1.5) is None
    ((method, path, headers, body),) = receiver.seen
    assert (method, path) == ("POST", f"/hook/{SECRET}?key={SECRET}")
    assert (headers["Authorization"], headers["Content-Type"]) == (f"Bearer {SECRET}", "application/json")
    assert json.loads(body) == {
        "event": "undone",
        "host": socket.gethostname(),
        "at": "2023-11-14T22:30:00.000+00:00",
        "app": "shop",
        "release": "new",
        "previous": None,
        "message": "it broke: ü",
        "seconds": 1.5,
    }


@pytest.mark.parametrize("params", [None, {}, {"url": None, "headers": None, "timeout": None}, {"url": ""}])
def test_without_a_url_nothing_is_sent(params):
    assert Notifier(params, RolloutClock()).send("started") is None


def test_an_answer_other_than_good_is_a_warning_without_the_secret(receiver):
    receiver.status = 403
    place = f"http://127.0.0.1:{receiver.server_port}"
    assert notifier(receiver.url).send("started") == f"{place} was not told that the rollout started: it answered 403"
    # The headers must not go where a redirect points.
    receiver.status, receiver.location = 302, "/elsewhere"
    assert notifier(receiver.url).send("succeeded") == f"{place} was not told that the rollout succeeded: it answered 302"
    assert len(receiver.seen) == 2


@pytest.mark.parametrize("how", ["wait", "drip"])
def test_the_whole_answer_is_waited_for_only_so_long(receiver, how):
    setattr(receiver, how, 60)
    begun = time.monotonic()
    warning = notifier(receiver.url, timeout=0.4).send("undone")
    assert warning.startswith("http://127.0.0.1:") and " was not told that the rollout was undone: " in warning
    assert SECRET not in warning
    assert time.monotonic() - begun < 5


def test_nobody_there():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    warning = notifier(f"http://me:{SECRET}@127.0.0.1:{port}/{SECRET}").send("failed")
    assert warning.startswith(f"http://127.0.0.1:{port} was not told that the rollout failed: ") and SECRET not in warning


def test_a_header_that_can_not_be_sent_is_a_warning(receiver):
    warning = notifier(receiver.url, headers={"X": f"{SECRET}\r\nY: z"}).send("started")
    assert warning.endswith("the rollout started: ValueError") and SECRET not in warning


@pytest.mark.parametrize("url", [f"ftp://h/{SECRET}", SECRET, f"http:///{SECRET}", f"http://h:99999/{SECRET}", f"http://[{SECRET}"])
def test_a_url_that_can_not_work_is_refused_without_telling_it(url):
    with pytest.raises(SpecError) as caught:
        notifier(url)
    assert caught.value.message == "notify: url must begin with http:// or https:// and a host"


def test_a_timeout_must_be_one(receiver):
    with pytest.raises(SpecError):
        notifier(receiver.url, timeout=0)
