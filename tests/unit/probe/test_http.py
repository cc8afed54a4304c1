# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The http probe against a peer that says exactly what it is told."""

from __future__ import annotations

import socket
import time

import pytest
from unit.probe.fakes import Peer, free_port, says

from ansible_collections.steady.deploy.plugins.module_utils.probe.base import Answer, Target
from ansible_collections.steady.deploy.plugins.module_utils.probe.gate import Gate
from ansible_collections.steady.deploy.plugins.module_utils.probe.http import HttpProbe


def ask(peer: Peer, **wanted) -> Answer:
    return HttpProbe().probe(peer.target, Gate("http", port=peer.port, **{"timeout": 2.0, **wanted}))


def reply(body: bytes, status: str = "200 OK", headers: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body


@pytest.mark.parametrize(
    ("said", "wanted", "answer"),
    [
        (reply(b"fine"), {}, Answer(True, "HTTP 200 OK")),
        (reply(b"", "204 No Content"), {"status": (200, 204)}, Answer(True, "HTTP 204 No Content")),
        (reply(b"", "200"), {}, Answer(True, "HTTP 200")),
        (reply(b"db\n  down", "503 Service Unavailable"), {}, Answer(False, "HTTP 503 Service Unavailable: db down")),
        (reply(b"", "500 Oh"), {}, Answer(False, "HTTP 500 Oh")),
        (reply(b"fine"), {"status": (204,)}, Answer(False, "HTTP 200 OK: fine")),
        (reply(b"x", "302 Found", "Location: /login\r\n"), {}, Answer(False, "HTTP 302 Found: redirects to /login")),
        (reply(b"x", "302 Found", "Location: /login\r\n"), {"status": (302,)}, Answer(True, "HTTP 302 Found")),
        (reply(b"it is ok now"), {"body": "ok"}, Answer(True, "HTTP 200 OK")),
        (reply(b"starting"), {"body": "ok"}, Answer(False, "HTTP 200 OK, but the body does not contain 'ok': starting")),
        (reply("grün".encode()), {"body": "grün"}, Answer(True, "HTTP 200 OK")),
        (reply(b"\xff ok"), {"body": "ok"}, Answer(True, "HTTP 200 OK")),
        (reply(b"", headers="X-V: 2\r\n"), {"expect_headers": (("x-v", "2"),)}, Answer(True, "HTTP 200 OK")),
        (reply(b"", headers="X-V: 1\r\nX-V: 2\r\n"), {"expect_headers": (("x-v", "2"),)}, Answer(True, "HTTP 200 OK")),
        (reply(b""), {"expect_headers": (("X-V", "2"),)}, Answer(False, "HTTP 200 OK, but header X-V is missing")),
        (
            reply(b"", headers="X-V: 1\r\n"),
            {"expect_headers": (("X-V", "2"),)},
            Answer(False, "HTTP 200 OK, but header X-V is '1' instead of '2'"),
        ),
        (reply(b'{"s": "ok"}'), {"jmespath": "s == 'ok'"}, Answer(True, "HTTP 200 OK")),
        (reply(b'{"s": 0}'), {"jmespath": "s"}, Answer(True, "HTTP 200 OK")),
        (
            reply(b'{"s": "no"}'),
            {"jmespath": "s == 'ok'"},
            Answer(False, 'HTTP 200 OK, but `jmespath` "s == \'ok\'" gives false: {"s": "no"}'),
        ),
        (reply(b"{}"), {"jmespath": "s"}, Answer(False, "HTTP 200 OK, but `jmespath` 's' gives null: {}")),
        (reply(b"<p>"), {"jmespath": "s"}, Answer(False, "HTTP 200 OK, but the body is not JSON: <p>")),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", {"body": "ok"}, Answer(True, "HTTP 200 OK")),
        (b"HTTP/1.0 200 OK\r\n\r\nok", {"body": "ok"}, Answer(True, "HTTP 200 OK")),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + reply(b""), {}, Answer(True, "HTTP 200 OK")),
        (b"", {}, Answer(False, "connection closed without an answer")),
        (b"SSH-2.0-OpenSSH\r\n", {}, Answer(False, "not an HTTP answer: SSH-2.0-OpenSSH")),
        (b"HTTP/1.1 abc OK\r\n\r\n", {}, Answer(False, "not an HTTP answer: HTTP/1.1 abc OK")),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nok", {}, Answer(False, "connection closed in the middle of the answer")),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            {"body": "ok"},
            Answer(False, "connection closed in the middle of the answer"),
        ),
    ],
)
def test_answers(said, wanted, answer):
    with Peer(says(said)) as peer:
        assert ask(peer, **wanted) == answer


