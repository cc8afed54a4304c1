# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looking at what is pending in a database, and what a database is to those who look at it and migrate it."""

from __future__ import annotations

import typing as t
from dataclasses import asdict, dataclass, field

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import MigrateError
from ansible_collections.steady.deploy.plugins.module_utils.migrate.adapter import Adapter, Tool
from ansible_collections.steady.deploy.plugins.module_utils.migrate.database.explain import LOCKED
from ansible_collections.steady.deploy.plugins.module_utils.migrate.database.facts import TableFacts
from ansible_collections.steady.deploy.plugins.module_utils.migrate.database.guard import Watched
from ansible_collections.steady.deploy.plugins.module_utils.migrate.online import Answers
from ansible_collections.steady.deploy.plugins.module_utils.migrate.spec import Migration, Pending


class Lock(t.Protocol):
    """The database's lock while it is held."""

    def check(self) -> None:
        """Raise MigrateError where it was lost."""


class Watch(t.Protocol):
    """The guard while it watches."""

    def watched(self) -> Watched:
        """What it has seen so far."""


class Database(t.Protocol):
    """The database that is migrated. What raises, raises MigrateError with one sentence."""

    def check(self) -> None:
        """Raise where it can't be reached or written to."""

    def lock(self) -> t.ContextManager[Lock]:
        """Hold it against other migrations, wherever they are run from."""

    def guard(self) -> t.ContextManager[Watch]:
        """Watch the migration's connections."""

    def environment(self, concurrently: bool) -> t.Mapping[str, str]:
        """What the tool's environment needs for its connections to have limits."""

    def backup(self) -> dict[str, t.Any]:
        """Let pass where there is a backup young enough; facts of it. Raises where there is none."""

    def tables(self) -> dict[str, TableFacts]:
        """How large its tables are."""

    def invalid_indexes(self) -> tuple[tuple[str, str], ...]:
        """Indexes that were never finished, each with its table."""

    def answers(self, migrations: t.Sequence[Migration], asks: bool) -> Answers:
        """What the server itself says of their statements. Where it is not asked now: what it will be asked about."""


@dataclass(frozen=True)
class Looked:
    """What a look at a database told: nothing was changed. ``answers`` come from the server itself, where it was asked."""

    pending: Pending
    migrations: tuple[Migration, ...] = ()
    tables: t.Mapping[str, TableFacts] = field(default_factory=dict)
    answers: Answers = field(default_factory=dict)

    def said(self, migration: str) -> list[dict[str, str] | None]:
        """What the server said of each statement of a migration, as plain data."""
        return [asdict(answer) if answer else None for answer in self.answers.get(migration, ())]


def look(adapter: Adapter, tool: Tool, database: Database) -> Looked:
    """What is pending, with its SQL, and how large the tables are. Where nothing is, one command of the tool has told that.

    Raises MigrateError where that can't be seen.
    """
    pending = adapter.pending(tool)
    if not pending.pending:
        return Looked(pending)
    database.check()
    try:
        tables = database.tables()
    except MigrateError as exc:
        if exc.facts.get("kind") != LOCKED:
            raise
        # By another migration most likely: its lock tells when that ends, or whose it is.
        with database.lock():
            pass
        pending = adapter.pending(tool)
        if not pending.pending:
            return Looked(pending)
        tables = database.tables()
    return Looked(pending, adapter.migrations(tool, pending.pending), tables)
