"""The migration lock against a session that is none; between real processes it is tried in the integration tests."""

from __future__ import annotations

import itertools
import re

import pytest
from unit.migrate.database_fakes import FakeClock, FakeSession

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import MigrateError
from ansible_collections.steady.deploy.plugins.module_utils.migrate.database.lock import MigrationLock

LABEL = "the database of service db"
SIGN = "SELECT 1 /* steady.deploy migrate: anna on web1 since 2026-01-31 04:00:00 UTC */"


class World:
    """A server that gives the lock after so many tries; each new connection has a number of its own."""

    def __init__(self, engine="postgresql", tries=1, held="1", **answers):
        self.engine = engine
        self.tries = itertools.count(1)
        self.numbers = itertools.count(100)
        self.sessions: list[FakeSession] = []
        self.names: list[str] = []
        self.clock = FakeClock()
        self.held = held
        self.need = tries
        self.more = answers

    def opens(self, name):
        self.names.append(name)
        number = str(next(self.numbers))

        def take(_sql):
            return [["1" if next(self.tries) >= self.need else "0"]]

        answers = {
            "count(*)": lambda _sql: [[self.held]],
            "SELECT pg_backend_pid()": [[number]],
            "try_advisory": take,
            "GET_LOCK": take,
            "SLEEP": lambda _sql: [[self.held]],
            "DATABASE()": [["shop"]],
        }
        session = FakeSession({**self.more, **{word: answer for word, answer in answers.items() if word not in self.more}})
        self.sessions.append(session)
        return session

    def lock(self, owner="bert", wait=0.0):
        return MigrationLock(self.opens, self.engine, LABEL, owner, wait, self.clock)


@pytest.mark.parametrize("engine", ["postgresql", "mariadb"])
def test_it_is_taken_and_let_go(engine):
    world = World(engine)
    with world.lock("anna on web1 (pid 7)") as held:
        held.check()
        session = world.sessions[0]
    assert world.names[0] == "steady.deploy migrate: anna on web1 (pid 7)"
    assert any("unlock" in sql or "RELEASE_LOCK" in sql for sql in session.asked)
    assert all(one.closed for one in world.sessions)
    assert not any("pg_advisory_lock(" in sql for sql in session.asked)


def test_its_key_never_changes():
    """Two versions of this collection must agree on it."""
    world = World()
    with world.lock():
        assert "SELECT pg_try_advisory_lock(-334056854, 1330123491)::int" in world.sessions[0].asked
    world = World("mariadb")
    with world.lock():
        assert "SELECT GET_LOCK('steady.deploy migrate 8d9001d32c6a703d', 0)" in world.sessions[0].asked


def test_it_is_tried_again_until_it_is_free():
    world = World(tries=6)
    begun = world.clock.at
    with world.lock(wait=2.0):
        assert 0.9 < world.clock.at - begun < 1.1


@pytest.mark.parametrize(
    ("rows", "who"),
    [
        ([[SIGN, "x", "shop", "10.0.0.1", "7", "x"]], "anna on web1 since 2026-01-31 04:00:00 UTC"),
        (
            [[None, "steady.deploy migrate: anna", "shop", "10.0.0.1", "7", "2026-01-31 04:00:00 UTC"]],
            "anna, connection 7, user shop, from 10.0.0.1, connected since 2026-01-31 04:00:00 UTC",
        ),
        ([["<insufficient privilege>", None, None, None, "7", None]], "who does not show its name, connection 7"),
        ([], "it has just let go"),
    ],
)
def test_who_holds_it_is_told(rows, who):
    world = World(tries=999, pg_stat_activity=rows)
    with pytest.raises(MigrateError) as caught, world.lock(wait=3.0):
        pass
    assert caught.value.message == f"another migration holds {LABEL}: {who}; wait for it to end, it did not within 3 s"
    assert all(one.closed for one in world.sessions)


def test_an_owner_can_end_no_comment():
    world = World()
    with world.lock("a */ DROP TABLE x; 'ä\n"):
        beat = world.sessions[0].asked[-1]
    assert re.search(r" /\* steady\.deploy migrate: a \?\? DROP TABLE x\? \?\?\?? since .* \*/$", beat)


@pytest.mark.parametrize("held", ["0", MigrateError("the server has gone away")])
def test_a_lock_that_was_lost_is_told(held):
    world = World()
    with world.lock() as lock:
        lock.check()
        if isinstance(held, str):
            world.held = held
            why = "the server gave it to somebody else"
        else:
            world.sessions[0].answers["count(*)"] = held
            why = "the server has gone away"
        assert lock.lost.wait(5)
        with pytest.raises(MigrateError) as caught:
            lock.check()
    assert caught.value.message == (
        f"the migration lock in {LABEL} was lost while it was held ({why}), so another run may migrate now: "
        "see what was applied, then run again"
    )


@pytest.mark.parametrize("numbers", [["7", "7", "7"], ["7", "8", "9"]])
def test_a_pooler_is_refused(numbers):
    """Either two clients are given one connection, or one client two."""
    left = iter(numbers)
    world = World(**{"SELECT pg_backend_pid()": lambda _sql: [[next(left)]]})
    with pytest.raises(MigrateError, match="answers through a connection pooler"), world.lock():
        pass
    assert all(one.closed for one in world.sessions)
