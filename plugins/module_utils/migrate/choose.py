# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which pending migrations may be applied now. Pure."""

from __future__ import annotations

import hashlib
import json
import typing as t
from dataclasses import dataclass, replace

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import MigrateError
from ansible_collections.steady.deploy.plugins.module_utils.migrate.spec import CONTRACT, UNKNOWN, Migration
from ansible_collections.steady.deploy.plugins.module_utils.probe.wording import words

# What helps where a contract migration has to wait.
_REMEDY = "roll out once more so that every release that is kept knows it, or set `keep_releases` to 0"

# Of each release on the host: the migrations that its code knows.
KnownBy = t.Mapping[str, t.Collection[str]]


@dataclass(frozen=True)
class Chosen:
    """The migrations to apply now, and those that are held back until the old code is gone, each in its tool's order."""

    apply: tuple[Migration, ...] = ()
    held_back: tuple[Migration, ...] = ()


def with_phases(migrations: t.Sequence[Migration], phases: t.Mapping[str, str]) -> tuple[Migration, ...]:
    """The migrations, with the judge's word on those that say nothing themselves."""
    return tuple(
        replace(one, phase=phases[one.id], why="by what its SQL does") if one.phase == UNKNOWN and one.id in phases else one
        for one in migrations
    )


def before_shift(migrations: t.Sequence[Migration], served: bool) -> Chosen:
    """What may run beside the old code: everything up to the first contract migration, and where nothing is served everything.

    Raises MigrateError where a migration that the new code may need comes after one that has to wait.
    """
    if not served:
        return Chosen(tuple(migrations))
    held = next((number for number, one in enumerate(migrations) if one.phase == CONTRACT), len(migrations))
    late = [one.id for one in migrations[held:] if one.phase != CONTRACT]
    if late:
        raise MigrateError(
            f"migration {late[0]} comes after {migrations[held].id}, which is a contract migration ({migrations[held].why}) and has to "
            "wait until the old code is gone: put it before that one, or bring the contract migration with a later release"
        )
    return Chosen(tuple(migrations[:held]), tuple(migrations[held:]))


def after_shift(migrations: t.Sequence[Migration], others: KnownBy, remedy: str = _REMEDY) -> Chosen:
    """The contract migrations, if no other release on the host was written for the schema before them.

    A release whose code has a contract migration in it was written to do without what that takes away. Raises MigrateError, whose
    fact ``waits`` says that nothing is wrong with the migration.
    """
    for one in migrations:
        old = [release for release, known in others.items() if one.id not in known]
        if old:
            raise MigrateError(
                f"contract migration {one.id} has to wait: {'releases' if len(old) > 1 else 'release'} {words(old)} "
                f"{'are' if len(old) > 1 else 'is'} still on the host and may need what it takes away; {remedy}",
                waits=True,
            )
    return Chosen(tuple(migrations))


def refused_way_back(release: str, known: t.Collection[str] | None, contracted: t.Sequence[str]) -> str:
    """Why a release can't be gone back to, or an empty text: its code needs a schema that a contract migration has taken away."""
    gone = [one for one in contracted if known is not None and one not in known]
    if not gone:
        return ""
    return (
        f"release {release} can't be gone back to: contract migration {gone[0]} has taken away what its code needs; "
        "go back to a later release, or roll forward"
    )


def digest(migration: Migration) -> str:
    """What was judged, as a short hash: a migration with the same SQL has the same one."""
    said = [migration.id, migration.phase, migration.statements]
    return hashlib.sha256(json.dumps(said, separators=(",", ":")).encode()).hexdigest()[:16]
