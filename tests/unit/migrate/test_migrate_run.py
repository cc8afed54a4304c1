"""Applying migrations: what is locked, judged, tried again, and told."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import pytest
from unit.rollout.fakes import RolloutClock

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import MigrateError
from ansible_collections.steady.deploy.plugins.module_utils.migrate.choose import Chosen, digest, with_phases
from ansible_collections.steady.deploy.plugins.module_utils.migrate.database.facts import TableFacts
from ansible_collections.steady.deploy.plugins.module_utils.migrate.database.guard import Watched
from ansible_collections.steady.deploy.plugins.module_utils.migrate.look import look
from ansible_collections.steady.deploy.plugins.module_utils.migrate.run import Run
from ansible_collections.steady.deploy.plugins.module_utils.migrate.spec import CONTRACT, EXPAND, UNKNOWN, Migration, Outcome, Pending

ONE = Migration("one", EXPAND, "", ("ALTER TABLE t ADD a INT",))
TWO = Migration("two", EXPAND, "", ("ALTER TABLE t ADD b INT", "ALTER TABLE t ADD c INT"))
ALL = (ONE, TWO)
LOCKED = "SQLSTATE[HY000]: General error: 1205 Lock wait timeout exceeded"


class FakeTool:
    """The adapter, its tool and the database in one: a list of what is applied, and a log of what was asked."""

    def __init__(self, migrations=ALL):
        self.there = migrations
        self.applied = []
        self.log = []
        self.drift = ()
        self.fails = []
        self.lost = False
        self.ended = []
        self.invalid = [(), ()]
        self.meanwhile = []

    # --- Adapter
    def pending(self, tool):
        self.log.append("pending")
        ids = tuple(one.id for one in self.there)
        return Pending(ids, tuple(one for one in ids if one not in self.applied), self.drift)

    def migrations(self, tool, ids):
        self.log.append("migrations")
        return tuple(one for one in self.there if one.id in ids)

    def apply(self, tool, ids):
        tool.run(["apply", *ids])
        done = []
        for one in ids:
            if self.fails and self.fails[0][0] == one:
                _id, reason, left, ended = self.fails.pop(0)
                self.ended += ended
                return Outcome(tuple(done), one, reason, left)
            done.append(one)
            self.applied.append(one)
        return Outcome(tuple(done))

    # --- Tool
    def run(self, argv, **how):
        self.log.append(" ".join(argv) + "".join(f" {key}={value}" for key, value in (how.get("env") or {}).items()))

    # --- Database
    def check(self):
        self.log.append("check")
        if self.lost:
            raise MigrateError("the lock was lost")

    @contextlib.contextmanager
    def lock(self):
        self.log.append("lock")
        self.applied += self.meanwhile
        yield self
        self.log.append("unlock")

    @contextlib.contextmanager
    def guard(self):
        self.log.append("guard")
        yield self
        self.log.append("unguard")

    def watched(self):
        return Watched(1.5, 3, tuple(self.ended), ("others waited",), ())

    def environment(self, concurrently):
        return {"LONG": "1"} if concurrently else {"SHORT": "1"}

    def backup(self):
        self.log.append("backup")
        return {"name": "dump"}

    def tables(self):
        return {"t": TableFacts(5, 100)}

    def invalid_indexes(self):
        found = self.invalid.pop(0)
        if isinstance(found, MigrateError):
            raise found
        return found


def run(fake, choose=None, approved=None, phases=None, tries=3, looked=None):
    clock = RolloutClock()
    runs = Run("migrate", fake, fake, fake, clock, tries)
    return runs.apply(choose or (lambda migrations: Chosen(tuple(migrations))), approved, phases or {}, looked)


def judged(*migrations):
    return {one.id: digest(one) for one in migrations}


def test_all_is_applied_under_the_lock_and_the_guard_after_a_backup():
    fake = FakeTool()
    done = run(fake, approved=judged(*ALL))
    under_the_lock = ["lock", "pending", "migrations", "backup", "guard", "check", "apply one two SHORT=1", "check", "unguard", "unlock"]
    assert fake.log == ["pending", "check", *under_the_lock]
    assert [one.id for one in done.applied] == ["one", "two"] and done.pending.known == ("one", "two")
    assert done.facts == {"backup": {"name": "dump"}, "tries": 1, "applied": ["one", "two"], "longest_wait": 1.5, "waited": 3, "ended": []}
    assert done.warnings == ("others waited",)


def test_what_the_run_has_seen_is_not_asked_for_again():
    fake = FakeTool()
    seen = look(fake, fake, fake)
    fake.log.clear()
    assert len(run(fake, approved=judged(*ALL), looked=seen).applied) == 2
    assert [said for said in fake.log if said in ("pending", "migrations")] == ["pending"]
    # Whatever turns up under the lock is looked at.
    fake = FakeTool()
    fake.there = (*ALL, Migration("three", EXPAND, "", ("ALTER TABLE t ADD d INT",)))
    with pytest.raises(MigrateError, match="migration three is not what was judged"):
        run(fake, approved=judged(*ALL), looked=seen)
    assert fake.log.count("migrations") == 1


def test_where_nothing_is_pending_one_question_is_all():
    fake = FakeTool()
    fake.applied = ["one", "two"]
    assert run(fake, approved={}).applied == ()
    assert fake.log == ["pending"]


def test_another_host_was_quicker():
    fake = FakeTool()
    fake.meanwhile = ["one", "two"]
    assert run(fake, approved=judged(*ALL)).applied == ()
    assert fake.log[-1] == "unlock" and "guard" not in fake.log


def test_what_was_not_judged_is_not_applied():
    fake = FakeTool()
    with pytest.raises(MigrateError, match="service migrate: migration two is not what was judged"):
        run(fake, approved=judged(ONE))
    assert fake.applied == []


def test_where_nobody_is_served_nothing_was_judged():
    fake = FakeTool()
    assert len(run(fake, approved=None).applied) == 2


def test_drift_is_refused():
    fake = FakeTool()
    fake.drift = ("migration zero was applied, and the release does not know it",)
    with pytest.raises(MigrateError, match="does not fit the release's migrations: migration zero was applied"):
        run(fake)
    assert fake.applied == []


def test_what_is_held_back_is_told():
    done = run(FakeTool(), choose=lambda migrations: Chosen(migrations[:1], migrations[1:]))
    assert [one.id for one in done.applied] == ["one"] and done.held_back == ("two",)
    nothing = run(FakeTool(), choose=lambda migrations: Chosen((), migrations))
    assert nothing.applied == () and nothing.held_back == ("one", "two")


def test_the_judge_has_a_word_on_those_that_say_nothing_themselves():
    silent = Migration("three", UNKNOWN)
    told = with_phases((ONE, silent), {"one": CONTRACT, "three": CONTRACT})
    assert [one.phase for one in told] == [EXPAND, CONTRACT]


def test_a_lock_that_was_not_to_be_had_is_tried_for_again():
    fake = FakeTool()
    fake.fails = [("one", LOCKED, "possibly a part of it", [])] * 2
    done = run(fake)
    assert done.facts["tries"] == 3 and fake.applied == ["one", "two"]


def test_what_is_applied_already_is_not_tried_again():
    fake = FakeTool((ONE, ONE.__class__("two", EXPAND, "", ("ALTER TABLE t ADD b INT",))))
    fake.fails = [("two", LOCKED, "possibly a part of it", [])]
    run(fake)
    assert [line for line in fake.log if line.startswith("apply")] == ["apply one two SHORT=1", "apply two SHORT=1"]


def test_where_a_transaction_ends_is_no_statement_to_stumble_over():
    """As Alembic's autocommit_block has it."""
    fake = FakeTool((Migration("one", EXPAND, "", ("COMMIT", "ALTER TABLE t VALIDATE CONSTRAINT c", "BEGIN")),))
    fake.fails = [("one", LOCKED, "possibly a part of it", [])]
    assert run(fake).facts["tries"] == 2


