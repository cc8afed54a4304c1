# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings certificates to what is wanted, one after the other, and never loses one that works."""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.steady.deploy.plugins.module_utils.core.clock import Clock
from ansible_collections.steady.deploy.plugins.module_utils.core.errors import SteadyError
from ansible_collections.steady.deploy.plugins.module_utils.core.files import read_text
from ansible_collections.steady.deploy.plugins.module_utils.tls.ca import Ca, Fetch
from ansible_collections.steady.deploy.plugins.module_utils.tls.certbot import Certbot
from ansible_collections.steady.deploy.plugins.module_utils.tls.due import Window, near_end
from ansible_collections.steady.deploy.plugins.module_utils.tls.errors import CertificateError
from ansible_collections.steady.deploy.plugins.module_utils.tls.force import Force
from ansible_collections.steady.deploy.plugins.module_utils.tls.openssl import Openssl
from ansible_collections.steady.deploy.plugins.module_utils.tls.pair import Pair, check_pair, normal
from ansible_collections.steady.deploy.plugins.module_utils.tls.plan import (
    INSTALL,
    KEEP,
    ORDER,
    SELF_SIGN,
    Seen,
    Step,
    bootstrap_for,
    step_for,
)
from ansible_collections.steady.deploy.plugins.module_utils.tls.probe import Web, unknown, unreachable
from ansible_collections.steady.deploy.plugins.module_utils.tls.spec import Certificate
from ansible_collections.steady.deploy.plugins.module_utils.tls.state import Memory
from ansible_collections.steady.deploy.plugins.module_utils.tls.store import Origin, Store
from ansible_collections.steady.deploy.plugins.module_utils.tls.telling import day
from ansible_collections.steady.deploy.plugins.module_utils.tls.x509 import ari_id


@dataclass(frozen=True)
class Tools:
    """What the world is reached by."""

    store: Store
    openssl: Openssl
    certbot: Certbot
    force: Force
    fetch: Fetch
    web: Web
    clock: Clock
    webroot: str


