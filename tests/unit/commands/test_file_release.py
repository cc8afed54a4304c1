"""The migrations of a release in a folder: what waits for the judge, what is applied, and what is told of it."""

from __future__ import annotations

import json

import pytest
from unit.migrate.test_migrate_run import LOCKED, FakeTool
from unit.rollout.fakes import RolloutClock

from ansible_collections.steady.deploy.plugins.module_utils.commands.file_release import FileRelease
from ansible_collections.steady.deploy.plugins.module_utils.commands.migrate import plain_values, shown
from ansible_collections.steady.deploy.plugins.module_utils.core.errors import MigrateError
from ansible_collections.steady.deploy.plugins.module_utils.core.journal import Journal, read
from ansible_collections.steady.deploy.plugins.module_utils.migrate.choose import digest
from ansible_collections.steady.deploy.plugins.module_utils.migrate.database.facts import TableFacts
from ansible_collections.steady.deploy.plugins.module_utils.migrate.database.where import Where
from ansible_collections.steady.deploy.plugins.module_utils.migrate.memory import Memory
from ansible_collections.steady.deploy.plugins.module_utils.migrate.online import FREE, LATER, Answer
from ansible_collections.steady.deploy.plugins.module_utils.migrate.spec import CONTRACT, EXPAND, UNKNOWN, Migration, Pending
from ansible_collections.steady.deploy.plugins.module_utils.migrate.wish import MigrateWish

ADD = Migration("add", EXPAND, "", ("ALTER TABLE t ADD a INT",))
DROP = Migration("drop", CONTRACT, "its path", ("ALTER TABLE t DROP b",))
WISH = MigrateWish("alembic", Where("mariadb", database="shop"), tries=1)


class World(FakeTool):
    """A tool and a database, and where the host keeps what it knows."""

    def __init__(self, folder, migrations, rows=5):
        super().__init__(migrations)
        self.folder = folder
        self.rows = rows
        self.invalid = [()] * 9
        self.memory = Memory(str(folder / "migrations.json"))

    def tables(self):
        return {"t": TableFacts(self.rows, 100)}

    def schema(self):
        return "".join(f"{one}\n" for one in self.applied)

    def answers(self, migrations, asks):
        return {one.id: (Answer(FREE if asks else LATER),) for one in migrations}

    def migrate(self, approved=None, contract=False, check=False, others=("old",), name="new", diff=False):
        clock = RolloutClock()
        journal = None if check else Journal(str(self.folder / "journal.jsonl"), "r", clock)
        release = FileRelease("shop", name, others, WISH, self, self, self, self.memory, clock, journal)
        return release.migrate(approved, contract, check, diff)

    @property
    def approved(self):
        return {"shop": {"digests": {one.id: digest(one) for one in self.there}, "phases": {}}}


@pytest.fixture
def world(tmp_path):
    return World(tmp_path, (ADD, DROP))


def test_what_is_pending_waits_for_its_judge(world):
    found = world.migrate({})
    assert (found["to_judge"], found["changed"], found["first"]) == (True, False, False)
    assert found["migrations"][0]["service"] == "shop" and len(found["migrations"][0]["pending"]) == 2
    # He hears what the server says. A check does not ask it.
    assert [one["server"][0]["word"] for one in found["migrations"][0]["pending"]] == ["free", "free"]
    assert [one["server"][0]["word"] for one in world.migrate({}, check=True)["migrations"][0]["pending"]] == ["later", "later"]
    with pytest.raises(MigrateError, match=r"app shop has migrations pending, .*run the task without `async`; nothing was changed"):
        world.migrate(None)
    assert world.applied == []


def test_what_waits_is_held_back_and_a_second_run_changes_nothing(world):
    done = world.migrate(world.approved, diff=True)
    assert (done["changed"], done["applied"], done["held_back"]) == (True, ["add"], ["drop"])
    assert done["warnings"][-1].startswith("app shop: drop waits until no older code is left: run with `contract`")
    assert [(one["before"], one["after"]) for one in done["diff"]] == [("", "add\n")]
    again = world.migrate(world.approved)
    assert (again["changed"], again["applied"], again["held_back"]) == (False, [], ["drop"])
    assert [entry["applied"] for entry in read(str(world.folder / "journal.jsonl")) if entry["event"] == "migrated"] == [["add"], []]