def test_what_the_tool_itself_refuses_to_try_again_is_not_tried(monkeypatch):
    """ONE has a single statement, and would be tried otherwise."""
    fake = FakeTool()
    fake.fails = [("one", LOCKED, "possibly a part of it", [])]
    once = fake.apply
    monkeypatch.setattr(fake, "apply", lambda tool, ids: replace(once(tool, ids), final=True))
    with pytest.raises(MigrateError, match=r"^migration one of service migrate failed: SQLSTATE"):
        run(fake)
    assert fake.applied == []


def test_tries_come_to_an_end():
    fake = FakeTool()
    fake.fails = [("one", LOCKED, "possibly a part of it", [])] * 9
    with pytest.raises(MigrateError, match=r"migration one of service migrate failed after 3 tries: SQLSTATE.* not applied: one and two"):
        run(fake, tries=3)


def test_half_a_migration_is_not_tried_again():
    """Its first statement is there already: a second try would fail of that, and hide what happened."""
    fake = FakeTool()
    fake.fails = [("two", LOCKED, "possibly a part of it: MariaDB commits each DDL statement by itself", [])]
    with pytest.raises(MigrateError, match=r"Applied: one; not applied: two; what it left: possibly a part") as caught:
        run(fake)
    assert caught.value.facts["migration"]["applied"] == ["one"] and caught.value.facts["migration"]["not_applied"] == ["two"]


