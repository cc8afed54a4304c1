"""The guard: what it makes of what it sees, how it looks, and what it says when it may not."""

from __future__ import annotations

import time

import pytest
from unit.migrate.database_fakes import FakeSession, denied

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import MigrateError, SpecError
from ansible_collections.steady.deploy.plugins.module_utils.migrate.database.guard import Guard
from ansible_collections.steady.deploy.plugins.module_utils.migrate.database.judge import Judge, Own, Seen, Wait
from ansible_collections.steady.deploy.plugins.module_utils.migrate.database.limits import (
    Limits,
    client_environment,
    parse_limits,
)
from ansible_collections.steady.deploy.plugins.module_utils.migrate.database.view import MariadbView, PostgresqlView, Signs

ALTER = Own("1", "1 a", "ALTER TABLE t ADD x int")


def looks(limits, *seen, own=(ALTER,), every=0.1):
    """What comes of the same connections seen again and again: at which look something was to be ended, and why."""
    judge = Judge(limits)
    told = []
    for number, waits in enumerate(seen):
        acts, reports = judge.look(100 + number * every, Seen(tuple(own), tuple(waits)))
        told += [(number, act.own.id, act.why) for act in acts] + [(number, "report", why) for why in reports]
    return judge, told


# --- the judge


def test_a_statement_that_waits_for_a_lock_is_ended_after_its_limit():
    dummy, told = looks(Limits(lock_timeout=1.0), *[[Wait("1", ("9",))]] * 13)
    assert told[0] == (11, "1", "it waited 1.1 s for a lock, 1 s are allowed: ALTER TABLE t ADD x int")
    assert looks(Limits(lock_timeout=1.0), *[[Wait("1", ("9",))]] * 11)[1] == []
    assert looks(Limits(lock_timeout=1.0), [Wait("1", ("9",), 1.5)])[1] == [
        (0, "1", "it waited 1.5 s for a lock, 1 s are allowed: ALTER TABLE t ADD x int")
    ]


def test_each_statement_waits_anew():
    first, second = [Wait("1", ("9",), None, "a")], [Wait("1", ("9",), None, "b")]
    assert looks(Limits(lock_timeout=0.5), *[first] * 4, *[second] * 5)[1] == []
    assert looks(Limits(lock_timeout=0.5), *[first] * 4, [], *[first] * 5)[1] == []


def test_a_concurrent_statement_has_its_time():
    concurrent = Own("1", "1 a", "CREATE INDEX CONCURRENTLY i ON t (x)", concurrent=True, seconds=500)
    limits = Limits(lock_timeout=1.0, statement_timeout=5.0)
    assert looks(limits, [Wait("1", ("9",), 599.0)], own=[concurrent])[1] == []
    assert looks(limits, [Wait("1", ("9",), 601.0)], own=[concurrent])[1][0][1] == "1"


def test_a_statement_that_takes_too_long_is_ended():
    slow = Own("1", "1 a", "UPDATE t", seconds=5.2)
    assert looks(Limits(statement_timeout=5.0), [], own=[slow])[1] == [(0, "1", "it took 5.2 s, 5 s are allowed: UPDATE t")]
    assert looks(Limits(), [], own=[slow])[1] == []
    idle = Own("1", "1 a", "UPDATE t", active=False, seconds=5.2)
    assert looks(Limits(statement_timeout=5.0), [], own=[idle])[1] == []


def test_others_that_wait_too_long_end_what_they_wait_for():
    judge, told = looks(Limits(stall=1.0), *[[Wait("5", ("1",)), Wait("6", ("1",))]] * 13)
    assert told[0] == (11, "1", "others waited 1.1 s behind it, 1 s are allowed: ALTER TABLE t ADD x int")
    assert judge.waited == {"5", "6"}
    assert judge.longest == pytest.approx(1.2)


