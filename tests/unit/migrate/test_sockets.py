"""Whose connections a tool on the host has, and what the guard makes of them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time

import pytest
from unit.migrate.database_fakes import FakeSession

from ansible_collections.steady.deploy.plugins.module_utils.migrate.database.guard import Guard
from ansible_collections.steady.deploy.plugins.module_utils.migrate.database.limits import Limits
from ansible_collections.steady.deploy.plugins.module_utils.migrate.database.view import Held, MariadbView, PostgresqlView, Signs, Socket
from ansible_collections.steady.deploy.plugins.module_utils.migrate.sockets import Sockets, _text

MINE = Socket("127.0.0.1", 4711, 1)
CONNECT = (
    "import socket, sys; one = socket.create_connection(('127.0.0.1', int(sys.argv[1]))); print(one.getsockname()[1]); sys.stdin.read()"
)


def test_those_of_all_that_it_started_and_of_nobody_else():
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as other:
        port = server.getsockname()[1]
        argv = ["sh", "-c", f'{sys.executable} -c "{CONNECT}" {port}; true']
        with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as tool:
            here = int(tool.stdout.readline())
            sockets = Sockets(lambda: tool.pid)
            held = sockets.held(port)
            assert {(one.address, one.port) for one in held.database} == {("127.0.0.1", here)}
            assert {one.inode for one in held.database} == held.all
            # Not the database's: it may be anything.
            assert sockets.held(port + 1) == Held(frozenset(), held.all)
            assert Sockets(lambda: 0).held(port) == Held()
            assert other.getsockname()[1] not in {one.port for one in held.database}


def test_what_may_not_be_seen_is_no_proof_that_there_is_nothing(monkeypatch):
    sockets = Sockets(os.getpid)
    monkeypatch.setattr(sockets._proc, "sockets", lambda pid: None)
    assert sockets.held(3306) == Held(hidden=True)


@pytest.mark.parametrize(
    ("kernel", "server"),
    [
        ("0100007F", "127.0.0.1"),
        ("00000000000000000000000001000000", "::1"),
        ("0000000000000000FFFF00000100007F", "127.0.0.1"),
        ("000080FE00000000000000000500000A", "fe80::a00:5"),
    ],
)
@pytest.mark.skipif(sys.byteorder != "little", reason="the kernel shows its words as they are in memory")
def test_an_address_as_servers_show_it(kernel, server):
    assert _text(kernel) == server


# --- the views


def maria(number, host, command="Query"):
    return [number, "shop", host, command, "", "1500", "70", "ALTER TABLE t"]


def test_mariadb_shows_the_port():
    view = MariadbView(Signs(sockets=frozenset({MINE})))
    rows = [maria("1", "127.0.0.1:4711"), maria("2", "127.0.0.1:4712"), maria("3", "10.0.0.5:4711"), maria("4", "localhost")]
    assert [one.id for one in view.seen({"connections": rows}).own] == ["1"]
    # With names resolved.
    assert [one.id for one in view.seen({"connections": [maria("5", "localhost:4711"), maria("6", "db:4711")]}).own] == ["5"]
    assert view.seen({"connections": [maria("1", "127.0.0.1:4711", "Sleep")]}).known
    assert not view.seen({"connections": rows[1:]}).known


def test_mariadb_shows_who_holds_the_mark():
    view = MariadbView(Signs(mark=True))
    assert view.questions()["marked"].startswith("SELECT IS_USED_LOCK(")
    seen = view.seen({"marked": [["2"]], "connections": [maria("1", "localhost"), maria("2", "localhost")]})
    assert [one.id for one in seen.own] == ["2"]
    assert MariadbView(Signs(mark=True)).seen({"marked": [[None]], "connections": [maria("1", "localhost")]}).own == ()
    assert "marked" not in MariadbView(Signs()).questions()


def test_postgresql_shows_the_port():
    view = PostgresqlView(Signs(sockets=frozenset({MINE})), lambda text: f"'{text}'")
    assert "a.client_port IN (4711)" in view.questions()["connections"]
    row = ["1", "active", "1.5", "2026-01-31 04:00:00+00", "0", "ALTER TABLE t"]
    rows = [["socket 127.0.0.1 4711", *row], ["socket 10.0.0.5 4711", "2", *row[1:]], ["socket 127.0.0.1 4712", "3", *row[1:]]]
    assert [one.id for one in view.seen({"connections": rows}).own] == ["1"]
    idle = view.seen({"connections": [["own", "1", "idle", *row[2:]]]})
    assert (idle.own, idle.known) == ((), True)


# --- the guard

WAITS = [
    ["1", "shop", "127.0.0.1:4711", "Query", "Waiting for table metadata lock", "1500", "70", "ALTER TABLE t"],
    ["5", "shop", "127.0.0.1:1", "Query", "Waiting for table metadata lock", "1500", "71", "SELECT 1"],
]


def watched(held):
    session = FakeSession({"processlist": WAITS, "KILL": []})
    with Guard(lambda _name: session, "mariadb", Limits(lock_timeout=0.2), Signs(), held=held) as guard:
        time.sleep(0.9)
    return guard.watched(), session.asked


def test_the_guard_ends_what_is_the_tools_before_and_after_it_asked():
    found, asked = watched(lambda: Held(frozenset({MINE}), frozenset({1})))
    assert len(found.ended) == 1 and "KILL QUERY ID 70" in asked and found.warnings == ()


def test_a_port_that_has_another_owner_by_then_is_nobodys():
    numbers = iter(range(10_000))

    def held():
        inode = next(numbers)
        return Held(frozenset({MINE._replace(inode=inode)}), frozenset({inode}))

    found, asked = watched(held)
    assert found.ended == () and not any("KILL" in sql for sql in asked)


@pytest.mark.parametrize("held", [Held(frozenset(), frozenset({9})), Held(hidden=True)])
def test_where_nothing_tells_them_it_ends_nothing_and_says_so_once(held):
    found, asked = watched(lambda: held)
    assert not any("KILL" in sql for sql in asked)
    assert len(found.warnings) == 1 and "can't tell the tool's connections" in found.warnings[0]


def test_a_tool_without_a_connection_is_no_matter():
    assert watched(Held)[0].warnings == ()
