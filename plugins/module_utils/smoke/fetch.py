# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sending a request and reading its answer: the one place of smoke tests that touches the network."""

from __future__ import annotations

import ssl
import typing as t
import urllib.parse
from dataclasses import dataclass

from ansible_collections.steady.deploy.plugins.module_utils.probe import http, match, wire
from ansible_collections.steady.deploy.plugins.module_utils.probe.base import Target
from ansible_collections.steady.deploy.plugins.module_utils.probe.wording import one_line


@dataclass(frozen=True)
class Asked:
    """One request as it is sent: to the address in ``url``, in the name of ``host``. ``timeout`` bounds all of it, in seconds."""

    method: str
    url: str
    host: str
    headers: tuple[tuple[str, str], ...]
    body: bytes | None
    timeout: float


@dataclass(frozen=True)
class Reply:
    """One answer. ``body`` may hold one byte more than match.BODY_LIMIT, to say that there was more; ``error`` says why there is none."""

    status: int = 0
    reason: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    error: str = ""

    def header(self, name: str) -> list[str]:
        """All values of a header."""
        return [value.strip() for key, value in self.headers if key.lower() == name.lower()]


Fetch = t.Callable[[Asked], Reply]


class HttpFetch:
    """The real one. Redirects are answers like any other. Trouble is an answer too, never an exception."""

    def __init__(self, validate_certs: bool = True, connect: wire.Connect = wire.connect) -> None:
        self._connect = connect
        self._context = ssl.create_default_context()
        if not validate_certs:
            self._context.check_hostname = False
            self._context.verify_mode = ssl.CERT_NONE

    def __call__(self, asked: Asked) -> Reply:
        """Send the request on a connection of its own."""
        parts = urllib.parse.urlsplit(asked.url)
        secure = parts.scheme == "https"
        try:
            connection = self._connect(Target(address=parts.hostname or "", port=parts.port or (443 if secure else 80)), asked.timeout)
        except (OSError, UnicodeError) as exc:
            return Reply(error=wire.reason(exc, asked.timeout))
        try:
            if secure:
                connection.secure(self._context, urllib.parse.urlsplit("//" + asked.host).hostname or "")
            path = urllib.parse.urlunsplit(("", "", parts.path or "/", parts.query, ""))
            headers = {"host": asked.host, **{name.lower(): value for name, value in asked.headers}}
            answer = http.exchange(connection, asked.method, path, headers, asked.body)
            return Reply(answer.status, one_line(answer.reason), tuple(answer.getheaders()), answer.read(match.BODY_LIMIT + 1))
        except ssl.SSLCertVerificationError as exc:
            return Reply(error=f"the certificate is not accepted: {one_line(exc.verify_message)} (validate_certs)")
        except http.TROUBLE as exc:
            return Reply(error=http.complaint(exc, asked.timeout))
        finally:
            connection.close()
