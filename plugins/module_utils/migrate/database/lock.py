# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lock in the database itself: one migration of a database at any time, whichever host it is run from.

The server holds it for one connection and frees it when that ends, be it because its holder was killed. It is taken by trying
again and again, never by waiting in the server: whoever waits in pg_advisory_lock keeps a snapshot, for whose end the holder's
CREATE INDEX CONCURRENTLY waits, and both end in a deadlock.
"""

from __future__ import annotations

import hashlib
import re
import threading
import time
import typing as t
from dataclasses import dataclass

from ansible_collections.steady.deploy.plugins.module_utils.core.clock import Clock
from ansible_collections.steady.deploy.plugins.module_utils.core.errors import MigrateError
from ansible_collections.steady.deploy.plugins.module_utils.migrate.database.explain import POOLER, sentence
from ansible_collections.steady.deploy.plugins.module_utils.migrate.database.session import ANSWERS, NAME, Opens
from ansible_collections.steady.deploy.plugins.module_utils.migrate.spec import POSTGRESQL

# Seconds between two tries, and between two signs of life.
_TRY_EVERY = 0.2
_BEAT_EVERY = 1.0

_SIGN = re.compile(r"/\* steady\.deploy migrate: (.*?) \*/")


def _signed(numbers: bytes) -> int:
    return int.from_bytes(numbers, "big", signed=True)


_DIGEST = hashlib.sha256(NAME.encode()).digest()
# The two halves of PostgreSQL's key. A database has its own keys there, so nothing of its name is in them.
KEY = (_signed(_DIGEST[:4]), _signed(_DIGEST[4:8]))


@dataclass(frozen=True)
class _Words:
    """The lock in the words of one engine. ``sign`` stands for the comment that tells who asks."""

    take: str
    free: str
    beat: str
    who: str


def _postgresql() -> _Words:
    key = f"{KEY[0]}, {KEY[1]}"
    held = (
        "FROM pg_locks l JOIN pg_database d ON d.oid = l.database AND d.datname = current_database() "
        f"WHERE l.locktype = 'advisory' AND l.objsubid = 2 AND l.granted AND l.classid = {KEY[0] % 2**32} AND l.objid = "
        f"{KEY[1] % 2**32}"
    )
    return _Words(
        f"SELECT pg_try_advisory_lock({key})::int",
        f"SELECT pg_advisory_unlock({key})",
        f"SELECT count(*) {held} AND l.pid = pg_backend_pid()",
        # Where one may not see what another user's connection does, its name is NULL.
        "SELECT a.query, a.application_name, a.usename, coalesce(host(a.client_addr), 'a socket'), a.pid, "
        "to_char(a.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') || ' UTC' FROM pg_stat_activity a WHERE a.pid IN "
        f"(SELECT l.pid {held})",
    )


def _mariadb(database: str) -> _Words:
    # Such names are the server's, not the database's, and 64 characters at most.
    name = f"'{NAME} {hashlib.sha256(database.encode()).hexdigest()[:16]}'"
    return _Words(
        f"SELECT GET_LOCK({name}, 0)",
        f"SELECT RELEASE_LOCK({name})",
        # A connection that does nothing shows nothing of itself, so it spends its time with a question that tells who asks.
        f"SELECT IS_USED_LOCK({name}) = CONNECTION_ID() AND SLEEP({_BEAT_EVERY:g}) = 0",
        "SELECT INFO, NULL, USER, HOST, ID, NULL FROM information_schema.processlist "
        f"WHERE ID = IS_USED_LOCK({name}) UNION ALL SELECT NULL, NULL, NULL, NULL, IS_USED_LOCK({name}), NULL",
    )


class MigrationLock:
    """The lock, held by ``owner``, as a context manager. ``lost`` is set when it was lost while it was held.

    Raises MigrateError where it can't be had within ``wait`` seconds, with who holds it and since when.
    """

    def __init__(self, opens: Opens, engine: str, label: str, owner: str, wait: float, clock: Clock) -> None:
        self._opens = opens
        self._engine = engine
        self._label = label
        # It stands in a comment and in a name of 63 bytes.
        self._owner = re.sub(r"[^A-Za-z0-9 @._:,()\[\]-]", "?", owner)[:100].strip() or "unknown"
        self._wait = wait
        self._clock = clock
        self._ended = threading.Event()
        self.lost = threading.Event()
        self._why = ""

    def __enter__(self) -> MigrationLock:
        self._session = self._opens(f"{NAME}: {self._owner}")
        try:
            self._words = self._of_engine()
            self._take()
        except BaseException:
            self._session.close()
            raise
        since = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(self._clock.now()))
        self._sign = f" /* {NAME}: {self._owner} since {since} */"
        # Before anything else happens the sign can be read.
        if self._engine == POSTGRESQL:
            self._beat()
        self._thread = threading.Thread(target=self._beating, name="migration lock", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_exc: t.Any) -> None:
        self._ended.set()
        self._thread.join(ANSWERS + _BEAT_EVERY)
        if not self.lost.is_set():
            try:
                self._session.query(self._words.free)
            except MigrateError:
                # The server frees it with the connection.
                pass
        self._session.close()

    def descriptors(self) -> tuple[int, ...]:
        """What a process that inherits it keeps the lock by, also when this one is gone."""
        return self._session.descriptors()

    def check(self) -> None:
        """Raise MigrateError where the lock was lost."""
        if self.lost.is_set():
            raise MigrateError(
                f"the migration lock in {self._label} was lost while it was held ({self._why}), so another run may migrate now: "
                "see what was applied, then run again"
            )

    def _of_engine(self) -> _Words:
        if self._engine == POSTGRESQL:
            self._refuse_pooler()
            return _postgresql()
        return _mariadb(self._session.query("SELECT DATABASE()")[0][0] or "")

    def _refuse_pooler(self) -> None:
        """A pooler gives a connection of the server to whoever has a transaction: a second client gets the one that is free."""
        ask = "SELECT pg_backend_pid()"
        first = self._session.query(ask)
        other = self._opens(NAME)
        try:
            other.query("BEGIN")
            second = other.query(ask)
            again = self._session.query(ask)
            other.query("COMMIT")
        finally:
            other.close()
        if first == second or first != again:
            raise MigrateError(sentence(self._label, POOLER, "two of its clients had the same connection"))

    def _take(self) -> None:
        limit = self._clock.monotonic() + self._wait
        while self._session.query(self._words.take) != [["1"]]:
            if self._clock.monotonic() >= limit:
                raise MigrateError(
                    f"another migration holds {self._label}: {self._holder()}; wait for it to end"
                    + (f", it did not within {self._wait:g} s" if self._wait else "")
                )
            self._clock.sleep(_TRY_EVERY)

    def _holder(self) -> str:
        for query, name, user, address, number, begun in self._session.query(self._words.who):
            sign = _SIGN.search(query or "")
            if sign:
                return sign.group(1)
            if number is not None:
                told = (name or "").partition(f"{NAME}: ")[2] or "who does not show its name"
                rest = [f"user {user}" if user else "", f"from {address}" if address else "", f"connected since {begun}" if begun else ""]
                return ", ".join([told, f"connection {number}", *(part for part in rest if part)])
        return "it has just let go"

    def _beating(self) -> None:
        while not self._ended.is_set():
            try:
                if not self._beat():
                    self._why = "the server gave it to somebody else"
                    break
            except MigrateError as exc:
                self._why = exc.message
                break
            if self._engine == POSTGRESQL:
                self._ended.wait(_BEAT_EVERY)
        if self._why:
            self.lost.set()

    def _beat(self) -> bool:
        """Give a sign of life. Returns whether the lock is still held."""
        return self._session.query(self._words.beat + self._sign) == [["1"]]
