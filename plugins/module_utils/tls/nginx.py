# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Nginx that serves the certificates: tested, reloaded without breaking a connection, and asked what it serves."""

from __future__ import annotations

import re
import socket
import ssl
import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.core.clock import Clock
from ansible_collections.steady.deploy.plugins.module_utils.core.runner import Runner, checked
from ansible_collections.steady.deploy.plugins.module_utils.tls.errors import CertificateError
from ansible_collections.steady.deploy.plugins.module_utils.tls.spec import Certificate

_SECONDS = 30
_BOUND = 15.0
_PAUSE = 0.2


class Ask(t.Protocol):
    """Asks a server for its certificate."""

    def served(self, address: str, name: str) -> bytes | None:
        """The certificate (DER) that HOST:PORT serves for a name, None where it serves none.

        Raises CertificateError where nothing answers.
        """


class TlsAsk:
    """The real one."""

    def served(self, address: str, name: str) -> bytes | None:
        """See Ask.served."""
        host, dummy, port = address.rpartition(":")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        try:
            with (
                socket.create_connection((host.strip("[]"), int(port)), timeout=5) as plain,
                context.wrap_socket(plain, server_hostname=name) as secured,
            ):
                return secured.getpeercert(binary_form=True)
        except ssl.SSLError:
            # Names that are not its own are refused in the handshake.
            return None
        except OSError as exc:
            raise CertificateError(f"Nginx does not answer at {address}, where served_at says that it does: {exc.strerror or exc}") from exc


class Nginx:
    """What the engine needs of it."""

    def __init__(self, runner: Runner, ask: Ask, clock: Clock) -> None:
        self._runner, self._ask, self._clock = runner, ask, clock

    def running(self) -> bool:
        """Whether it runs."""
        return self._runner.run(("systemctl", "is-active", "--quiet", "nginx.service"), timeout=_SECONDS).rc == 0

    def test(self) -> str:
        """The whole configuration as it lies on the disk. Raises CertificateError where Nginx would refuse it."""
        done = self._runner.run(("nginx", "-T"), timeout=_SECONDS)
        if done.rc != 0:
            lines = [line for line in done.stderr.splitlines() if "[emerg]" in line or "[crit]" in line] or done.stderr.splitlines()[-1:]
            # Without the level and the process, as in `nginx: [emerg] 12#12: unknown directive`.
            why = re.sub(r"^.*?\] (\d+#\d+: )?", "", lines[0]) if lines else f"exit code {done.rc}"
            raise CertificateError(f"Nginx refuses its configuration: {why}")
        return done.stdout

    def reload(self) -> None:
        """Let new workers take over."""
        checked(self._runner.run(("systemctl", "reload", "nginx.service"), timeout=_SECONDS), "Nginx can't be reloaded")

    def stale(self, wanted: Certificate, new: str, old: str | None) -> str:
        """Empty where Nginx serves ``new`` (PEM) for a certificate's names, else what it serves instead. Raises CertificateError."""
        fresh = ssl.PEM_cert_to_DER_cert(new)
        gone = ssl.PEM_cert_to_DER_cert(old) if old else None
        seen = {}
        for name in wanted.names:
            seen[name] = self._ask.served(wanted.served_at, name.replace("*.", "any."))
        still = [name for name, der in seen.items() if der is not None and der == gone and gone != fresh]
        if still:
            return f"Nginx still serves the old certificate for {', '.join(still)}"
        # A name may belong to a vhost with another certificate, and a wildcard to vhosts that nobody here knows of.
        if fresh not in seen.values() and not all(name.startswith("*.") for name in wanted.names):
            return f"Nginx does not serve the certificate for {', '.join(wanted.names)} at {wanted.served_at} (served_at)"
        return ""

    def wait_served(self, wanted: Certificate, new: str, old: str | None) -> None:
        """Return once Nginx serves ``new``. Raises CertificateError where it does not within a bound."""
        end = self._clock.monotonic() + _BOUND
        while True:
            try:
                why = self.stale(wanted, new, old)
            except CertificateError as exc:
                why = exc.message
            if not why:
                return
            if self._clock.monotonic() >= end:
                raise CertificateError(f"{why}, {_BOUND:g} s after the reload")
            self._clock.sleep(_PAUSE)


def uses(configuration: str, path: str) -> bool:
    """Whether a configuration names a file in a folder, outside of comments."""
    return re.search(rf"(?m)^[^#\n]*\bssl_certificate\s+[\"']?{re.escape(path)}/", configuration) is not None