def test_counted_is_from_the_look_before_the_first():
    """So that nobody waits longer than is counted."""
    judge, dummy = looks(Limits(), [], [Wait("5", ("1",))], every=0.5)
    assert judge.longest == pytest.approx(0.5)


def test_others_wait_behind_those_who_wait_behind_it():
    judge, told = looks(Limits(stall=1.0), [Wait("6", ("5",), 1.2), Wait("5", ("4", "1"), 0.3)])
    assert told == [(0, "1", "others waited 1.2 s behind it, 1 s are allowed: ALTER TABLE t ADD x int")]
    assert judge.waited == {"5", "6"}


def test_who_waits_for_others_is_no_matter_of_the_migration():
    judge, told = looks(Limits(stall=1.0), [Wait("6", ("5",), 100.0), Wait("5", ("6",), 100.0)])
    assert told == []
    assert judge.longest == 0.0


def test_it_is_only_told_once_where_it_must_not_be_ended():
    dummy, told = looks(Limits(stall=1.0, abort=False), *[[Wait("5", ("1",), 1.5)]] * 3)
    assert told == [(0, "report", "others waited 1.5 s behind it, 1 s are allowed: ALTER TABLE t ADD x int")]


def test_an_open_transaction_of_the_migration_is_named():
    idle = Own("1", "1 a", "UPDATE t SET x = 1", active=False)
    dummy, told = looks(Limits(stall=1.0), [Wait("5", ("1",), 1.5)], own=[idle])
    assert told[0][2].endswith(": an open transaction, last UPDATE t SET x = 1")


# --- the views


def test_what_postgresql_shows():
    view = PostgresqlView(Signs(("10.0.0.5",), user="migrator"), lambda text: f"'{text}'")
    (sql,) = view.questions().values()
    assert "a.application_name = 'steady.deploy migration' OR a.client_addr = '10.0.0.5'::inet OR a.usename = 'migrator'" in sql
    seen = view.seen(
        {
            "connections": [
                ["wait", "5", "1 2", "0.25", None, None, None],
                ["wait", "6", "", None, None, None, None],
                ["own", "1", "active", "1.5", "2026-01-31 04:00:00+00", "1", "CREATE INDEX CONCURRENTLY"],
                ["own", "2", "idle in transaction", "0.1", "2026-01-31 04:00:01+00", "0", "UPDATE t"],
            ]
        }
    )
    assert seen.waits == (Wait("5", ("1", "2"), 0.25), Wait("6", ()))
    concurrent, idle = seen.own
    assert concurrent == Own("1", "1 2026-01-31 04:00:00+00", "CREATE INDEX CONCURRENTLY", True, True, 1.5)
    assert (idle.active, idle.concurrent) == (False, False)
    assert view.end(concurrent) == (
        "SELECT pg_cancel_backend(pid) FROM pg_stat_activity "
        "WHERE pid = 1 AND query_start = '2026-01-31 04:00:00+00' AND state LIKE 'active'"
    )
    assert view.end(idle).startswith("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = 2 AND ")
    assert view.end(idle).endswith("state LIKE 'idle in transaction%'")


def maria(number, host, state, command="Query", query="70", user="shop", spent="1500"):
    return [number, user, host, command, state, spent, query, "ALTER TABLE t"]


def test_what_mariadb_shows():
    view = MariadbView(Signs(("10.0.0.5",)))
    waiting = "Waiting for table metadata lock"
    seen = view.seen(
        {
            "connections": [
                maria("1", "10.0.0.5:4711", waiting),
                maria("2", "10.0.0.5:4712", "", "Sleep"),
                maria("5", "10.0.0.9:1", waiting, query="71"),
                maria("6", "10.0.0.50:1", "Sending data"),
                maria("7", "localhost", waiting, "Sleep"),
            ],
            "transactions": [["8", "2"], ["9", "8"]],
        }
    )
    assert [(one.id, one.active, one.seconds) for one in seen.own] == [("1", True, 1.5), ("2", False, 1.5)]
    assert seen.waits == (Wait("8", ("2",)), Wait("9", ("8",)), Wait("1", (), None, "70"), Wait("5", ("1",), None, "71"))
    assert [view.end(one) for one in seen.own] == ["KILL QUERY ID 70", "KILL 2"]


