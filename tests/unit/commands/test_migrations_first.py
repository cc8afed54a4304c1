"""The first rollout of an app: what is judged, and what is applied, by whether its database may have users."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
from unit.commands.test_migrations_fit import MIGRATES
from unit.migrate.test_migrate_run import FakeTool
from unit.rollout.fakes import RolloutClock

from ansible_collections.steady.deploy.plugins.module_utils.commands.migrations import Migrations
from ansible_collections.steady.deploy.plugins.module_utils.compose.store import Store
from ansible_collections.steady.deploy.plugins.module_utils.core.errors import MigrateError
from ansible_collections.steady.deploy.plugins.module_utils.core.journal import Journal
from ansible_collections.steady.deploy.plugins.module_utils.migrate.choose import digest
from ansible_collections.steady.deploy.plugins.module_utils.migrate.database.facts import TableFacts
from ansible_collections.steady.deploy.plugins.module_utils.migrate.memory import Memory
from ansible_collections.steady.deploy.plugins.module_utils.migrate.spec import CONTRACT, EXPAND, Migration
from ansible_collections.steady.deploy.plugins.module_utils.rollout import steps as s
from ansible_collections.steady.deploy.plugins.module_utils.rollout.observed import Accessory, Observed
from ansible_collections.steady.deploy.plugins.module_utils.rollout.spec import JOB, Options

ADD = Migration("add", EXPAND, "", ("ALTER TABLE t ADD a INT",))
DROP = Migration("drop", CONTRACT, "its path", ("ALTER TABLE t DROP b",))
STEP = s.Step(s.MIGRATE, "migrate", "new", ("late",), point=s.EXPAND)


class World(FakeTool):
    """A tool and a database with so many rows."""

    def __init__(self, rows):
        super().__init__((ADD, DROP))
        self.rows = rows
        self.asks = 0
        self.invalid = [()] * 9

    def tables(self):
        return {"t": TableFacts(self.rows, 100)}

    def answers(self, migrations, asks):
        self.asks += 1
        return {}

    def close(self):
        """See OneOff.close."""


def first(tmp_path, monkeypatch, world, approved=None, up=True, wish=MIGRATES):
    """The migrations of a first rollout whose accessories are ``up`` already, looked at, and what the plan is made of."""
    store, clock = Store(str(tmp_path), "app"), RolloutClock()
    store.make()
    journal = Journal(store.journal, "r", clock)
    target = SimpleNamespace(images={})
    made = Migrations(wish, target, None, store, clock, None, "me", (), journal, approved, True, False)
    monkeypatch.setattr(made, "_means", lambda job, wish: (world, world))
    monkeypatch.setattr(made, "_adapter", lambda wish: world)
    return made, made.looked(Observed(accessories=(Accessory("db", up, up, True),)), Options(contract=True))


@pytest.mark.parametrize("up", [True, False])
def test_an_empty_database_gets_all_of_it_unjudged(tmp_path, monkeypatch, up):
    world = World(0)
    made, observed = first(tmp_path, monkeypatch, world, None, up)
    assert (observed.contracts, made.told(), made.unjudged()) == ((), [], False)
    made.do(STEP)
    assert world.applied == ["add", "drop"] and world.asks == 0


def test_two_jobs_on_one_database_are_looked_at_before_the_first_applies(tmp_path, monkeypatch):
    migrate = next(one.migrate for one in MIGRATES.services if one.name == "late")
    both = replace(MIGRATES, services=tuple(replace(one, migrate=migrate) if one.kind == JOB else one for one in MIGRATES.services))
    world = World(0)
    made, dummy = first(tmp_path, monkeypatch, world, up=False, wish=both)
    made.do(replace(STEP, services=("early",)))
    world.rows = 5
    world.applied.clear()
    made.do(STEP)
    assert world.applied == ["add", "drop"]


@pytest.mark.parametrize(("rows", "applied"), [(5, []), (0, ["add"])])
def test_a_database_that_may_have_users_is_judged_as_ever(tmp_path, monkeypatch, rows, applied):
    world = World(rows)
    world.applied += applied
    made, observed = first(tmp_path, monkeypatch, world, {})
    assert observed.contracts == ("late",) and made.unjudged() and world.asks == 1
    assert [len(one["pending"]) for one in made.told()] == [2 - len(applied)]
    with pytest.raises(MigrateError, match="run the task without `async`"):
        first(tmp_path, monkeypatch, world)[0].unjudged()
    approved = {"late": {"digests": {one.id: digest(one) for one in (ADD, DROP)}, "phases": {}}}
    made, dummy = first(tmp_path, monkeypatch, world, approved)
    assert not made.unjudged()
    made.do(STEP)
    assert world.applied == ["add"] and made.applied[0]["held_back"] == ["drop"]


def test_one_that_could_not_be_asked_before_is_not_migrated_unjudged(tmp_path, monkeypatch):
    world = World(5)
    made, observed = first(tmp_path, monkeypatch, world, {}, up=False)
    assert (observed.contracts, made.told(), made.unjudged(), world.log) == ((), [], False, [])
    with pytest.raises(MigrateError, match=r"the database of service db is not empty, .*accessories are up now, so run again"):
        made.do(STEP)
    assert world.applied == [] and world.asks == 0
    world.applied += ["add", "drop"]
    made.do(STEP)
    assert made.applied == []


def test_older_code_is_refused_there_too(tmp_path, monkeypatch):
    made = first(tmp_path, monkeypatch, World(0), up=False)[0]
    Memory(Store(str(tmp_path), "app").migrations).contract("late", ["gone"])
    with pytest.raises(MigrateError, match="contract migration gone of service late has taken away"):
        made.do(STEP)