def test_a_check_tells_what_would_be_and_leaves_no_trace(world):
    done = world.migrate(world.approved, check=True)
    assert (done["changed"], done["applied"], done["held_back"]) == (True, ["add"], ["drop"])
    with pytest.raises(MigrateError, match="has to wait: release old is still on the host"):
        world.migrate(world.approved, contract=True, check=True)
    assert world.applied == [] and list(world.folder.iterdir()) == []


def test_a_contract_waits_for_every_release_that_is_kept(world):
    with pytest.raises(
        MigrateError, match=r"drop has to wait: release old .*remove releases that nobody goes back to.*nothing was changed"
    ):
        world.migrate(world.approved, contract=True)
    assert world.applied == [] and world.memory.contracted() == {}
    world.memory.learn("old", "shop", Pending(("drop",), ()), ["new"])
    assert world.migrate(world.approved, contract=True)["applied"] == ["add", "drop"]
    assert world.memory.contracted() == {"shop": ("drop",)}
    # From then on code from before can't come back.
    before = World(world.folder, (ADD,))
    with pytest.raises(MigrateError, match="release older can't be rolled out: contract migration drop of app shop has taken away"):
        before.migrate({}, name="older")


def test_a_second_host_learns_what_another_has_taken_away(world):
    assert world.migrate(world.approved)["held_back"] == ["drop"]
    # The other host does it, and then code that knows it is rolled out here once more.
    world.applied.append("drop")
    assert world.migrate({}, contract=True)["changed"] is False
    before = World(world.folder, (ADD,))
    before.applied += ["add", "drop"]
    with pytest.raises(MigrateError, match="release older can't be rolled out: contract migration drop of app shop has taken away"):
        before.migrate({}, name="older")


def test_a_contract_may_be_one_by_the_judges_word(tmp_path):
    world = World(tmp_path, (ADD, Migration("unsaid", UNKNOWN, "", ("DROP TABLE u",))))
    approved = {"shop": {**world.approved["shop"], "phases": {"unsaid": CONTRACT}}}
    assert world.migrate(approved)["held_back"] == ["unsaid"]


@pytest.mark.parametrize(
    "others, rows, applied, first", [((), 0, [], True), (("old",), 0, [], False), ((), 1, [], False), ((), 0, ["add"], False)]
)
def test_only_where_nobody_can_be_hurt_nothing_is_judged(tmp_path, others, rows, applied, first):
    world = World(tmp_path, (ADD, DROP), rows)
    world.applied += applied
    done = world.migrate({}, others=others)
    assert (done["first"], "to_judge" in done) == (first, not first)
    assert world.applied == (["add", "drop"] if first else applied)


def test_a_failure_tells_what_was_applied(world):
    world.fails = [("drop", LOCKED, "possibly a part of it", [])]
    with pytest.raises(MigrateError, match="migration drop of app shop failed") as caught:
        world.migrate(world.approved, contract=True, others=())
    facts = caught.value.facts
    assert (facts["changed"], facts["applied"], facts["migration"]["not_applied"]) == (True, ["add"], ["drop"])
    assert facts["release"] == "new" and facts["migrations"]
    # What the guard has to say.
    assert facts["warnings"] == ["others waited"]


def test_what_did_nothing_has_changed_nothing(world):
    world.fails = [("add", LOCKED, "nothing: it ran in a transaction", [])]
    with pytest.raises(MigrateError) as caught:
        world.migrate(world.approved)
    assert caught.value.facts["changed"] is False


def test_values_of_the_environment_are_not_shown():
    env = {"MYSQL_PWD": "geheim!", "APP_ENV": "shop", "URL": "mysql://a:b@c/d", "PIN": 1, "SAME": "geheim!", "TOO": "open"}
    params = {"env": env, "database": {"password": "open"}}
    assert plain_values(params) == {"shop", "1"}
    said = json.dumps(shown(params))
    assert "MYSQL_PWD" in said and not any(value in said for value in ("geheim", "shop", "a:b", "open"))