def test_in_a_transaction_nothing_is_left_to_stumble_over():
    fake = FakeTool()
    fake.fails = [("two", LOCKED, "nothing: it ran in a transaction", [])]
    assert run(fake).facts["tries"] == 2


def test_what_the_guard_ended_is_tried_again_and_its_reason_told():
    fake = FakeTool()
    ended = ("one", "1317 Query execution was interrupted", "possibly a part", ["3 sessions waited 2.1 s behind ALTER TABLE t"])
    fake.fails = [ended]
    assert run(fake).facts["ended"] == ["3 sessions waited 2.1 s behind ALTER TABLE t"]
    fake = FakeTool()
    fake.fails = [ended] * 5
    with pytest.raises(MigrateError, match=r"\(the guard: 3 sessions waited 2.1 s behind ALTER TABLE t\)"):
        run(fake)
    fake = FakeTool()
    fake.fails = [(*ended[:3], [])]
    # Somebody else has ended it: that is no lock that was not to be had.
    with pytest.raises(MigrateError, match="interrupted"):
        run(fake)


def test_any_other_failure_is_told_at_once():
    fake = FakeTool()
    fake.fails = [("one", "1054 Unknown column 'x'", "possibly a part", [])] * 2
    with pytest.raises(MigrateError, match="migration one of service migrate failed: 1054 Unknown column") as caught:
        run(fake)
    assert len(fake.fails) == 1
    # With what the guard has to say of it.
    assert caught.value.facts["migration"]["warnings"] == ["others waited"]


class OneByOne(FakeTool):
    """A tool with a command for each migration, which loses the lock while one runs."""

    def __init__(self, loses="one"):
        super().__init__((ONE, TWO))
        self.loses = loses

    def apply(self, tool, ids):
        for one in ids:
            tool.run(["apply", one])
            self.applied.append(one)
            self.lost = self.lost or one == self.loses
        return Outcome(tuple(ids))


@pytest.mark.parametrize(
    ("loses", "applied", "said"),
    [("one", ["one"], "Applied: one; not applied: two"), ("two", ["one", "two"], "Applied: one and two; not applied: none")],
)
def test_once_the_lock_is_lost_nothing_more_is_begun_and_what_is_applied_is_told(loses, applied, said):
    fake = OneByOne(loses)
    with pytest.raises(MigrateError, match=f"the lock was lost. {said}$") as caught:
        run(fake)
    assert fake.applied == applied
    assert caught.value.facts["migration"]["applied"] == applied and caught.value.facts["migration"]["waited"] == 3


def test_where_nobody_knows_what_is_applied_nothing_is_said_to_be():
    fake = OneByOne()
    pending = fake.pending
    fake.pending = lambda tool: replace(pending(tool), drift=("migration two was begun and never ended",) if fake.lost else ())
    with pytest.raises(MigrateError, match=r"the lock was lost\. Nobody knows how much of one and two is applied: migration two was begun"):
        run(fake)


def test_what_an_earlier_try_applied_is_told_where_a_later_one_has_no_answer():
    fake = FakeTool((ONE, Migration("two", EXPAND, "", ("ALTER TABLE t ADD b INT",))))
    fake.fails = [("two", LOCKED, "possibly a part of it", [])]
    apply = fake.apply

    def once(tool, ids):
        if ids == ["two"]:
            raise MigrateError("nobody knows how much of two is applied")
        return apply(tool, ids)

    fake.apply = once
    with pytest.raises(MigrateError, match="nobody knows how much of two") as caught:
        run(fake)
    assert caught.value.facts["migration"]["applied"] == ["one"]


