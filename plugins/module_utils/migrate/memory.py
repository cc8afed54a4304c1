# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host remembers of an app's migrations: which of them each release's code knows, and which have taken something away."""

from __future__ import annotations

import json
import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import MigrateError
from ansible_collections.steady.deploy.plugins.module_utils.core.files import read_text, write_atomic
from ansible_collections.steady.deploy.plugins.module_utils.migrate.spec import Pending

Json = dict[str, t.Any]


class Memory:
    """One JSON file: ``known`` has release -> service -> ids; ``contracted`` and ``waiting``, those held back, have service -> ids."""

    def __init__(self, path: str) -> None:
        self.path = path

    def known_by(self, service: str, releases: t.Iterable[str]) -> dict[str, tuple[str, ...]]:
        """By release what its code knows; of a release from before there were migrations, nothing."""
        known = self._read()["known"]
        return {release: tuple((known.get(release) or {}).get(service) or ()) for release in releases}

    def learn(self, release: str, service: str, pending: Pending, releases: t.Collection[str], held_back: t.Collection[str] = ()) -> None:
        """Remember what a release's code knows, and forget releases that are not among ``releases``.

        A release that comes after a contract migration is taken to know it where its tool can't say so. Contract migrations that were
        ``held_back`` here and are applied by now, by another host, have taken away what they do for this host's releases as well.
        """
        said = self._read()
        ids = pending.known if pending.whole else (*(said["contracted"].get(service) or ()), *pending.known)
        known = {name: value for name, value in said["known"].items() if name in releases or name == release}
        known[release] = {**(known.get(release) or {}), service: list(ids)}
        waiting = said["waiting"].get(service) or []
        done = [one for one in waiting if one in pending.known and one not in pending.pending]
        left = [one for one in (*waiting, *held_back) if one not in done]
        said = _with(_with(said, "contracted", service, done), "waiting", service, left, anew=True)
        self._write({**said, "known": known})

    def contract(self, service: str, ids: t.Sequence[str]) -> None:
        """Remember contract migrations that are about to be applied: from then on old code may miss what they take away."""
        said = self._read()
        more = _with(said, "contracted", service, ids)
        if more != said:
            self._write(more)

    def contracted(self) -> dict[str, tuple[str, ...]]:
        """By service the contract migrations that were applied."""
        return {service: tuple(ids) for service, ids in self._read()["contracted"].items()}

    def knows(self, release: str) -> Json | None:
        """By service what a release's code knows, None where nobody has looked."""
        found = self._read()["known"].get(release)
        return found if isinstance(found, dict) else None

    def _read(self) -> Json:
        text = read_text(self.path)
        try:
            said = json.loads(text or "{}")
            return {key: dict(said.get(key) or {}) for key in ("known", "contracted", "waiting")}
        except (ValueError, AttributeError, TypeError):
            raise MigrateError(
                f"{self.path} is damaged, so nobody knows which releases fit the database's schema: mend it, or remove it if no contract "
                "migration was ever applied"
            ) from None

    def _write(self, said: Json) -> None:
        write_atomic(self.path, json.dumps(said, indent=1, sort_keys=True) + "\n", 0o600)


def _with(said: Json, key: str, service: str, ids: t.Iterable[str], anew: bool = False) -> Json:
    """The same with these ids of a service, beside those it has there already or ``anew``."""
    before = [] if anew else said[key].get(service) or []
    named = {service: list(dict.fromkeys((*before, *ids)))}
    return {**said, key: {name: value for name, value in {**said[key], **named}.items() if value}}
