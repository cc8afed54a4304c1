# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looking at a migration from another connection, and ending a statement of it, in the words of each engine. Pure.

A migration's connections are told by their addresses, those of the container it runs in, or by their user or the name they give
themselves: so it does not matter which tool or driver it is. On a host, whose address the app's connections have too, they are told
by the ports of the tool's own sockets.
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


# What a client holds that the engine itself starts on a MariaDB: a lock that nobody else takes, for there names are hidden.
_MARK = "CONCAT('steady.deploy migration ', LEFT(SHA2(IFNULL(DATABASE(), ''), 256), 16))"
MARKS = f"DO GET_LOCK({_MARK}, 0)"
# Seconds. A statement that began just now is not what others have waited for: that was the one before it, which has just been
# ended, and they are about to go on.
_BEGINS = 0.3


class Socket(t.NamedTuple):
    """This end of a connection, as the server shows it, and which socket it is."""

    address: str
    port: int
    inode: int


@dataclass(frozen=True)
class Held:
    """What a tool holds: connections to the ``database``'s port, and the inodes of ``all`` its connections.

    ``hidden``: it may not be seen what a process of the tool holds.
    """

    database: frozenset[Socket] = frozenset()
    all: frozenset[int] = frozenset()
    hidden: bool = False

    def still(self, later: Held) -> Held:
        """Those that are the same ones later: a port may be somebody else's then."""
        return Held(self.database & later.database, self.all & later.all, self.hidden and later.hidden)


@dataclass(frozen=True)
class Signs:
    """What tells a migration's connections: addresses and names of its container, a user that nobody else is, sockets of its own,
    and whether its client may hold the ``mark``.

    A MariaDB without skip_name_resolve shows the name that Docker gives an address, with the network's behind it. It remembers that
    (host_cache_size), and shows whoever has the address later by it: so only a name that no other container ever has tells anything.
    """

    addresses: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    user: str = ""
    sockets: frozenset[Socket] = frozenset()
    mark: bool = False

    def holds(self, host: str, port: str) -> bool:
        """Whether this is the end of a socket of the migration. A server that resolves names says localhost."""
        return any(
            port == str(one.port) and (host == one.address or (host == "localhost" and one.address in ("127.0.0.1", "::1")))
            for one in self.sockets
        )

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
        self._signs = signs
        conditions = [f"a.application_name = {literal(APPLICATION)}"]
        conditions += [f"a.client_addr = {literal(address)}::inet" for address in signs.addresses]
        conditions += [f"a.usename = {literal(signs.user)}"] if signs.user else []
        told = f"({' OR '.join(conditions)})"
        ports = sorted({one.port for one in signs.sockets})
        sockets = [f"a.client_port IN ({', '.join(map(str, ports))})"] if ports else []
        # waitstart is there from PostgreSQL 14 on.
        self._sql = (
            "SELECT 'wait', w.pid::text, array_to_string(pg_blocking_pids(w.pid), ' '), w.age::text, NULL, NULL, NULL FROM "
            "(SELECT l.pid, max(extract(epoch FROM clock_timestamp() - (to_jsonb(l)->>'waitstart')::timestamptz)) AS age "
            "FROM pg_locks l WHERE NOT l.granted GROUP BY l.pid) w "
            f"UNION ALL SELECT CASE WHEN {told} THEN 'own' ELSE 'socket ' || host(a.client_addr) || ' ' || a.client_port END, "
            "a.pid::text, a.state, extract(epoch FROM clock_timestamp() - a.query_start)::text, a.query_start::text, "
            r"(a.query ~* '\mconcurrently\M')::int::text, left(a.query, 300) "
            "FROM pg_stat_activity a WHERE a.datname = current_database() AND a.pid <> pg_backend_pid() "
            f"AND ({' OR '.join([told, *sockets])})"
        )

    def questions(self) -> t.Mapping[str, str]:
        """See View.questions."""
        return {"connections": self._sql}

    def seen(self, answers: t.Mapping[str, t.Sequence[Row]]) -> Seen:
        """See View.seen."""
        own, waits, known = [], [], False
        for what, number, second, seconds, begun, concurrent, statement in answers["connections"]:
            age = None if seconds is None else max(0.0, float(seconds))
            if what == "wait":
                waits.append(Wait(number or "", tuple((second or "").split()), age))
            elif what == "own" or self._signs.holds(*(what or "").split()[1:]):
                known = True
                # One that does nothing, or does not show what it does.
                if second in (None, "idle"):
                    continue
                own.append(Own(number or "", f"{number} {begun}", statement or "", second == "active", concurrent == "1", age or 0.0))
        return Seen(tuple(own), tuple(waits), known)

    def end(self, own: Own) -> str:
        """See View.end."""
        call, state = ("pg_cancel_backend", "active") if own.active else ("pg_terminate_backend", "idle in transaction%")
        number, dummy, begun = own.key.partition(" ")
        return f"SELECT {call}(pid) FROM pg_stat_activity WHERE pid = {int(number)} AND query_start = '{begun}' AND state LIKE '{state}'"


class MariadbView:
    """By the process list, which tells who waits for a metadata lock but not for whom, and by InnoDB's tables of lock waits.

    One thing is assumed: who waits for a metadata lock while a statement of the migration has run for a while waits behind that.
    """

    missing = "lock waits inside InnoDB can't be seen by the database's user: GRANT PROCESS ON *.* to it lets the guard see to them too"
    _END = re.compile(r":\d*$")
    _WAITING = re.compile(r"Waiting for .*\block\b", re.IGNORECASE)

    def __init__(self, signs: Signs) -> None:
        self._signs = signs

    def questions(self) -> t.Mapping[str, str]:
        """See View.questions."""
        marked = {"marked": f"SELECT IS_USED_LOCK({_MARK})"} if self._signs.mark else {}
        return {
            **marked,
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
        marked = {number for (number,) in answers.get("marked", ())}
        own, keys, metadata, known = [], {}, [], False
        for number, user, host, command, state, spent, query, statement in answers["connections"]:
            number = number or ""
            keys[number] = query or ""
            active = command in ("Query", "Execute")
            # Name and port are cut at 64 characters.
            name, port = self._END.sub("", host or ""), (host or "").rpartition(":")[2]
            ours = number in marked or self._signs.tell(name, user or "") or self._signs.holds(name, port)
            known = known or ours
            if ours and (active or number in blocking_ids):
                own.append(Own(number, f"{number} {query}", statement or "", active, False, float(spent or 0) / 1000))
            if active and self._WAITING.match(state or ""):
                metadata.append(number)
        working = [one.id for one in own if one.active and one.seconds >= _BEGINS]
        for number in metadata:
            behind.setdefault(number, []).extend(one for one in working if one != number)
        waits = tuple(Wait(number, tuple(ids), None, keys.get(number, "")) for number, ids in behind.items())
        return Seen(tuple(own), waits, known)

    def end(self, own: Own) -> str:
        """See View.end."""
        number, dummy, query = own.key.partition(" ")
        return f"KILL QUERY ID {int(query)}" if own.active else f"KILL {int(number)}"


def view(engine: str, signs: Signs, literal: Literal) -> View:
    """The one of this engine."""
    return PostgresqlView(signs, literal) if engine == POSTGRESQL else MariadbView(signs)
