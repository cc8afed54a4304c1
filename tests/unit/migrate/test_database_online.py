"""Trying statements on copies of their tables: which answer is whose, and that no copy is left."""

from __future__ import annotations

import re

import pytest
from unit.migrate.database_fakes import FakeSession

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import Breakdown, MigrateError
from ansible_collections.steady.deploy.plugins.module_utils.migrate.database.online import answers
from ansible_collections.steady.deploy.plugins.module_utils.migrate.online import FREE, REFUSED, Answer
from ansible_collections.steady.deploy.plugins.module_utils.migrate.spec import Migration

MODIFY, DROP = "ALTER TABLE t MODIFY a bigint", "ALTER TABLE t DROP b"
MIGRATIONS = (Migration("1", statements=("SELECT 1", MODIFY)), Migration("2", statements=(DROP,)))
TABLES = {"'InnoDB'": [["T"], ["other"]]}


def says(code, said="no"):
    return MigrateError(f"the database refuses: {said}", code=code, said=said)


def asked(given, migrations=MIGRATIONS):
    """The answers, and what each session was asked. The first entry of ``given`` whose words are in a question answers it."""
    sessions = []

    def opens():
        sessions.append(FakeSession({**TABLES, **given}))
        return sessions[-1]

    found = answers(opens, migrations)
    assert all(one.closed for one in sessions)
    return found, [one.asked for one in sessions]


def copies(log, word):
    return re.findall(rf"{word} (?:IF EXISTS )?(steady_probe_\w+)", "\n".join(log))


def test_what_the_server_does_beside_writers_is_free_and_later_statements_meet_the_changed_copy():
    found, (log,) = asked({})
    assert found == {"1": (None, Answer(FREE)), "2": (Answer(FREE),)}
    (copy,) = copies(log, "CREATE TABLE")
    assert copies(log, "ALTER TABLE") == [copy, copy]
    assert log[-1] == f"DROP TABLE IF EXISTS {copy}"
    assert "lock_wait_timeout = 1" in log[0]


def test_it_is_refused_where_it_is_done_in_place_while_writers_wait():
    found, (log,) = asked({"INPLACE, LOCK=NONE": says("1846", "It needs a lock"), "LOCK=SHARED": []})
    assert found["1"] == (None, Answer(REFUSED, "It needs a lock"))
    # What was done is not done once more.
    assert not any(line.endswith("bigint") or "COPY" in line for line in log if "ALTER" in line)


def test_what_only_a_copy_does_is_asked_for_as_a_copy():
    found, (log,) = asked({"ALGORITHM=INPLACE": says("1845")})
    assert found["1"] == (None, Answer(FREE)) and any("ALGORITHM=COPY, LOCK=NONE" in line for line in log)
    found, (log,) = asked({"ALGORITHM=INPLACE": says("1845"), "ALGORITHM=COPY": says("1846", "Not online")})
    assert found["1"] == (None, Answer(REFUSED, "Not online"))
    # The next statement meets the table as this one leaves it.
    assert any(line.endswith("MODIFY a bigint") for line in log)


@pytest.mark.parametrize("given", [{"SHOW SESSION": [["old_mode", "LOCK_ALTER_TABLE_COPY"]]}, {"REFERENTIAL": [["t"]]}])
def test_a_copy_beside_writers_does_not_count_where_the_migration_would_not_get_it(given):
    found, (log,) = asked({**given, "ALGORITHM=INPLACE": says("1846", "Only by a copy")})
    assert found["1"] == (None, Answer(REFUSED, "Only by a copy"))
    assert not any("ALGORITHM=COPY" in line for line in log)


def test_a_server_that_copies_whatever_there_is_to_do_is_not_asked():
    assert asked({"SHOW SESSION": [["alter_algorithm", "COPY"]]})[0] == {"1": (None, None), "2": (None,)}


@pytest.mark.parametrize(
    "given",
    [
        {"CREATE TABLE": says("1142")},
        {"DROP TABLE": says("1142")},
        {"CREATE TABLE": says("1205")},
        {"ALTER TABLE": says("1054")},
        {"ALGORITHM": says("1846"), "ALTER TABLE": says("1054")},
        {"CREATE TABLE": MigrateError("no answer within 10 s")},
        {"'InnoDB'": [["other"]]},
    ],
)
def test_anything_else_is_no_answer_also_to_what_comes_behind_it(given):
    assert asked(given)[0] == {"1": (None, None), "2": (None,)}


def test_who_may_not_drop_a_copy_makes_none():
    assert not copies(asked({"DROP TABLE": says("1142")})[1][0], "CREATE TABLE")


def test_what_a_killed_run_left_is_swept_up():
    log = asked({"IS_FREE_LOCK": [["steady_probe_0123456789ab_0"]]})[1][0]
    assert "DROP TABLE IF EXISTS steady_probe_0123456789ab_0" in log


def test_a_signal_leaves_no_copy_though_it_has_ended_the_connection():
    gone = []

    def stopped(sql):
        gone.append(sql)
        raise Breakdown("interrupted by SIGTERM")

    def drop(sql):
        if gone and len(sessions) == 1:
            raise MigrateError("the connection has ended")
        return []

    sessions = []

    def opens():
        sessions.append(FakeSession({"ALTER TABLE": stopped, "DROP TABLE": drop, **TABLES}))
        return sessions[-1]

    with pytest.raises(Breakdown):
        answers(opens, MIGRATIONS)
    first, second = sessions
    assert copies(second.asked, "DROP TABLE") == copies(first.asked, "CREATE TABLE") != []
    assert first.closed and second.closed


def test_where_nothing_can_be_asked_nobody_connects():
    assert asked({}, [Migration("1", statements=("SELECT 1",))]) == ({"1": (None,)}, [])
