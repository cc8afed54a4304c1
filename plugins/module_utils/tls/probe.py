# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether names lead anywhere, and to this host's web root: asked before a CA is, which counts what fails."""

from __future__ import annotations

import contextlib
import http.client
import os
import secrets
import socket
import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.tls.errors import CertificateError

_SECONDS = 10
_PATH = ".well-known/acme-challenge"


class Web(t.Protocol):
    """Names and pages, as a CA sees them."""

    def addresses(self, name: str) -> t.Sequence[str]:
        """What a name leads to, empty where it leads nowhere."""

    def unknown(self, name: str) -> bool:
        """Whether DNS says that a name leads nowhere. False where DNS does not answer."""

    def get(self, name: str, address: str, path: str) -> str:
        """The body that one address of a name gives over HTTP. Raises CertificateError with what came instead."""


class RealWeb:
    """The real one."""

    def addresses(self, name: str) -> t.Sequence[str]:
        """See Web.addresses."""
        try:
            return sorted({str(found[4][0]) for found in socket.getaddrinfo(name, 80, type=socket.SOCK_STREAM)})
        except (OSError, UnicodeError):
            return []

    def unknown(self, name: str) -> bool:
        """See Web.unknown."""
        try:
            socket.getaddrinfo(name, 80, type=socket.SOCK_STREAM)
        except socket.gaierror as exc:
            return exc.errno in (socket.EAI_NONAME, socket.EAI_NODATA)
        except (OSError, UnicodeError):
            return False
        return False

    def get(self, name: str, address: str, path: str) -> str:
        """See Web.get."""
        connection = http.client.HTTPConnection(address, 80, timeout=_SECONDS)
        try:
            connection.request("GET", path, headers={"Host": name, "User-Agent": "steady.deploy"})
            answer = connection.getresponse()
            if answer.status == 200:
                return answer.read(4096).decode("utf-8", "replace")
            told = f" to {answer.getheader('Location')}" if answer.getheader("Location") else ""
            raise CertificateError(f"answers with {answer.status}{told}")
        except (OSError, http.client.HTTPException) as exc:
            raise CertificateError(f"does not answer: {getattr(exc, 'strerror', None) or exc}") from exc
        finally:
            connection.close()


def unknown(web: Web, names: t.Sequence[str]) -> list[str]:
    """One phrase for each name that DNS does not know."""
    return [_nowhere(name) for name in names if web.unknown(name)]


def unreachable(web: Web, webroot: str, names: t.Sequence[str]) -> list[str]:
    """One phrase for each name whose challenge would fail. Puts a file into the web root meanwhile. Raises OSError."""
    token = secrets.token_hex(12)
    folder = os.path.join(webroot, _PATH)
    os.makedirs(folder, 0o755, exist_ok=True)
    file = os.path.join(folder, f"steady-{token}")
    with open(file, "w", encoding="ascii") as stream:
        stream.write(token)
    os.chmod(file, 0o644)
    try:
        return [phrase for phrase in (_phrase(web, name, token) for name in names) if phrase]
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(file)


def _nowhere(name: str) -> str:
    return f"{name} does not resolve (no A or AAAA record in DNS)"


def _phrase(web: Web, name: str, token: str) -> str:
    addresses = web.addresses(name)
    if not addresses:
        return _nowhere(name)
    for address in addresses:
        try:
            got = web.get(name, address, f"/{_PATH}/steady-{token}")
        except CertificateError as exc:
            if ":" in address and len(addresses) > 1 and "unreachable" in exc.message:
                # This host has no way into the IPv6 network, which says nothing about the CA's.
                continue
            return f"{name} at {address} {exc.message}"
        if got.strip() != token:
            return f"{name} at {address} answers with another host's page"
    return ""
