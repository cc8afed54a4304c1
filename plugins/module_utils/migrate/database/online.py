# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking MariaDB what it does beside writers: each statement is tried on an empty copy of its table.

A run's copies have a word of its own in their names, and it holds a lock of that word as long as its connection lives. So a copy
whose lock is free was left by a run that was killed. Copies are written to the binary log as anything else is: a replica that has
seen one made sees it dropped as well, whoever sweeps it up.
"""

from __future__ import annotations

import contextlib
import secrets
import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import MigrateError
from ansible_collections.steady.deploy.plugins.module_utils.migrate.database.session import Asks
from ansible_collections.steady.deploy.plugins.module_utils.migrate.online import (
    FREE,
    REFUSED,
    Answer,
    Answers,
    Question,
    plain,
    questions,
    table_of,
)
from ansible_collections.steady.deploy.plugins.module_utils.migrate.spec import Migration

PREFIX = "steady_probe_"
# ER_ALTER_OPERATION_NOT_SUPPORTED and ER_ALTER_OPERATION_NOT_SUPPORTED_REASON.
_CODES = ("1845", "1846")
# Seconds. Whoever changes a table now is not waited for.
_MANNERS = "SET SESSION lock_wait_timeout = 1, max_statement_time = 5"
_LEFT = (
    "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME LIKE 'steady\\_probe\\_%' "
    "AND IS_FREE_LOCK(LEFT(TABLE_NAME, 25))"
)
# An empty copy of a table of another engine may be one more way to the same rows, and one with partitions means many files.
_TABLES = (
    "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_TYPE = 'BASE TABLE' "
    "AND ENGINE = 'InnoDB' AND CREATE_OPTIONS NOT LIKE '%partitioned%'"
)
# A table whose foreign key changes its rows is never copied beside writers, and the empty copy has no keys.
_CASCADES = (
    "SELECT DISTINCT TABLE_NAME FROM information_schema.REFERENTIAL_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = DATABASE() "
    "AND NOT (UPDATE_RULE IN ('RESTRICT', 'NO ACTION') AND DELETE_RULE IN ('RESTRICT', 'NO ACTION'))"
)
# What a server may be told to do where nothing is asked for: to lock while it copies, or to copy whatever there is to do.
_MODES = "SHOW SESSION VARIABLES WHERE Variable_name IN ('old_mode', 'alter_algorithm')"


def answers(opens: t.Callable[[], Asks], migrations: t.Sequence[Migration]) -> Answers:
    """What the server says of each statement, as far as it says anything. Its tables stay as they are, and no copy is left.

    Whoever may not make tables gets no answer. Raises MigrateError where there is no connection.
    """
    wanted = list(questions(migrations))
    if not wanted:
        return table_of(migrations, {})
    found: dict[tuple[str, int], Answer] = {}
    with _Copies(opens) as copies, contextlib.suppress(MigrateError):
        copies.begin()
        for migration, index, question in wanted:
            answer = copies.ask(question)
            if answer is not None:
                found[migration, index] = answer
    return table_of(migrations, found)


class _Copies:
    """The copies of one run, as a context manager: afterwards they are gone."""

    def __init__(self, opens: t.Callable[[], Asks]) -> None:
        self._opens = opens
        self._word = PREFIX + secrets.token_hex(6)
        # By the table's name: the copy, or None where it is not the table as it will be.
        self._made: dict[str, str | None] = {}
        self._known: frozenset[str] = frozenset()
        self._locks_copying: frozenset[str] = frozenset()

    def __enter__(self) -> _Copies:
        self._session = self._opens()
        return self

    def __exit__(self, *_exc: t.Any) -> None:
        made = [name for name in self._made.values() if name]
        try:
            self._drop(made)
        except MigrateError:
            # A signal has ended the connection in the middle of an answer.
            with contextlib.suppress(MigrateError):
                self._session.close()
                self._session = self._opens()
                self._drop(made)
        finally:
            self._session.close()

    def begin(self) -> None:
        """Sweep up what was left, and see which tables there are. Raises MigrateError where copies can't be made."""
        self._session.query(_MANNERS)
        self._session.query(f"SELECT GET_LOCK('{self._word}', 0)")
        # Refused where a copy could perhaps be made, but not dropped.
        self._drop([self._word])
        self._drop(self._names(_LEFT))
        modes = {str(name): str(value) for name, value in self._session.query(_MODES)}
        if modes.get("alter_algorithm") != "COPY":
            self._known = frozenset(map(plain, self._names(_TABLES)))
        old = "LOCK_ALTER_TABLE_COPY" in modes.get("old_mode", "")
        self._locks_copying = self._known if old else frozenset(map(plain, self._names(_CASCADES)))

    def ask(self, question: Question) -> Answer | None:
        """The answer, or None. The copy is changed as the table will be."""
        table = plain(question.table)
        if table not in self._made:
            self._made[table] = self._make(question.table) if table in self._known else None
        copy = self._made[table]
        if copy is None:
            return None
        said = self._tried(question.on(copy, "ALGORITHM=INPLACE", "LOCK=NONE"))
        if said is None:
            return Answer(FREE)
        if _is_refusal(said) and table not in self._locks_copying:
            # What can be done in place is not copied, also where writers have to wait for it.
            in_place = self._tried(question.on(copy, "ALGORITHM=INPLACE", "LOCK=SHARED"))
            if in_place is None:
                return _refused(said)
            if _is_refusal(in_place):
                said = self._tried(question.on(copy, "ALGORITHM=COPY", "LOCK=NONE"))
                if said is None:
                    return Answer(FREE)
        if _is_refusal(said) and self._tried(question.on(copy)) is None:
            return _refused(said)
        self._drop([copy])
        self._made[table] = None
        return None

    def _make(self, table: str) -> str | None:
        copy = f"{self._word}_{len(self._made)}"
        self._made[plain(table)] = copy
        if self._tried(f"CREATE TABLE {copy} LIKE {table}") is None:
            return copy
        self._drop([copy])
        return None

    def _tried(self, sql: str) -> MigrateError | None:
        """The server's refusal, or None. Raises MigrateError where it said nothing."""
        try:
            self._session.query(sql)
        except MigrateError as exc:
            if not exc.facts.get("code"):
                raise
            return exc
        return None

    def _names(self, sql: str) -> list[str]:
        return [str(name) for (name,) in self._session.query(sql)]

    def _drop(self, names: t.Sequence[str]) -> None:
        if names:
            self._session.query(f"DROP TABLE IF EXISTS {', '.join(names)}")


def _is_refusal(said: MigrateError) -> bool:
    return said.facts.get("code") in _CODES


def _refused(said: MigrateError) -> Answer:
    return Answer(REFUSED, str(said.facts.get("said")))
