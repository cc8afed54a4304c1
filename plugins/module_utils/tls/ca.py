# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a CA says without an account: its directory, and when it would like a certificate renewed."""

from __future__ import annotations

import json
import socket
import ssl
import typing as t
import urllib.error
import urllib.request

from ansible_collections.steady.deploy.plugins.module_utils.tls.due import Window, parse_window
from ansible_collections.steady.deploy.plugins.module_utils.tls.errors import CertificateError

_SECONDS = 15
_LIMIT = 1 << 20


class Fetch(t.Protocol):
    """Gets a JSON document. ``ca`` is PEM text of a CA to trust instead of those the host trusts."""

    def get(self, url: str, ca: str) -> tuple[t.Any, t.Mapping[str, str]]:
        """The document, and the answer's headers. Raises CertificateError."""


class HttpsFetch:
    """The real one."""

    def get(self, url: str, ca: str) -> tuple[t.Any, t.Mapping[str, str]]:
        """See Fetch.get."""
        try:
            context = ssl.create_default_context(cadata=ca or None)
            # What certbot takes must do here as well: private CAs often lack what the strict check asks for.
            context.verify_flags &= ~ssl.VERIFY_X509_STRICT
            request = urllib.request.Request(url, headers={"User-Agent": "steady.deploy"})
            # Not Ansible's own function for this: the host renews its certificates without Ansible.
            opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=context))
            with opener.open(request, timeout=_SECONDS) as answer:
                return json.loads(answer.read(_LIMIT)), dict(answer.headers.items())
        except urllib.error.HTTPError as exc:
            raise CertificateError(f"the CA answers {url} with {exc.code}") from exc
        except (OSError, socket.timeout) as exc:
            reason = getattr(exc, "reason", exc)
            raise CertificateError(f"the CA at {url} does not answer: {getattr(reason, 'strerror', None) or reason}") from exc
        except ValueError as exc:
            raise CertificateError(f"the CA answers {url} with something that is not JSON") from exc


class Ca:
    """One ACME directory."""

    def __init__(self, fetch: Fetch, directory: str, ca: str) -> None:
        self._fetch, self._url, self._ca = fetch, directory, ca
        self._directory: dict[str, t.Any] | None = None

    def directory(self) -> dict[str, t.Any]:
        """The directory. Raises CertificateError where the CA does not answer, or not as an ACME server does."""
        if self._directory is None:
            found = self._fetch.get(self._url, self._ca)[0]
            if not isinstance(found, dict) or "newOrder" not in found:
                raise CertificateError(f"{self._url} is not the directory of an ACME server: it names no newOrder")
            self._directory = found
        return self._directory

    def window(self, certificate_id: str, now: float) -> Window | None:
        """When the CA would like a certificate renewed, None where it has no opinion. Raises CertificateError where it can't be asked."""
        url = self.directory().get("renewalInfo")
        if not isinstance(url, str) or not certificate_id:
            return None
        answer, headers = self._fetch.get(f"{url.rstrip('/')}/{certificate_id}", self._ca)
        lower = {name.lower(): value for name, value in headers.items()}
        return parse_window(answer, now, lower.get("retry-after"))