def test_who_waits_on_mariadb_waited_for_no_statement_that_began_just_now():
    """That of the try before was just ended, and they are about to go on."""
    view = MariadbView(Signs(("10.0.0.5",)))
    waiting = maria("5", "10.0.0.9:1", "Waiting for table metadata lock", query="71")
    for spent, behind in (("20", ()), ("299", ()), ("300", ("1",))):
        seen = view.seen({"connections": [maria("1", "10.0.0.5:1", "", spent=spent), waiting]})
        assert seen.waits == (Wait("5", behind, None, "71"),), spent


def test_a_user_of_its_own_tells_a_migration_too():
    seen = MariadbView(Signs(user="migrator")).seen(
        {"connections": [maria("1", "localhost", "", user="migrator"), maria("2", "localhost", "", user=None)]}
    )
    assert [one.id for one in seen.own] == ["1"]
    assert MariadbView(Signs()).seen({"connections": [maria("2", "localhost", "", user="")]}).own == ()


def test_a_name_instead_of_an_address_tells_it_too():
    rows = [
        maria("1", "shop-migrate-1.shop_default:4711", ""),
        maria("2", "shop-migrate-10.shop_default:4711", ""),
        maria("3", "shop:1", ""),
    ]
    seen = MariadbView(Signs(("10.0.0.5",), ("shop-migrate-1", "shop-migrate-1.x"))).seen({"connections": rows})
    assert [one.id for one in seen.own] == ["1"]
    long = "shop-0123456789ab-migrate-run-0123456789ab-and-more-and-more-and-more"
    for host in (f"{long[:40]}.shop_default-and-more:4711"[:64], f"{long}.shop:1"[:64], "fe80::1:4711"):
        seen = MariadbView(Signs(("fe80::1",), (long, long[:40]))).seen({"connections": [maria("1", host, "")]})
        assert [one.id for one in seen.own] == ["1"], host


# --- the guard itself

WAITS = [maria("1", "10.0.0.5:4711", "Waiting for table metadata lock"), maria("5", "10.0.0.9:1", "Waiting for table metadata lock")]


HERS = Signs(("10.0.0.5",))


def watch(answers, until, limits=None, engine="mariadb", opens=None, signs=HERS):
    session = FakeSession(answers)
    told = []
    guard = Guard(
        opens or (lambda _name: session),
        engine,
        limits or Limits(lock_timeout=0.2),
        signs,
        lambda *what, **more: told.append((*what, more)),
    )
    with guard:
        deadline = time.monotonic() + 5
        while not until(guard.watched()):
            assert time.monotonic() < deadline, guard.watched()
            time.sleep(0.02)
    assert session.closed or opens
    return guard.watched(), session, told


def test_it_ends_what_it_must_and_tells_it_once():
    answers = {"processlist": WAITS, "innodb": [], "KILL": []}
    found, session, told = watch(answers, lambda watched: watched.ended and session_has(answers, 3))
    assert len(found.ended) == 1
    assert found.waited == 1
    assert session.asked.count("KILL QUERY ID 70") >= 2
    assert [(what[:2], more["detail"]) for *what, more in told] == [(["guard", "ended"], found.ended[0])]


def session_has(answers, count):
    answers.setdefault("seen", []).append(1)
    return len(answers["seen"]) > 30 * count


def test_what_it_may_not_do_is_a_warning_and_nothing_more():
    answers = {"processlist": WAITS, "innodb": denied("1227"), "KILL": denied("1095")}
    found, session, dummy = watch(answers, lambda watched: watched.longest > 0.8)
    assert len(found.warnings) == 2
    assert found.warnings == (
        "lock waits inside InnoDB can't be seen by the database's user: GRANT PROCESS ON *.* to it lets the guard see to them too",
        found.warnings[1],
    )
    assert found.warnings[1].startswith("the guard may not end the migration's statement (denied), though it waited 0.")
    assert found.ended == ()
    assert sum("innodb" in sql for sql in session.asked) == 1


