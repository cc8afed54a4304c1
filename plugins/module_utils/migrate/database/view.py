# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looking at a migration from another connection, and ending a statement of it, in the words of each engine. Pure.

A migration's connections are told by their addresses, those of the container it runs in, or by their user or the name they give
themselves: so it does not matter which tool or driver it is.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

from ansible_collections.steady.deploy.plugins.module_utils.migrate.database.dialect import Row
from ansible_collections.steady.deploy.plugins.module_utils.migrate.database.judge import Own, Seen, Wait
from ansible_collections.steady.deploy.plugins.module_utils.migrate.database.limits import APPLICATION
from ansible_collections.steady.deploy.plugins.module_utils.migrate.spec import POSTGRESQL

Literal = t.Callable[[str], str]


@dataclass(frozen=True)
class Signs:
    """What tells a migration's connections: addresses and names of its container, and a user that nobody else is.

    A MariaDB without skip_name_resolve shows the name that Docker gives an address, with the network's behind it.
    """

    addresses: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    user: str = ""

    def tell(self, host: str, user: str) -> bool:
        """Whether a connection from this address or name, of this user, is the migration's."""
        named = any(host == name or host.startswith(f"{name}."[:58]) for name in self.names)
        return named or host in self.addresses or (user == self.user and user != "")


class View(t.Protocol):
    """One engine's way to look."""

    def questions(self) -> t.Mapping[str, str]:
        """SQL by what it is for. All but ``connections`` may be refused to a user; looking goes on without, and ``missing`` says what."""

    def seen(self, answers: t.Mapping[str, t.Sequence[Row]]) -> Seen:
        """What the answers say."""

    def end(self, own: Own) -> str:
        """SQL that ends the statement, or an idle connection with its transaction; nothing where it has gone on."""

    missing: str


class PostgresqlView:
    """By pg_locks and pg_blocking_pids, which show every user's connections to everybody."""

    missing = ""

    def __init__(self, signs: Signs, literal: Literal) -> None:
        conditions = [f"a.application_name = {literal(APPLICATION)}"]
        conditions += [f"a.client_addr = {literal(address)}::inet" for address in signs.addresses]
        conditions += [f"a.usename = {literal(signs.user)}"] if signs.user else []
        # waitstart is there from PostgreSQL 14 on.
        self._sql = (
            "SELECT 'wait', w.pid::text, array_to_string(pg_blocking_pids(w.pid), ' '), w.age::text, NULL, NULL, NULL FROM "
            "(SELECT l.pid, max(extract(epoch FROM clock_timestamp() - (to_jsonb(l)->>'waitstart')::timestamptz)) AS age "
            "FROM pg_locks l WHERE NOT l.granted GROUP BY l.pid) w "
            "UNION ALL SELECT 'own', a.pid::text, a.state, extract(epoch FROM clock_timestamp() - a.query_start)::text, "
            "a.query_start::text, "
            r"(a.query ~* '\mconcurrently\M')::int::text, left(a.query, 300) "
            "FROM pg_stat_activity a WHERE a.datname = current_database() AND a.pid <> pg_backend_pid() AND a.state <> 'idle' "
            f"AND ({' OR '.join(conditions)})"
        )

    def questions(self) -> t.Mapping[str, str]:
        """See View.questions."""
        return {"connections": self._sql}

    def seen(self, answers: t.Mapping[str, t.Sequence[Row]]) -> Seen:
        """See View.seen."""
        own, waits = [], []
        for what, number, second, seconds, begun, concurrent, statement in answers["connections"]:
            age = None if seconds is None else max(0.0, float(seconds))
            if what == "own":
                own.append(Own(number or "", f"{number} {begun}", statement or "", second == "active", concurrent == "1", age or 0.0))
            else:
                waits.append(Wait(number or "", tuple((second or "").split()), age))
        return Seen(tuple(own), tuple(waits))

    def end(self, own: Own) -> str:
        """See View.end."""
        call, state = ("pg_cancel_backend", "active") if own.active else ("pg_terminate_backend", "idle in transaction%")
        number, dummy, begun = own.key.partition(" ")
        return f"SELECT {call}(pid) FROM pg_stat_activity WHERE pid = {int(number)} AND query_start = '{begun}' AND state LIKE '{state}'"


class MariadbView:
    """By the process list, which tells who waits for a metadata lock but not for whom, and by InnoDB's tables of lock waits.

    One thing is assumed: who waits for a metadata lock while a statement of the migration runs waits behind that.
    """

    missing = "lock waits inside InnoDB can't be seen by the database's user: GRANT PROCESS ON *.* to it lets the guard see to them too"
    _WAITING = re.compile(r"Waiting for .*\block\b", re.IGNORECASE)

    def __init__(self, signs: Signs) -> None:
        self._signs = signs

    def questions(self) -> t.Mapping[str, str]:
        """See View.questions."""
        return {
            "connections": "SELECT ID, USER, HOST, COMMAND, STATE, TIME_MS, QUERY_ID, LEFT(INFO, 300) FROM information_schema.processlist "
            "WHERE ID <> CONNECTION_ID()",
            "transactions": "SELECT r.trx_mysql_thread_id, b.trx_mysql_thread_id FROM information_schema.innodb_lock_waits w "
            "JOIN information_schema.innodb_trx r ON r.trx_id = w.requesting_trx_id "
            "JOIN information_schema.innodb_trx b ON b.trx_id = w.blocking_trx_id",
        }

    def seen(self, answers: t.Mapping[str, t.Sequence[Row]]) -> Seen:
        """See View.seen."""
        behind: dict[str, list[str]] = {}
        for waiting, blocking in answers.get("transactions", ()):
            behind.setdefault(waiting or "", []).append(blocking or "")
        blocking_ids = {one for ids in behind.values() for one in ids}
        own, keys, metadata = [], {}, []
        for number, user, host, command, state, spent, query, statement in answers["connections"]:
            number = number or ""
            keys[number] = query or ""
            active = command in ("Query", "Execute")
            # Name and port are cut at 64 characters.
            ours = self._signs.tell(re.sub(r":\d*$", "", host or ""), user or "")
            if ours and (active or number in blocking_ids):
                own.append(Own(number, f"{number} {query}", statement or "", active, False, float(spent or 0) / 1000))
            if active and self._WAITING.match(state or ""):
                metadata.append(number)
        working = [one.id for one in own if one.active]
        for number in metadata:
            behind.setdefault(number, []).extend(one for one in working if one != number)
        return Seen(tuple(own), tuple(Wait(number, tuple(ids), None, keys.get(number, "")) for number, ids in behind.items()))

    def end(self, own: Own) -> str:
        """See View.end."""
        number, dummy, query = own.key.partition(" ")
        return f"KILL QUERY ID {int(query)}" if own.active else f"KILL {int(number)}"


def view(engine: str, signs: Signs, literal: Literal) -> View:
    """The one of this engine."""
    return PostgresqlView(signs, literal) if engine == POSTGRESQL else MariadbView(signs)
