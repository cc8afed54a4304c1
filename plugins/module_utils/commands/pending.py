# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is pending of a release's migrations: what is told of it, and what keeps it from being applied. Of containers and of files."""

from __future__ import annotations

import typing as t
from dataclasses import asdict

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import MigrateError
from ansible_collections.steady.deploy.plugins.module_utils.core.runner import SubprocessRunner
from ansible_collections.steady.deploy.plugins.module_utils.migrate import choose
from ansible_collections.steady.deploy.plugins.module_utils.migrate.database.access import Keep
from ansible_collections.steady.deploy.plugins.module_utils.migrate.look import Looked
from ansible_collections.steady.deploy.plugins.module_utils.migrate.wish import MigrateWish

Json = dict[str, t.Any]


def told(name: str, wish: MigrateWish, found: Looked) -> Json:
    """What is pending, for the judge on the controller and for people."""
    return {
        "service": name,
        "engine": wish.where.engine,
        "levels": dict(wish.levels),
        "small_rows": wish.small_rows,
        "pending": [{**asdict(one), "digest": choose.digest(one), "server": found.said(one.id)} for one in found.migrations],
        "tables": {table: asdict(facts) for table, facts in found.tables.items()},
        "drift": list(found.pending.drift),
    }


def of_judge(approved: Json | None, name: str, what: str) -> Json:
    """The judge's ``digests`` or ``phases`` by migration, empty before he has judged."""
    return dict(((approved or {}).get(name) or {}).get(what) or {})


def nobody_is_there(found: Looked) -> bool:
    """Whether something is pending for a database without a row, in which no migration was ever applied: there it can hurt nobody.

    What it does is not judged, and all of it is applied. Whether code is served that may use the database is for the caller to say.
    """
    nothing_applied = bool(found.migrations) and found.pending.pending == found.pending.known
    return nothing_applied and not any(table.rows for table in found.tables.values())


def no_judge(called: str) -> MigrateError:
    """The error where something is pending that nobody can judge."""
    return MigrateError(
        f"{called} has migrations pending, and who judges them is on the controller: run the task without `async`; nothing was changed"
    )


def check_fits(release: str, called: str, found: Looked, contracted: t.Sequence[str], path: str) -> None:
    """Raise MigrateError for older code than the database's schema is for.

    It may run beside migrations that it does not know, unless one of them, ``contracted``, took something away. Where the tool does
    not say what the code knows, nobody can tell.
    """
    gone = [one for one in contracted if one not in found.pending.known] if found.pending.whole else []
    if gone:
        raise MigrateError(
            f"release {release} can't be rolled out: contract migration {gone[0]} of {called} has taken away what "
            f"its code needs; roll out later code, or if it knows that migration by another name, remove this one from {path}"
        )


def strangers(called: str, found: Looked) -> list[str]:
    """Warnings of what does not fit, where nothing is applied, so that nobody else would say so."""
    return [] if found.migrations else [f"{called}: {sentence}" for sentence in found.pending.drift]


def waits(called: str, held_back: t.Sequence[str]) -> str:
    """The warning for contract migrations that wait."""
    return (
        f"{called}: {', '.join(held_back)} waits until no older code is left: run with `contract` once every release that is kept knows it"
    )


def keeper(*runners: SubprocessRunner) -> Keep:
    """Lets the commands of these runners inherit descriptors, beside those that they do already."""
    held = [runner.keep_open for runner in runners]

    def keep(descriptors: tuple[int, ...]) -> None:
        for runner, before in zip(runners, held):
            runner.keep_open = (*before, *descriptors)

    return keep