BLIND = "the guard of the migration can't tell the tool's connections to the database from those of others, so it ended nothing"


def test_it_says_that_it_sees_nothing_of_a_container_while_somebody_waits_too_long():
    """Behind a proxy for instance. Once, as soon as that is sure, and in the end."""
    behind = Signs(("10.0.0.77",), ("hotel-oneoff-migrate-1",))
    answers = {"processlist": WAITS}
    found, dummy, told = watch(answers, lambda watched: watched.warnings and session_has(answers, 1), signs=behind)
    assert len(found.warnings) == 1 and found.warnings[0].startswith(BLIND) and found.ended == ()
    assert [(what[:2], more["detail"]) for *what, more in told] == [(["guard", "warns"], found.warnings[0])]


@pytest.mark.parametrize(
    ("signs", "limits"),
    [
        # No container runs; nobody waits too long.
        (Signs(), Limits(lock_timeout=0.2)),
        (Signs(("10.0.0.77",)), Limits()),
    ],
)
def test_that_it_sees_nothing_is_no_matter_else(signs, limits):
    answers = {"processlist": WAITS}
    found, dummy, told = watch(answers, lambda _watched: session_has(answers, 1), limits, signs=signs)
    assert (found.warnings, told) == ((), [])


def test_a_statement_that_has_ended_by_itself_is_no_news():
    gone = MigrateError("x", code="1957")
    found, dummy, told = watch({"processlist": WAITS, "KILL": gone}, lambda watched: watched.longest > 0.5)
    assert (found.ended, found.warnings, told) == ((), (), [])


def test_it_comes_back_after_its_connection_was_lost():
    sessions = []

    def opens(_name):
        sessions.append(FakeSession({"processlist": MigrateError("the server has gone away")} if not sessions else {"processlist": WAITS}))
        return sessions[-1]

    found, dummy, _told = watch({}, lambda watched: watched.ended, opens=opens)
    assert found.warnings == ("the guard of the migration does not see it for a while: the server has gone away",)
    assert [one.closed for one in sessions] == [True, True]


# --- limits


def test_limits_as_they_are_read():
    assert parse_limits({}) == Limits(2.0, 0.0, 2.0, True)
    assert parse_limits({"lock_timeout": "500ms", "statement_timeout": "1m", "stall": 3, "abort": False}) == Limits(0.5, 60.0, 3.0, False)


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        ([], "limits must be a mapping such as {lock_timeout: 2s, stall: 2s}, not []"),
        ({"lock_timout": 1}, "limits has the key 'lock_timout', which is not known, did you mean `lock_timeout`?"),
        ({"abort": "yes"}, "limits: abort must be true or false, not 'yes'"),
        ({"lock_timeout": 0}, "limits: lock_timeout must lie between 0.1 and 60 seconds, not 0"),
        ({"stall": "soon"}, "limits: stall is a number of seconds or a duration such as 500ms, 2s or 1m30s, not 'soon'"),
    ],
)
def test_bad_limits_get_one_sentence(raw, sentence):
    with pytest.raises(SpecError) as caught:
        parse_limits(raw)
    assert caught.value.message == sentence


def test_limits_as_tools_take_them():
    limits = Limits(1.5, 30.0)
    assert client_environment("mariadb", limits) == {}
    assert client_environment("postgresql", limits) == {
        "PGOPTIONS": "-c lock_timeout=1500 -c statement_timeout=30000",
        "PGAPPNAME": "steady.deploy migration",
    }
    assert client_environment("postgresql", limits, concurrently=True)["PGOPTIONS"] == "-c lock_timeout=600000 -c statement_timeout=0"
