from __future__ import annotations

import socket
import threading

import pytest

from ansible_collections.steady.deploy.plugins.module_utils.edge.base import Served, Upstream
from ansible_collections.steady.deploy.plugins.module_utils.edge.front import Seen, ask, judge

WANTED = Served("hotel", "0123456789ab", (Upstream("web", (20010, 20011)), Upstream("ws", (20012,))))


@pytest.mark.parametrize("upstream", ["127.0.0.1:20010", "127.0.0.1:1, 127.0.0.1:20011", "127.0.0.1:1 : 127.0.0.1:20012"])
@pytest.mark.parametrize("status", [200, 301, 404, 500, 503])
def test_any_answer_of_the_release_is_right(upstream, status):
    assert judge(Seen(status, "0123456789ab", upstream), WANTED) == ""


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        (Seen(error="connection refused"), "does not answer: connection refused"),
        (Seen(200), "without the header X-Steady-Release"),
        (Seen(301, location="https://hotel.test/"), "redirect to https://hotel.test/"),
        (Seen(200, "ba9876543210", "127.0.0.1:20001"), "still answered by release ba9876543210"),
        (Seen(502, "0123456789ab", "127.0.0.1:20010"), "does not answer there"),
        (Seen(504, "0123456789ab", "127.0.0.1:20010"), "does not answer there"),
        (Seen(502, "0123456789ab", "hotel_web"), "no live replica"),
        (Seen(200, "0123456789ab", None), "without the header X-Steady-Upstream"),
        (Seen(200, "0123456789ab", "127.0.0.1:20001"), "none of release 0123456789ab's ports (20010, 20011, 20012)"),
        (Seen(200, "0123456789ab", "127.0.0.1:20010, 127.0.0.1:20001"), "none of release"),
    ],
)
def test_what_was_seen_instead_is_said(seen, said):
    assert said in judge(seen, WANTED)


def test_nothing_served_yet():
    assert judge(Seen(502, "none", "hotel_web"), Served("hotel", None)) == ""
    assert "instead of none" in judge(Seen(200, "0123456789ab", "127.0.0.1:20010"), Served("hotel", None))


@pytest.fixture
def server():
    """A server that answers each connection with `answer` and keeps what it got."""

    class Server:
        answer = b""
        got = b""

    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                peer, _address = listener.accept()
            except OSError:
                return
            with peer:
                Server.got = peer.recv(65536)
                peer.sendall(Server.answer)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    Server.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    yield Server
    listener.close()


def test_ask_reads_the_headers(server):
    server.answer = b"HTTP/1.1 404 No\r\nX-Steady-Release: abc\r\nx-steady-upstream: 127.0.0.1:1\r\nContent-Length: 2\r\n\r\nno"
    assert ask(server.url + "/a?b=c", "hotel.test", 2) == Seen(404, "abc", "127.0.0.1:1")
    assert server.got.startswith(b"GET /a?b=c HTTP/1.1\r\n")
    assert server.got.count(b"Host:") == server.got.count(b"Host: hotel.test\r\n") == 1


def test_without_a_host_the_one_of_the_url_is_asked_for(server):
    server.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    assert ask(server.url, None, 2) == Seen(200)
    assert server.got.startswith(b"GET / HTTP/1.1\r\n")
    assert b"Host: " + server.url[7:].encode() + b"\r\n" in server.got


def test_a_body_that_breaks_off_is_no_error(server):
    server.answer = b"HTTP/1.1 200 OK\r\nX-Steady-Release: abc\r\nContent-Length: 200\r\n\r\nno"
    assert ask(server.url, None, 2).release == "abc"


def test_ways_to_get_no_answer(server):
    assert ask(server.url, None, 2).error == "connection closed without an answer"
    server.answer = b"garbage\r\n\r\n"
    assert ask(server.url, None, 2).error
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        assert ask(f"http://127.0.0.1:{free.getsockname()[1]}/", None, 2).error == "connection refused"
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert ask(f"http://127.0.0.1:{silent.getsockname()[1]}/", None, 0.2).error == "no answer within 0.2 s"
    assert ask(server.url.replace("http", "https"), "hotel.test", 2).error
