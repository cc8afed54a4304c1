"""Older code that is rolled out as a new release, to a database that is further."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
from unit.rollout.worlds import ALL_RUN, SERVICES, WISH, shares, units

from ansible_collections.steady.deploy.plugins.module_utils.commands.migrations import Migrations
from ansible_collections.steady.deploy.plugins.module_utils.compose.store import Store
from ansible_collections.steady.deploy.plugins.module_utils.core.errors import MigrateError
from ansible_collections.steady.deploy.plugins.module_utils.migrate.database.where import Where
from ansible_collections.steady.deploy.plugins.module_utils.migrate.look import Looked
from ansible_collections.steady.deploy.plugins.module_utils.migrate.memory import Memory
from ansible_collections.steady.deploy.plugins.module_utils.migrate.spec import Migration, Pending
from ansible_collections.steady.deploy.plugins.module_utils.migrate.wish import MigrateWish
from ansible_collections.steady.deploy.plugins.module_utils.rollout.observed import Observed, Release
from ansible_collections.steady.deploy.plugins.module_utils.rollout.spec import Options

OLD = Release("old", True, units(ALL_RUN))
NOW = Observed("old", (OLD,), history=("old",), shares=shares(OLD))
MIGRATE = MigrateWish("alembic", Where("postgresql", "db"))
MIGRATES = replace(WISH, services=tuple(replace(one, migrate=MIGRATE) if one.name == "late" else one for one in SERVICES))
DRIFT = "the database is at revision b, but the code does not have it"


@pytest.fixture
def store(tmp_path):
    made = Store(str(tmp_path), "app")
    made.make()
    return made


def migrations_of(store, found, approved=None):
    """Migrations whose database says ``found`` to any look."""
    made = Migrations(MIGRATES, SimpleNamespace(images={}), None, store, None, None, "me", (), None, approved, False, False)
    made._look = lambda job: found
    return made


def test_it_is_refused_where_a_contract_migration_took_away_what_it_needs(store):
    Memory(store.migrations).contract("late", ["b"])
    with pytest.raises(MigrateError, match="can't be rolled out: contract migration b of service late has taken away"):
        migrations_of(store, Looked(Pending(("a",), (), (DRIFT,)))).looked(NOW, Options())


def test_where_its_tool_does_not_say_what_it_knows_nobody_can_tell(store):
    Memory(store.migrations).contract("late", ["b"])
    made = migrations_of(store, Looked(Pending((), (), whole=False)))
    assert made.looked(NOW, Options()) == NOW


def test_it_may_run_beside_other_migrations_that_it_does_not_know_and_that_is_told(store):
    Memory(store.migrations).contract("late", ["a"])
    made = migrations_of(store, Looked(Pending(("a",), (), (DRIFT,))))
    assert made.looked(NOW, Options()) == NOW
    assert made.warnings == [f"service late: {DRIFT}"]


@pytest.mark.parametrize("approved, unjudged", [({}, True), ({"late": {"digests": {"a": "1"}, "phases": {}}}, False)])
def test_what_is_pending_waits_for_its_judge(store, approved, unjudged):
    made = migrations_of(store, Looked(Pending(("a",), ("a",)), (Migration("a"),)), approved)
    made.looked(NOW, Options())
    assert made.unjudged() is unjudged


def test_without_a_judge_nothing_is_migrated(store):
    made = migrations_of(store, Looked(Pending(("a",), ("a",)), (Migration("a"),)))
    made.looked(NOW, Options())
    with pytest.raises(MigrateError, match="run the task without `async`; nothing was changed"):
        made.unjudged()
    nothing = migrations_of(store, Looked(Pending(("a",), ())))
    nothing.looked(NOW, Options())
    assert nothing.unjudged() is False
