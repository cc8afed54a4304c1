# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking through the real front door, and judging which release answered."""

from __future__ import annotations

import contextlib
import http.client
import re
import socket
import ssl
import typing as t
import urllib.parse
from dataclasses import dataclass

from ansible_collections.steady.deploy.plugins.module_utils.edge.base import Served
from ansible_collections.steady.deploy.plugins.module_utils.edge.upstream_file import shown

# Enough for a page; a longer body is not worth waiting for.
_BODY = 1 << 20


@dataclass(frozen=True)
class Seen:
    """One answer. ``release`` and ``upstream`` are the verification headers, None where missing; ``error`` says why there is no answer."""

    status: int = 0
    release: str | None = None
    upstream: str | None = None
    location: str | None = None
    error: str = ""


Ask = t.Callable[[str, t.Optional[str], float], Seen]


def ask(url: str, host: str | None, timeout: float) -> Seen:
    """One GET on a connection of its own. ``host`` replaces the host of ``url`` in the Host header and in TLS' SNI.

    Certificates are not checked: the connection stays on this host, and the question is only who answers.
    """
    parts = urllib.parse.urlsplit(url)
    name = host or parts.hostname or ""
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80), timeout=timeout)
    try:
        connection.connect()
        if parts.scheme == "https":
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            connection.sock = context.wrap_socket(connection.sock, server_hostname=name)
        path = urllib.parse.urlunsplit(("", "", parts.path or "/", parts.query, ""))
        headers = {"Host": host or parts.netloc.rpartition("@")[2], "User-Agent": "steady-deploy", "Connection": "close", "Accept": "*/*"}
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        seen = Seen(
            answer.status, answer.getheader("X-Steady-Release"), answer.getheader("X-Steady-Upstream"), answer.getheader("Location")
        )
        # Read, so that the app sees no client that went away; how the body ends is not the question.
        with contextlib.suppress(OSError, http.client.HTTPException):
            answer.read(_BODY)
        return seen
    except socket.timeout:
        return Seen(error=f"no answer within {timeout:g} s")
    except (OSError, http.client.HTTPException) as exc:
        return Seen(error=_reason(exc))
    finally:
        connection.close()


def _reason(exc: Exception) -> str:
    if isinstance(exc, ConnectionRefusedError):
        return "connection refused"
    if isinstance(exc, (ConnectionResetError, http.client.RemoteDisconnected)):
        return "connection closed without an answer"
    return getattr(exc, "strerror", None) or str(exc) or type(exc).__name__


def judge(seen: Seen, wanted: Served) -> str:
    """Empty if the answer came from the wanted release, else what is wrong with it, to follow "url ..."."""
    if seen.error:
        return f"does not answer: {seen.error}"
    if not seen.release:
        return f"answered {seen.status} without the header X-Steady-Release: {_headerless(seen)}"
    expected = shown(wanted)
    if seen.release != expected:
        return (
            f"is still answered by release {seen.release} (status {seen.status}) instead of {expected}: "
            "Nginx did not take over the new configuration; its error log says why"
        )
    if wanted.release is None:
        return ""
    ports = {port for upstream in wanted.upstreams for port in upstream.ports}
    tried = [int(port) for port in re.findall(r":(\d+)(?=[\s,]|$)", seen.upstream or "")]
    if not tried and seen.upstream:
        return f"answered {seen.status}: Nginx found no live replica of release {expected} in the upstream {seen.upstream}"
    if not tried:
        return (
            f"answered {seen.status} without the header X-Steady-Upstream: Nginx answered by itself{_redirect(seen)}; "
            "give the rollout a url that the vhost passes on to the app, and check that its location sends that header"
        )
    if tried[-1] not in ports:
        return f"was answered from {seen.upstream}, which is none of release {expected}'s ports ({', '.join(map(str, sorted(ports)))})"
    if seen.status in (502, 504):
        return f"answered {seen.status}: release {expected} is asked at {seen.upstream} but does not answer there"
    return ""


def _headerless(seen: Seen) -> str:
    redirect = _redirect(seen)
    if redirect:
        return f"Nginx answered by itself{redirect}; give the rollout that address as url"
    return (
        "another vhost answers there, or the vhost sends no verification headers (every location needs both add_header lines), "
        "or the request does not reach Nginx from a loopback address"
    )


def _redirect(seen: Seen) -> str:
    return f" with a redirect to {seen.location}" if 300 <= seen.status < 400 and seen.location else ""
