# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real database of a run: its parts under one roof. See run.Database for what each method promises."""

from __future__ import annotations

import contextlib
import functools
import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.core.clock import Clock
from ansible_collections.steady.deploy.plugins.module_utils.core.progress import Tell
from ansible_collections.steady.deploy.plugins.module_utils.core.runner import Runner
from ansible_collections.steady.deploy.plugins.module_utils.migrate import backup
from ansible_collections.steady.deploy.plugins.module_utils.migrate.database import facts, online
from ansible_collections.steady.deploy.plugins.module_utils.migrate.database.guard import Guard
from ansible_collections.steady.deploy.plugins.module_utils.migrate.database.limits import client_environment
from ansible_collections.steady.deploy.plugins.module_utils.migrate.database.lock import MigrationLock
from ansible_collections.steady.deploy.plugins.module_utils.migrate.database.schema import schema
from ansible_collections.steady.deploy.plugins.module_utils.migrate.database.session import Session, open_session
from ansible_collections.steady.deploy.plugins.module_utils.migrate.database.view import Held, Signs
from ansible_collections.steady.deploy.plugins.module_utils.migrate.database.where import Where
from ansible_collections.steady.deploy.plugins.module_utils.migrate.online import Answers, later
from ansible_collections.steady.deploy.plugins.module_utils.migrate.spec import MARIADB, Migration
from ansible_collections.steady.deploy.plugins.module_utils.migrate.wish import MigrateWish

T = t.TypeVar("T")
# Descriptors that commands inherit from now on.
Keep = t.Callable[["tuple[int, ...]"], None]


class RealDatabase:
    """``where`` has the container that runs now. ``held`` tells, by the server's port, the connections of a tool on the host.

    A command that outlives this process goes on migrating. With the descriptor that it inherits it keeps the connection of the
    lock, and so the lock, until it has ended too.
    """

    def __init__(
        self,
        where: Where,
        wish: MigrateWish,
        owner: str,
        clock: Clock,
        runner: Runner,
        keep: Keep,
        tell: Tell,
        held: t.Callable[[int], Held] | None = None,
    ) -> None:
        self._where = where
        self._wish = wish
        self._owner = owner
        self._clock = clock
        self._runner = runner
        self._keep = keep
        self._tell = tell
        self._held = held
        self._guard: Guard | None = None

    def check(self) -> None:
        """See Database.check."""
        self._asked(lambda session: facts.check_writable(session, self._where.engine, self._where.label))

    @contextlib.contextmanager
    def lock(self) -> t.Iterator[MigrationLock]:
        """See Database.lock."""
        with MigrationLock(self._open, self._where.engine, self._where.label, self._owner, self._wish.lock_wait, self._clock) as lock:
            self._keep(lock.descriptors())
            try:
                yield lock
            finally:
                self._keep(())

    @contextlib.contextmanager
    def guard(self) -> t.Iterator[Guard]:
        """See Database.guard."""
        by_port, held = self._held, None
        if by_port:
            port = self._asked(lambda session: facts.port(session, self._where.engine))
            held = functools.partial(by_port, port)
        with Guard(self._open, self._where.engine, self._wish.limits, Signs(mark=bool(by_port)), self._tell, held) as guard:
            self._guard = guard
            try:
                yield guard
            finally:
                self._guard = None

    def seen_at(self, addresses: tuple[str, ...], names: tuple[str, ...]) -> None:
        """From now on the migration's connections come from these addresses, or from these names where the server resolves them."""
        if self._guard:
            self._guard.signs = Signs(addresses, names)

    def environment(self, concurrently: bool) -> t.Mapping[str, str]:
        """See Database.environment."""
        return client_environment(self._where.engine, self._wish.limits, concurrently)

    def backup(self) -> dict[str, t.Any]:
        """See Database.backup."""
        return backup.gate(self._wish.backup, self._runner, self._where, self._clock) if self._wish.backup else {}

    def tables(self) -> dict[str, facts.TableFacts]:
        """See Database.tables."""
        return self._asked(lambda session: facts.tables(session, self._where.engine, self._wish.small_rows))

    def schema(self) -> str:
        """See HasSchema."""
        return self._asked(lambda session: schema(session, self._where.engine))

    def invalid_indexes(self) -> tuple[tuple[str, str], ...]:
        """See Database.invalid_indexes."""
        return self._asked(lambda session: facts.invalid_indexes(session, self._where.engine))

    def answers(self, migrations: t.Sequence[Migration], asks: bool) -> Answers:
        """See Database.answers."""
        if self._where.engine != MARIADB:
            return {}
        return online.answers(lambda: open_session(self._where), migrations) if asks else later(migrations)

    def _open(self, name: str) -> Session:
        return open_session(self._where, name)

    def _asked(self, ask: t.Callable[[Session], T]) -> T:
        session = open_session(self._where)
        try:
            return ask(session)
        finally:
            session.close()