class Keeper:
    """One run over certificates."""

    def __init__(self, tools: Tools, memories: dict[str, Memory]) -> None:
        self._tools, self._memories = tools, memories

    def seen(self, name: str) -> Seen | None:
        """The pair in use. A certificate that can't be read, or whose key is another one's, is as good as none."""
        stored = self._tools.store.current(name)
        if stored is None:
            return None
        try:
            info = self._tools.openssl.info(stored.pair.leaf)
            if self._tools.openssl.key_of_certificate(stored.pair.leaf) != self._tools.openssl.key_of_private(stored.pair.key):
                return None
        except SteadyError:
            return None
        return Seen(stored, info)

    def own(self, wanted: Certificate) -> Pair | None:
        """The user's own pair, checked. None where it was given as text in an earlier run. Raises CertificateError."""
        if not wanted.own_pair:
            return None
        chain, key = wanted.certificate, wanted.key
        where = "of what was given"
        if wanted.certificate_file:
            where = f"of {wanted.certificate_file} and {wanted.key_file}"
            for path in (wanted.certificate_file, wanted.key_file):
                if read_text(path) is None:
                    raise CertificateError(f"certificate '{wanted.name}': {path} is not there")
            chain, key = read_text(wanted.certificate_file) or "", read_text(wanted.key_file) or ""
        try:
            pair = normal(chain, key)
            stored = self._tools.store.current(wanted.name)
            if stored is None or stored.pair != pair:
                # One that is in use already may come to its end without that every run fails: the metric tells it.
                check_pair(self._tools.openssl, pair, wanted.names, self._tools.clock.now(), wanted.ca or None, complete=True)
        except SteadyError as exc:
            raise CertificateError(f"certificate '{wanted.name}', {where}: {exc.message}; nothing was changed") from exc
        return pair

    def step(self, wanted: Certificate, order: bool, force: bool = False) -> Step:
        """What is to be done. Without ``order`` no CA is asked. Raises CertificateError for an own pair that is no good."""
        seen, now = self.seen(wanted.name), self._tools.clock.now()
        if wanted.source == "acme" and not order:
            return bootstrap_for(wanted, seen, now)
        window = self._window(wanted, seen) if wanted.source == "acme" and seen is not None and not force else None
        return step_for(wanted, seen, self.own(wanted), window, now, force)

    def foresee(self, wanted: Certificate) -> None:
        """Whether the order to come, of a first certificate or one for other names, has a chance. Raises CertificateError."""
        # Long ago nothing was due: what is only to be renewed is in use meanwhile.
        if wanted.source != "acme" or step_for(wanted, self.seen(wanted.name), None, None, 0.0).kind != ORDER:
            return
        failing = unknown(self._tools.web, wanted.names) if wanted.acme.probe and not wanted.dns_hook else []
        if failing:
            raise CertificateError(
                f"certificate '{wanted.name}': {'; '.join(failing)}: correct the name, or add the record; "
                "where only the CA can look it up, switch the probe off (tls_acme_probe: false); nothing was changed"
            )

    def _window(self, wanted: Certificate, seen: Seen) -> Window | None:
        """The CA's window for the pair in use, as it said lately. A CA that does not answer has no opinion."""
        if seen.stored.origin.source != "acme" or seen.stored.origin.directory != wanted.acme.directory:
            return None
        memory, now = self._memories.setdefault(wanted.name, Memory()), self._tools.clock.now()
        if memory.window_of != seen.info.serial:
            memory.window_of, memory.window = seen.info.serial, None
        elif memory.window is not None and now < memory.window.ask_again:
            return memory.window
        try:
            asked = Ca(self._tools.fetch, wanted.acme.directory, wanted.acme.ca)
            memory.window = asked.window(ari_id(seen.info), now)
        except CertificateError:
            # What it said last still holds.
            pass
        return memory.window

    def settled(self, wanted: Certificate) -> bool:
        """Whether an order would find nothing to do: the pair is the wanted one, not due, and the one that is served."""
        try:
            if self.step(wanted, order=True).kind != KEEP or self._tools.force.ill(wanted):
                return False
            self.watch(wanted)
        except SteadyError:
            return False
        return True

    def watch(self, wanted: Certificate) -> None:
        """The user's own certificates are renewed by the user. Raises CertificateError in time."""
        if wanted.source != "files":
            return
        seen = self.seen(wanted.name)
        if seen is None:
            raise CertificateError("there is none on this host any more: give it again, by running the role tls")
        if near_end(seen.info, self._tools.clock.now()):
            raise CertificateError(f"it expires on {day(seen.info.ends)}, and only you can renew it: give the new one to the role tls")

    def heal(self, wanted: Certificate) -> None:
        """See Force.heal."""
        self._tools.force.heal(wanted)

    def take(self, wanted: Certificate, step: Step) -> None:
        """Do a step. Raises SteadyError; what was served before is served then, unchanged."""
        if step.kind == SELF_SIGN:
            self._replace(wanted, normal(*self._tools.openssl.self_signed(wanted.names)), Origin("self_signed"))
        elif step.kind == INSTALL:
            pair = self.own(wanted)
            if pair is not None:
                self._replace(wanted, pair, Origin("files"))
        elif step.kind == ORDER:
            if self.seen(wanted.name) is None:
                self.take(wanted, Step(SELF_SIGN))
            self._order(wanted)

    def _order(self, wanted: Certificate) -> None:
        tools = self._tools
        tools.force.ready(wanted)
        Ca(tools.fetch, wanted.acme.directory, wanted.acme.ca).directory()
        if not wanted.dns_hook and wanted.acme.probe:
            failing = unreachable(tools.web, tools.webroot, wanted.names)
            if failing:
                raise CertificateError(
                    f"{'; '.join(failing)}: DNS must lead to this host, and Nginx serve {tools.webroot} on port 80; nothing was ordered"
                )
        pair = tools.certbot.order(tools.openssl, wanted)
        self._replace(wanted, pair, Origin("acme", wanted.acme.directory))

    def _replace(self, wanted: Certificate, pair: Pair, origin: Origin) -> None:
        # Completeness is the CA's affair, and was looked at for the user's own.
        check_pair(self._tools.openssl, pair, wanted.names, self._tools.clock.now())
        self._tools.force.replace(wanted, pair, origin)

    def revoke(self, wanted: Certificate, reason: str) -> None:
        """Replace a certificate, and once the new one is served revoke the old one. Raises SteadyError."""
        old = self.seen(wanted.name)
        if wanted.source != "acme" or old is None or old.stored.origin.source != "acme":
            raise CertificateError(f"certificate '{wanted.name}' is not from a CA, so there is nothing to revoke")
        self.take(wanted, Step(ORDER, "the old one is to be revoked"))
        self._tools.certbot.revoke(old.stored.pair, wanted.acme, reason)
        self._tools.store.discard(old.stored.folder)
