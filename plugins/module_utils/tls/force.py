# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bringing a new pair into force: in place, tested, reloaded, served. Whatever fails on the way, the old one is back."""

from __future__ import annotations

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import SteadyError
from ansible_collections.steady.deploy.plugins.module_utils.tls.errors import CertificateError
from ansible_collections.steady.deploy.plugins.module_utils.tls.nginx import Nginx, uses
from ansible_collections.steady.deploy.plugins.module_utils.tls.pair import Pair
from ansible_collections.steady.deploy.plugins.module_utils.tls.spec import Certificate
from ansible_collections.steady.deploy.plugins.module_utils.tls.store import Origin, Store


class Force:
    """The pairs on the disk and the Nginx that serves them."""

    def __init__(self, store: Store, nginx: Nginx) -> None:
        self._store, self._nginx = store, nginx

    def used(self, name: str) -> bool:
        """Whether a running Nginx has a certificate in its configuration. Raises CertificateError where that is broken."""
        return self._nginx.running() and uses(self._nginx.test(), self._store.path(name))

    def ready(self, wanted: Certificate) -> None:
        """Return where a new pair could come into force. Raises CertificateError where it has no place, or Nginx would not reload."""
        self._store.claim(wanted.name)
        try:
            self.used(wanted.name)
        except CertificateError as exc:
            raise CertificateError(f"{exc.message}; no new certificate could come into force, so nothing was ordered") from exc

    def replace(self, wanted: Certificate, pair: Pair, origin: Origin) -> None:
        """Put a pair in place. Raises SteadyError; the old pair is in place and served then."""
        old = self._store.current(wanted.name)
        folder = self._store.put(wanted.name, pair, origin)
        try:
            if old is None:
                # Nothing that runs can have had it.
                self._store.switch(wanted.name, folder)
                return
            used = self.used(wanted.name)
            self._store.switch(wanted.name, folder)
            if used:
                self._nginx.test()
                self._come_into_force(wanted, pair, old.pair)
        except BaseException as exc:
            if old is not None:
                self._go_back(wanted, old.folder)
            self._store.discard(folder)
            if isinstance(exc, SteadyError):
                raise CertificateError(f"{exc.message}; the old certificate is in place again") from exc
            raise
        self._store.tidy(wanted.name)

    def heal(self, wanted: Certificate) -> None:
        """Let Nginx serve the pair that is in place, should it serve another: a run may have been killed before its reload."""
        stored = self._store.current(wanted.name)
        if stored and self.ill(wanted):
            self._nginx.reload()
            self._nginx.wait_served(wanted, stored.pair.leaf, None)

    def ill(self, wanted: Certificate) -> bool:
        """Whether Nginx serves another pair than the one that is in place. Raises CertificateError where that can't be told."""
        stored = self._store.current(wanted.name)
        if stored is None or not wanted.served_at or not self.used(wanted.name):
            return False
        return bool(self._nginx.stale(wanted, stored.pair.leaf, None))

    def _come_into_force(self, wanted: Certificate, new: Pair, old: Pair) -> None:
        self._nginx.reload()
        if wanted.served_at:
            self._nginx.wait_served(wanted, new.leaf, old.leaf)

    def _go_back(self, wanted: Certificate, folder: str) -> None:
        self._store.switch(wanted.name, folder)
        try:
            if self.used(wanted.name):
                self._nginx.reload()
        except SteadyError:
            # Nginx goes on with what it has: the old pair.
            return
