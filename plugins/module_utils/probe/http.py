# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The http probe: one GET, redirects not followed, everything within the gate's timeout."""

from __future__ import annotations

import http.client
import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.probe import match, wire
from ansible_collections.steady.deploy.plugins.module_utils.probe.base import Answer, Target
from ansible_collections.steady.deploy.plugins.module_utils.probe.gate import Gate
from ansible_collections.steady.deploy.plugins.module_utils.probe.wording import one_line

# A body nobody looks into is still taken when it is announced and short, so that the service sees no hang-up.
COURTESY = 64 * 1024
# What an exchange raises, for complaint() to tell.
TROUBLE = (OSError, http.client.HTTPException, ValueError)


class HttpProbe:
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
            return _ask(connection, target, gate)
        except TROUBLE as exc:
            return Answer(False, complaint(exc, gate.timeout))
        finally:
            connection.close()


def exchange(connection: wire.Wire, method: str, path: str, headers: t.Mapping[str, str], body: bytes | None) -> http.client.HTTPResponse:
    """Send one request over a fresh connection and read the head of its answer. Header names are in lower case. Raises TROUBLE."""
    client = http.client.HTTPConnection("localhost")
    client.sock = connection
    client.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    sent = {"host": "", "user-agent": "steady.deploy", "accept": "*/*"}
    # A compressed body could not be searched.
    sent.update({"accept-encoding": "identity", "connection": "close"})
    sent.update(headers)
    if body is not None:
        sent["content-length"] = str(len(body))
    for name, value in sent.items():
        client.putheader(name.title(), value.encode("latin-1"))
    client.endheaders(body)
    # Not client.getresponse(): that closes the connection before the body is read when the peer will close it.
    answer = http.client.HTTPResponse(connection, method=method)  # type: ignore[arg-type]
    answer.begin()
    return answer


def complaint(exc: Exception, timeout: float) -> str:
    """What went wrong with an exchange, in a few words."""
    if isinstance(exc, http.client.RemoteDisconnected):
        return "connection closed without an answer"
    if isinstance(exc, http.client.IncompleteRead):
        return "connection closed in the middle of the answer"
    if isinstance(exc, (http.client.HTTPException, ValueError)):
        return f"not an HTTP answer: {one_line(str(exc)) or type(exc).__name__}"
    return wire.reason(exc, timeout)


def _ask(connection: wire.Wire, target: Target, gate: Gate) -> Answer:
    address = f"[{target.address}]" if ":" in target.address else target.address
    headers = {"host": gate.host or f"{address}:{target.port}", **{name.lower(): value for name, value in gate.headers}}
    answer = exchange(connection, "GET", gate.path, headers, None)
    title = f"HTTP {answer.status} {one_line(answer.reason)}".strip()
    return match.judge(gate, title, answer.status, answer.getheaders(), _body(answer, gate))


def _body(answer: http.client.HTTPResponse, gate: Gate) -> bytes:
    if answer.status not in gate.status:
        # Only shown, so whatever is there at once is enough, and none is fine.
        try:
            return answer.read1(4096)
        except (OSError, http.client.HTTPException, ValueError):
            return b""
    if match.wants_body(gate):
        return answer.read(match.BODY_LIMIT + 1)
    if answer.length is not None and answer.length <= COURTESY:
        return answer.read()
    return b""