def test_the_request():
    with Peer(says(reply(b""))) as peer:
        assert ask(peer, path="/readyz?a=1", host="hotel.example", headers=(("X-A", "ü"), ("user-agent", "me"))).ok
    lines = peer.got[0].decode("latin-1").split("\r\n")
    assert lines[0] == "GET /readyz?a=1 HTTP/1.1"
    assert sorted(lines[1:-2]) == [
        "Accept-Encoding: identity",
        "Accept: */*",
        "Connection: close",
        "Host: hotel.example",
        "User-Agent: me",
        "X-A: ü",
    ]


def test_the_host_header_without_host():
    with Peer(says(reply(b""))) as peer:
        assert ask(peer).ok
    assert f"\r\nHost: 127.0.0.1:{peer.port}\r\n".encode() in peer.got[0]


def test_nothing_listens():
    assert HttpProbe().probe(Target("127.0.0.1", free_port()), Gate("http", port=1)) == Answer(False, "connection refused")


@pytest.mark.parametrize(
    ("target", "detail"),
    [
        (Target("no-such-host.invalid", 80), "the address can't be resolved"),
        (Target("", 8000), "the container has no address and does not publish port 8000"),
        (Target("a" * 70 + ".example", 80), None),
    ],
)
def test_bad_addresses_are_answers(target, detail):
    answer = HttpProbe().probe(target, Gate("http", port=80))
    assert not answer.ok
    assert detail is None or answer.detail == detail


@pytest.mark.parametrize(
    ("first", "rest"),
    [
        (b"", b"H"),
        (b"HTTP/1.1 200 OK\r\n", b"X"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\n", b"x"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
)
def test_a_slow_drip_ends_with_the_timeout(first, rest):
    with Peer(says(first, *([rest] * 100), pause=0.05)) as peer:
        started = time.monotonic()
        answer = ask(peer, timeout=0.4, body="ok")
        assert time.monotonic() - started < 0.8
    assert answer == Answer(False, "no answer within 0.4 s")


def test_a_silent_peer():
    with Peer(says(b"", pause=2)) as peer:
        assert ask(peer, timeout=0.2) == Answer(False, "no answer within 0.2 s")


def test_an_endless_body_nobody_asked_for_is_not_read():
    def talk(connection: socket.socket, _first: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
        time.sleep(3)

    with Peer(talk) as peer:
        assert ask(peer, timeout=1.0) == Answer(True, "HTTP 200 OK")


def test_a_long_body_nobody_asked_for_is_not_read():
    with Peer(says(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", pause=3)) as peer:
        assert ask(peer, timeout=1.0) == Answer(True, "HTTP 200 OK")


def test_a_status_that_fails_waits_for_no_body_longer_than_the_timeout():
    with Peer(says(b"HTTP/1.1 503 No\r\nContent-Length: 10\r\n\r\n", pause=3)) as peer:
        assert ask(peer, timeout=0.3) == Answer(False, "HTTP 503 No")


def flood(connection: socket.socket, _first: bytes) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    for _time in range(64):
        connection.sendall(b'["' + b"x" * 65534)
    connection.sendall(b"needle")


def test_a_huge_body_is_bounded():
    with Peer(flood) as peer:
        answer = ask(peer, body="needle")
        assert answer.detail.startswith("HTTP 200 OK, but the body does not contain 'needle': ")
        assert len(answer.detail) < 200
        answer = ask(peer, jmespath="a")
        assert answer.detail.startswith("HTTP 200 OK, but the body is longer than 1048576 bytes, too long for `jmespath`: ")


def test_endless_headers_are_refused():
    with Peer(says(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200)) as peer:
        assert ask(peer).detail.startswith("not an HTTP answer: got more than 100 headers")


def test_a_reset_is_an_answer():
    def talk(connection: socket.socket, _first: bytes) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")

    with Peer(talk) as peer:
        assert ask(peer) == Answer(False, "connection reset by peer")


def test_control_characters_do_not_reach_the_detail():
    with Peer(says(reply(b"\x1b[31mred\x00\r\nnext", "500 A\x07B"))) as peer:
        assert ask(peer) == Answer(False, "HTTP 500 AB: [31mred next")
