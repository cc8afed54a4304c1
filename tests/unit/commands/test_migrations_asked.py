"""When the server is asked about pending migrations, and that the judge hears what it said."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from unit.commands.test_migrations_fit import MIGRATES, NOW

from ansible_collections.steady.deploy.plugins.module_utils.commands import migrations
from ansible_collections.steady.deploy.plugins.module_utils.compose.store import Store
from ansible_collections.steady.deploy.plugins.module_utils.core.clock import SystemClock
from ansible_collections.steady.deploy.plugins.module_utils.core.errors import MigrateError
from ansible_collections.steady.deploy.plugins.module_utils.migrate.look import Looked
from ansible_collections.steady.deploy.plugins.module_utils.migrate.online import FREE, LATER, Answer
from ansible_collections.steady.deploy.plugins.module_utils.migrate.spec import Migration, Pending
from ansible_collections.steady.deploy.plugins.module_utils.rollout.spec import Options

APPROVED = {"late": {"digests": {"a": "1"}, "phases": {}}}
PENDING = Looked(Pending(("a",), ("a",)), (Migration("a", statements=("ALTER TABLE t ADD b int", "SELECT 1")),))


def told(monkeypatch, tmp_path, approved, learns, found=PENDING):
    """What the judge is told, and how often the server was asked."""
    asked = []

    def answers(pending, asks):
        asked.append(asks)
        return {one.id: (Answer(FREE if asks else LATER), None) for one in pending}

    store = Store(str(tmp_path), "app")
    store.make()
    means = (SimpleNamespace(close=lambda: None), SimpleNamespace(answers=answers))
    monkeypatch.setattr(migrations, "look", lambda adapter, tool, database: found)
    made = migrations.Migrations(
        MIGRATES, SimpleNamespace(images={}), None, store, SystemClock(), None, "me", (), None, approved, learns, False
    )
    monkeypatch.setattr(made, "_means", lambda job, wish: means)
    made.looked(NOW, Options())
    return [one["server"] for service in made.told() for one in service["pending"]], asked


@pytest.mark.parametrize(
    "approved, learns, server, asked",
    [
        ({}, True, [[{"word": "free", "said": ""}, None]], [True]),
        # A check leaves the database as it is.
        ({}, False, [[{"word": "later", "said": ""}, None]], [False]),
        # What is judged is not asked once more.
        (APPROVED, True, [[]], []),
    ],
)
def test_when_the_server_is_asked(monkeypatch, tmp_path, approved, learns, server, asked):
    assert told(monkeypatch, tmp_path, approved, learns) == (server, asked)


def test_where_nothing_is_pending_nothing_is_asked(monkeypatch, tmp_path):
    assert told(monkeypatch, tmp_path, {}, True, Looked(Pending(("a",), ()))) == ([], [])


def test_what_the_guard_warns_of_and_what_was_applied_is_told_after_a_failure_too(monkeypatch, tmp_path):
    written = []

    class Fails:
        def __init__(self, *parts):
            pass

        def apply(self, *what):
            raise MigrateError("migration b failed", migration={"applied": ["a"], "warnings": ["the guard can't tell"]})

    monkeypatch.setattr(migrations, "Run", Fails)
    journal = SimpleNamespace(tell=None, write=lambda event, **facts: written.append((event, facts["service"], facts["applied"])))
    store = Store(str(tmp_path), "app")
    made = migrations.Migrations(
        MIGRATES, SimpleNamespace(images={}), None, store, SystemClock(), None, "me", (), journal, APPROVED, True, False
    )
    monkeypatch.setattr(made, "_means", lambda job, wish: (SimpleNamespace(close=lambda: None), None))
    monkeypatch.setattr(made, "_served", "a release")
    with pytest.raises(MigrateError, match="migration b failed"):
        made.do(SimpleNamespace(services=("late",), point="expand"))
    assert (made.warnings, written) == (["the guard can't tell"], [("migrated", "late", ["a"])])
