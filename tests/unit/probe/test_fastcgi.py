# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fastcgi probe against a peer that speaks, or does not speak, FastCGI."""

from __future__ import annotations

import struct
import time

import pytest
from unit.probe.fakes import Peer, free_port, says

from ansible_collections.steady.deploy.plugins.module_utils.probe.base import Answer, Target
from ansible_collections.steady.deploy.plugins.module_utils.probe.fastcgi import FastCgiProbe, request_params
from ansible_collections.steady.deploy.plugins.module_utils.probe.gate import Gate
from ansible_collections.steady.deploy.plugins.module_utils.probe.records import END_REQUEST, STDERR, STDOUT, encode_record

END = encode_record(END_REQUEST, bytes(8))


def out(text: bytes) -> bytes:
    return encode_record(STDOUT, text)


def ask(peer: Peer, **wanted) -> Answer:
    return FastCgiProbe().probe(peer.target, Gate("fastcgi", port=9000, **wanted))


@pytest.mark.parametrize(
    ("said", "wanted", "answer"),
    [
        (out(b"Content-Type: text/plain\r\n\r\npong") + END, {"body": "pong"}, Answer(True, "FastCGI 200 OK")),
        (out(b"A: b\r\n\r\npo") + out(b"ng") + out(b"") + END, {"body": "pong"}, Answer(True, "FastCGI 200 OK")),
        (out(b"Status: 503 Busy\r\n\r\nno db") + END, {}, Answer(False, "FastCGI 503 Busy: no db")),
        (
            encode_record(STDERR, b"Primary script unknown\n") + out(b"Status: 404 Not Found\r\n\r\nFile not found.\n") + END,
            {},
            Answer(False, "FastCGI 404 Not Found: File not found. (stderr: Primary script unknown)"),
        ),
        (out(b'A: b\r\n\r\n{"ok": true}') + END, {"jmespath": "ok"}, Answer(True, "FastCGI 200 OK")),
        (END, {}, Answer(False, "FastCGI gave no output")),
        (encode_record(STDERR, b"fatal") + END, {}, Answer(False, "FastCGI gave no output (stderr: fatal)")),
        (b"", {}, Answer(False, "connection closed without an answer")),
        (out(b"A: b\r\n\r\n"), {}, Answer(False, "connection closed in the middle of the answer")),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", {}, Answer(False, "the answer is not FastCGI")),
        (encode_record(END_REQUEST, b"short"), {}, Answer(False, "the answer is not FastCGI")),
        (encode_record(END_REQUEST, struct.pack(">IB3x", 0, 2)), {}, Answer(False, "the request was refused: it is overloaded")),
        (out(b"no headers at all") + END, {}, Answer(False, "the output has no CGI headers: 'no headers at all'")),
    ],
)
def test_answers(said, wanted, answer):
    with Peer(says(said)) as peer:
        assert ask(peer, **wanted) == answer


def test_a_unix_socket(tmp_path):
    path = str(tmp_path / "php.sock")
    assert FastCgiProbe().probe(Target(socket=path), Gate("fastcgi", socket=path)) == Answer(False, "no such file or directory")
    with Peer(says(out(b"A: b\r\n\r\n") + END), path) as peer:
        assert ask(peer).ok


def test_nothing_listens():
    assert FastCgiProbe().probe(Target("127.0.0.1", free_port()), Gate("fastcgi", port=1)) == Answer(False, "connection refused")


def test_a_drip_of_records_ends_with_the_timeout():
    with Peer(says(*([out(b"x")] * 100), pause=0.05)) as peer:
        started = time.monotonic()
        assert ask(peer, timeout=0.4) == Answer(False, "no answer within 0.4 s")
        assert time.monotonic() - started < 0.8


def test_an_endless_answer_is_bounded():
    with Peer(says(out(b"A: b\r\n\r\n"), *([out(b"x" * 65535)] * 40))) as peer:
        assert ask(peer, body="y").detail.startswith("FastCGI 200 OK, but the body does not contain 'y': xxx")


def test_params_of_a_ping_page():
    params = request_params(Gate("fastcgi", port=9000, path="/ping?full"))
    assert params["SCRIPT_NAME"] == params["SCRIPT_FILENAME"] == "/ping"
    assert (params["REQUEST_URI"], params["QUERY_STRING"], params["REQUEST_METHOD"]) == ("/ping?full", "full", "GET")


def test_params_of_a_front_controller():
    gate = Gate(
        "fastcgi", port=9000, path="/readyz", script="/app/public/index.php", host="hotel", headers=(("X-A", "b"), ("Proxy", "evil"))
    )
    params = request_params(gate)
    assert params["SCRIPT_FILENAME"] == "/app/public/index.php"
    assert params["SCRIPT_NAME"] == params["DOCUMENT_URI"] == "/index.php"
    assert params["DOCUMENT_ROOT"] == "/app/public"
    assert params["REQUEST_URI"] == "/readyz"
    assert params["HTTP_HOST"] == params["SERVER_NAME"] == "hotel"
    assert params["HTTP_X_A"] == "b"
    assert "HTTP_PROXY" not in params