CONCURRENT = Migration("index", EXPAND, "", ("CREATE UNIQUE INDEX Concurrently IF NOT EXISTS i ON t (a)",))


def test_concurrent_statements_get_their_time_and_an_index_left_invalid_is_told():
    fake = FakeTool((CONCURRENT,))
    fake.invalid = [(("old", "t"),), (("i", "t"), ("old", "t"))]
    done = run(fake)
    assert "apply index LONG=1" in fake.log
    # One that was there before as well: nobody else may have seen it.
    assert done.warnings[1:] == (
        'index i of table t is invalid: DROP INDEX CONCURRENTLY "i", and create it again',
        'index old of table t is invalid: DROP INDEX CONCURRENTLY "old", and create it again',
    )


def test_a_concurrent_statement_that_fails_is_not_tried_again_and_what_it_left_is_told():
    """Its index is there, and holds its name: a second try would fail of that, and hide why the first one did."""
    fake = FakeTool((CONCURRENT,))
    fake.invalid = [(), (("i", "t"),)]
    fake.fails = [("index", "55P03: canceling statement due to lock timeout", "possibly a part of it", [])] * 2
    with pytest.raises(MigrateError, match=r"failed: 55P03.* Index i of table t is invalid: DROP INDEX CONCURRENTLY \"i\", and create it"):
        run(fake)
    assert len(fake.fails) == 1


def test_a_database_that_cannot_be_asked_for_indexes_hides_no_failure():
    fake = FakeTool()
    fake.fails = [("one", "1054 Unknown column 'x'", "possibly a part", [])]
    fake.invalid = [(), MigrateError("the database does not answer")]
    with pytest.raises(MigrateError, match="1054 Unknown column"):
        run(fake)


def test_what_is_applied_is_told_where_the_database_is_gone_afterwards():
    fake = FakeTool()
    fake.invalid = [(), MigrateError("the database does not answer")]
    with pytest.raises(MigrateError, match="does not answer") as caught:
        run(fake)
    assert caught.value.facts["migration"]["applied"] == ["one", "two"]


def test_a_migration_that_would_take_an_invalid_index_for_made_is_refused():
    fake = FakeTool((CONCURRENT,))
    fake.invalid = [(("i", "t"),)]
    said = (
        r"service migrate: migration index creates index i, and an invalid one .* on table t: DROP INDEX CONCURRENTLY \"i\", then run again"
    )
    with pytest.raises(MigrateError, match=said):
        run(fake)
    assert fake.applied == [] and "backup" not in fake.log


def test_a_look_changes_nothing():
    fake = FakeTool()
    found = look(fake, fake, fake)
    assert found.migrations == ALL and found.tables == {"t": TableFacts(5, 100)}
    assert fake.log == ["pending", "check", "migrations"]
    fake.applied = ["one", "two"]
    assert look(fake, fake, fake).migrations == ()
    assert fake.log == ["pending", "check", "migrations", "pending"]


HELD = MigrateError("the database has a table that somebody holds locked", kind="locked")


@pytest.mark.parametrize(("meanwhile", "left"), [(["one", "two"], []), (["one"], ["two"])])
def test_a_look_waits_for_another_migration_that_holds_a_table(meanwhile, left):
    fake = FakeTool()
    fake.meanwhile = meanwhile
    refuses = [HELD]
    sizes = fake.tables
    fake.tables = lambda: denied(refuses.pop()) if refuses else sizes()
    assert [one.id for one in look(fake, fake, fake).migrations] == left
    assert fake.log[:5] == ["pending", "check", "lock", "unlock", "pending"]


def test_a_look_tells_of_a_table_that_somebody_else_holds():
    fake = FakeTool()
    fake.tables = lambda: denied(HELD)
    with pytest.raises(MigrateError, match="holds locked"):
        look(fake, fake, fake)
    fake.tables = lambda: denied(MigrateError("may not", kind=None))
    fake.log.clear()
    with pytest.raises(MigrateError, match="may not"):
        look(fake, fake, fake)
    assert "lock" not in fake.log


def denied(error):
    raise error
