# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fastcgi probe: asks PHP-FPM, or any other responder, with no web server between."""

from __future__ import annotations

import posixpath

from ansible_collections.steady.deploy.plugins.module_utils.probe import match, wire
from ansible_collections.steady.deploy.plugins.module_utils.probe.base import Answer, Target
from ansible_collections.steady.deploy.plugins.module_utils.probe.gate import Gate
from ansible_collections.steady.deploy.plugins.module_utils.probe.records import (
    FastCgiError,
    RecordReader,
    Reply,
    encode_request,
    split_output,
)
from ansible_collections.steady.deploy.plugins.module_utils.probe.wording import one_line

# Room for the headers, which come in the same stream as the body.
_LIMIT = match.BODY_LIMIT + 64 * 1024


class FastCgiProbe:
    """Ready when the answer has a wanted status and, where asked for, headers and body."""

    def __init__(self, connect: wire.Connect = wire.connect) -> None:
        self._connect = connect

    def probe(self, target: Target, gate: Gate) -> Answer:
        """See Probe.probe."""
        try:
            connection = self._connect(target, gate.timeout)
        except (OSError, UnicodeError) as exc:
            return Answer(False, wire.reason(exc, gate.timeout))
        try:
            return _judge(gate, _ask(connection, request_params(gate)))
        except FastCgiError as exc:
            return Answer(False, one_line(str(exc)))
        except OSError as exc:
            return Answer(False, wire.reason(exc, gate.timeout))
        finally:
            connection.close()


def request_params(gate: Gate) -> dict[str, str]:
    """The CGI variables of the request.

    Without ``script`` the path itself stands as the script, as PHP-FPM's ping and status pages want it.
    With it the script runs as a front controller and sees the path as the request's URI.
    """
    path, _mark, query = gate.path.partition("?")
    host = gate.host or "localhost"
    params = {
        "GATEWAY_INTERFACE": "CGI/1.1",
        "SERVER_SOFTWARE": "steady.deploy",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_NAME": host,
        "SERVER_ADDR": "127.0.0.1",
        "SERVER_PORT": "80",
        "REMOTE_ADDR": "127.0.0.1",
        "REQUEST_METHOD": "GET",
        "REQUEST_SCHEME": "http",
        "REQUEST_URI": gate.path,
        "QUERY_STRING": query,
        "CONTENT_TYPE": "",
        "CONTENT_LENGTH": "",
        "REDIRECT_STATUS": "200",
        "DOCUMENT_ROOT": posixpath.dirname(gate.script),
        "SCRIPT_FILENAME": gate.script or path,
        "SCRIPT_NAME": f"/{posixpath.basename(gate.script)}" if gate.script else path,
        "HTTP_HOST": host,
        "HTTP_USER_AGENT": "steady.deploy",
    }
    params["DOCUMENT_URI"] = params["SCRIPT_NAME"]
    for name, value in gate.headers:
        key = name.upper().replace("-", "_")
        # A header named Proxy would become HTTP_PROXY, which programs take for a setting.
        if key != "PROXY":
            params[key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"] = value
    return params


def _ask(connection: wire.Wire, params: dict[str, str]) -> Reply:
    connection.sendall(encode_request(params))
    reader, reply = RecordReader(), Reply(_LIMIT)
    while not reply.ended and not reply.cut:
        data = connection.recv(65536)
        if not data:
            raise FastCgiError("connection closed in the middle of the answer" if reply.stdout else "connection closed without an answer")
        for record in reader.feed(data):
            reply.take(record)
    return reply


def _judge(gate: Gate, reply: Reply) -> Answer:
    if not reply.stdout:
        return Answer(False, _with_errors("FastCGI gave no output", reply))
    status, reason, headers, body = split_output(bytes(reply.stdout))
    answer = match.judge(gate, f"FastCGI {status} {one_line(reason)}".strip(), status, headers, body)
    return answer if answer.ok else Answer(False, _with_errors(answer.detail, reply))


def _with_errors(detail: str, reply: Reply) -> str:
    errors = one_line(reply.stderr.decode("utf-8", "replace"))
    return f"{detail} (stderr: {errors})" if errors else detail
