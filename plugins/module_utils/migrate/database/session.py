# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A conversation with a database: one client process, one question at a time."""

from __future__ import annotations

import os
import threading
import time
import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import MigrateError
from ansible_collections.steady.deploy.plugins.module_utils.migrate.database.dialect import Dialect, Refused, Row, dialect
from ansible_collections.steady.deploy.plugins.module_utils.migrate.database.explain import failure
from ansible_collections.steady.deploy.plugins.module_utils.migrate.database.pipe import Late, Pipe, ProcessPipe
from ansible_collections.steady.deploy.plugins.module_utils.migrate.database.where import Where, client
from ansible_collections.steady.deploy.plugins.module_utils.migrate.spec import POSTGRESQL

# Seconds.
ANSWERS = 10.0
_OPENS = 20.0

NAME = "steady.deploy migrate"

# No question of ours waits for long behind a lock of others, nor goes on when nobody waits for its answer any more.
_MANNERS = {
    POSTGRESQL: (
        "SET client_min_messages = error",
        "SET standard_conforming_strings = on",
        "SET lock_timeout = '2s'",
        "SET statement_timeout = '60s'",
        "SET idle_in_transaction_session_timeout = 0",
    ),
    "mariadb": ("SET SESSION lock_wait_timeout = 2, innodb_lock_wait_timeout = 2, max_statement_time = 60",),
}


class Asks(t.Protocol):
    """What a conversation is to those who only ask."""

    def query(self, sql: str, timeout: float = ANSWERS) -> list[Row]:
        """The rows that one statement gives, all values as text, NULL as None. ``timeout`` in seconds.

        Raises MigrateError: with the server's ``code`` and what it ``said`` among its facts, or where no answer came.
        """

    def literal(self, value: str) -> str:
        """``value`` as text in SQL."""

    def descriptors(self) -> tuple[int, ...]:
        """What a process that inherits it keeps the conversation alive by, also when this one is gone."""

    def close(self) -> None:
        """End it. Nothing is raised where it has ended before."""


# Opens a conversation under a name that others see.
Opens = t.Callable[[str], Asks]


class Session:
    """The real one. Any thread may ask; one waits for the other."""

    def __init__(self, label: str, pipe: Pipe, way: Dialect) -> None:
        self._label = label
        self._pipe = pipe
        self._way = way
        self._turn = threading.Lock()
        self._open = True

    def query(self, sql: str, timeout: float = ANSWERS) -> list[Row]:
        """See Asks.query."""
        deadline = time.monotonic() + timeout
        if not self._turn.acquire(timeout=timeout):
            raise MigrateError(f"{self._label} gave no answer within {timeout:g} s, since another one is waited for")
        try:
            if not self._open:
                raise MigrateError(f"{self._label}: the connection has ended")
            return self._way.read(self._answer(sql, deadline, timeout))
        except Refused as exc:
            raise failure(self._label, exc.said, exc.code) from None
        except MigrateError:
            raise
        except ValueError:
            self._end()
            raise MigrateError(f"{self._label}: its client's answer is none that is known; see which version it is") from None
        except BaseException:
            # A signal: the answer that is still to come would be taken for the next one's.
            self._end()
            raise
        finally:
            self._turn.release()

    def _answer(self, sql: str, deadline: float, timeout: float) -> str:
        got = bytearray()
        try:
            self._pipe.send(self._way.ask(sql).encode(), deadline)
        except BrokenPipeError:
            # It has said why before it ended.
            pass
        except Late:
            raise self._silent(timeout) from None
        while True:
            try:
                more = self._pipe.receive(deadline)
            except Late:
                raise self._silent(timeout) from None
            looked = max(0, len(got) - len(self._way.mark))
            got += more
            if got.find(self._way.mark, looked) >= 0:
                return got.decode("utf-8", "replace")
            if not more or self._way.over(got):
                self._end()
                lines = [line for line in got.decode("utf-8", "replace").splitlines() if line.strip() and "-" * 9 not in line]
                raise failure(self._label, " ".join(lines[-4:]) or "the client ended without a word")

    def _silent(self, timeout: float) -> MigrateError:
        # What comes later would be taken for the answer to the next question.
        self._end()
        return MigrateError(f"{self._label} gave no answer within {timeout:g} s; see what it is busy with")

    def _end(self) -> None:
        self._open = False
        self._pipe.close()

    def literal(self, value: str) -> str:
        """See Asks.literal."""
        return self._way.literal(value)

    def descriptors(self) -> tuple[int, ...]:
        """See Asks.descriptors."""
        return self._pipe.descriptors()

    def close(self) -> None:
        """See Asks.close."""
        with self._turn:
            if self._open:
                self._end()


def open_session(where: Where, name: str = NAME, env: t.Mapping[str, str] | None = None) -> Session:
    """Connect under ``name``. Raises MigrateError where that fails, with one sentence that says why."""
    way = dialect(where.engine)
    argv = client(where, way.program, way.options)
    try:
        pipe = ProcessPipe(argv, {**(os.environ if env is None else env), **where.environment()})
    except OSError as exc:
        raise failure(where.label, f"{argv[0]}: {exc.strerror}") from None
    session = Session(where.label, pipe, way)
    try:
        for manner in _MANNERS[where.engine]:
            session.query(manner, _OPENS)
        if where.engine == POSTGRESQL:
            session.query(f"SET application_name = {way.literal(name)}", _OPENS)
        elif "mariadb" not in str(session.query("SELECT version()")[0][0]).lower():
            raise MigrateError(f"{where.label} is MySQL, which shows its locks in other ways than MariaDB: it is not supported")
    except BaseException:
        session.close()
        raise
    return session
