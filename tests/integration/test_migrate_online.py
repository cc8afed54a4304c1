"""MariaDB is asked what it does beside writers: nobody is held up, nothing is left, and what it says is what happens."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
import typing as t
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from integration.migrate_db import runner, servers
from integration.migrate_db.servers import Server, docker, until
from unit.commands.test_migrations_fit import NOW
from unit.rollout.worlds import SERVICES, WISH

from ansible_collections.steady.deploy.plugins.module_utils.commands.migrations import Migrations
from ansible_collections.steady.deploy.plugins.module_utils.compose.store import Store
from ansible_collections.steady.deploy.plugins.module_utils.core.clock import SystemClock
from ansible_collections.steady.deploy.plugins.module_utils.migrate.database.online import PREFIX, answers
from ansible_collections.steady.deploy.plugins.module_utils.migrate.online import FREE, REFUSED
from ansible_collections.steady.deploy.plugins.module_utils.migrate.spec import Migration
from ansible_collections.steady.deploy.plugins.module_utils.rollout.spec import Options
from ansible_collections.steady.deploy.plugins.plugin_utils.judging import judge

ROOT = Path(__file__).resolve().parents[2]
ASKER = ROOT / "tests/integration/migrate_db/asker.py"
COPIED, INDEXED, ADDED = "ALTER TABLE guests MODIFY age bigint", "ALTER TABLE guests ADD FULLTEXT (name)", "ALTER TABLE guests ADD x int"
NUMBERED = "ALTER TABLE guests ADD n bigint NOT NULL AUTO_INCREMENT UNIQUE"


@pytest.fixture(scope="module")
def db(migrate_db_image):
    with (
        servers.network() as net,
        servers.container(net, "infinity", options=["--entrypoint", "sleep"]) as tool,
        servers.server(net, "mariadb", tool=tool) as found,
    ):
        yield found


@pytest.fixture
def guests(db):
    """A table that users write to."""
    db.admin(
        "DROP TABLE IF EXISTS guests, rooms, steady_migrations;"
        "CREATE TABLE guests (id int PRIMARY KEY, name varchar(200), age int);"
        "INSERT INTO guests SELECT seq, concat('somebody with the number ', seq), 1 FROM seq_1_to_100000; ANALYZE TABLE guests;"
    )
    return db


def ask(db: Server, *statements: str) -> list[str | None]:
    found = answers(db.opens, [Migration("m", statements=statements)])["m"]
    return [one and one.word for one in found]


def left(db: Server) -> set[str]:
    with db.session() as session:
        return {str(name) for (name,) in session.query("SHOW TABLES") if str(name).startswith(PREFIX)}


@contextlib.contextmanager
def writer(db: Server) -> t.Iterator[list[tuple[float, float]]]:
    """A user who writes to ``guests`` all the time: when each write ended, and how long it took, in seconds."""
    waits: list[tuple[float, float]] = []
    over = threading.Event()

    def write() -> None:
        with db.user() as session:
            number = 2_000_000
            while not over.is_set():
                begun = time.monotonic()
                session.query(f"INSERT INTO guests (id, name) VALUES ({number}, 'new')", 60)
                waits.append((time.monotonic(), time.monotonic() - begun))
                number += 1

    user = threading.Thread(target=write)
    user.start()
    try:
        until(lambda: len(waits) > 20)
        yield waits
    finally:
        over.set()
        user.join()


def test_a_writer_is_not_held_up_by_the_questions_and_nothing_is_left(guests):
    with writer(guests) as waits:
        before = len(waits)
        for dummy in range(5):
            assert ask(guests, COPIED, ADDED, INDEXED) == [FREE, FREE, REFUSED]
        during = [wait for dummy, wait in waits[before:]]
    assert len(during) > 100 and max(during) < 0.5, (len(during), max(during))
    assert left(guests) == set()
    with guests.session() as session:
        assert [row[0] for row in session.query("SHOW COLUMNS FROM guests")] == ["id", "name", "age"]


@pytest.mark.parametrize(("statement", "word"), [(COPIED, FREE), (INDEXED, REFUSED), (NUMBERED, REFUSED)])
def test_what_it_says_is_what_the_statement_does_as_it_is_written(guests, statement, word):
    """Who writes meanwhile goes on writing where it is free, and waits for it where it is refused."""
    guests.admin("INSERT INTO guests SELECT seq, concat('somebody with the number ', seq), 1 FROM seq_100001_to_1200000;")
    assert ask(guests, statement) == [word]
    with writer(guests) as waits, guests.session() as session:
        begun = time.monotonic()
        session.query("SET max_statement_time = 0")
        session.query(statement, 120)
        took = time.monotonic() - begun
        until(lambda: waits[-1][0] > begun + took)
        longest = max(wait for ended, wait in waits if ended > begun)
    assert took > 0.3, "too quick to see anything"
    assert (longest < 0.5 * took) is (word == FREE), (longest, took)


def test_it_does_not_wait_for_a_long_transaction_nor_let_others_wait(guests):
    with guests.session() as other, guests.session() as user:
        other.query("BEGIN")
        other.query("UPDATE guests SET age = 2 WHERE id = 1")
        begun = time.monotonic()
        assert ask(guests, COPIED) == [FREE]
        assert time.monotonic() - begun < 1.5
        user.query("UPDATE guests SET age = 2 WHERE id = 2")
        other.query("ROLLBACK")


def test_a_table_that_is_changed_now_is_given_up_and_others_are_asked(guests):
    with guests.session() as other:
        other.query("CREATE TABLE rooms (id int PRIMARY KEY)")
        other.query("LOCK TABLES guests WRITE")
        begun = time.monotonic()
        assert ask(guests, COPIED, ADDED, "ALTER TABLE rooms ADD x int") == [None, None, FREE]
        assert time.monotonic() - begun < 3
    assert left(guests) == set()


def begin(db: Server, waits: str = "here") -> subprocess.Popen[str]:
    """A process that asks, once its copy is there."""
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT}/.lab", "PYTHONDONTWRITEBYTECODE": "1"}
    process = subprocess.Popen(
        [sys.executable, str(ASKER), db.name, COPIED, waits], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env
    )
    assert process.stdout is not None and process.stdout.readline() == "made\n"
    return process


def test_what_a_killed_run_left_goes_with_the_next_question_and_what_is_in_use_stays(guests):
    process = begin(guests)
    copy = left(guests)
    assert len(copy) == 1
    assert ask(guests, COPIED) == [FREE]
    assert left(guests) == copy, "another run's copy was taken from it"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    with guests.session() as session:
        until(
            lambda: (
                session.query("SELECT count(*) FROM information_schema.processlist WHERE ID <> CONNECTION_ID() AND USER = 'shop'")
                == [["0"]]
            )
        )
    assert left(guests) == copy
    assert ask(guests, COPIED) == [FREE]
    assert left(guests) == set()


@pytest.mark.parametrize("waits", ["here", "there"])
def test_an_interrupted_run_leaves_nothing_also_where_it_waits_for_an_answer(guests, waits):
    process = begin(guests, waits)
    if waits == "there":
        with guests.session() as session:
            guests.sees(session, "SLEEP(4)")
    process.terminate()
    dummy, said = process.communicate(timeout=30)
    assert "interrupted by SIGTERM" in said
    assert left(guests) == set()


@pytest.mark.parametrize("lacks", ["CREATE", "DROP", "ALTER"])
def test_a_user_who_may_not_gets_no_answer_and_leaves_nothing(guests, lacks):
    rights = ", ".join(one for one in ("SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "ALTER", "INDEX") if one != lacks)
    guests.admin(f"REVOKE ALL PRIVILEGES ON shop.* FROM shop@'%'; GRANT {rights} ON shop.* TO shop@'%';")
    try:
        assert ask(guests, COPIED, ADDED) == [None, None]
        assert left(guests) == set()
    finally:
        guests.admin("GRANT ALL PRIVILEGES ON shop.* TO shop@'%';")


# --- as a rollout does it -------------------------------------------------------------------------


def looked(db: Server, folder: Path, check: bool, **files: str) -> t.Any:
    """The judge's verdicts on plain SQL files, by way of the look that a rollout takes."""
    docker("exec", db.tool, "rm", "-rf", runner.FOLDER)
    docker("exec", db.tool, "mkdir", "-p", runner.FOLDER)
    for name, text in files.items():
        docker("exec", "-i", db.tool, "sh", "-c", f"cat >{runner.FOLDER}/{name}.sql", text=text)
    wish, tool, access = runner.parts(db.engine, db.name, db.tool, "me")
    migrates = replace(WISH, services=tuple(replace(one, migrate=wish) if one.name == "late" else one for one in SERVICES))
    store = Store(str(folder), "app")
    store.make()
    made = Migrations(migrates, SimpleNamespace(images={}), None, store, SystemClock(), None, "me", (), None, {}, not check, False)
    made._means = lambda job, wish: (tool, access)
    made.looked(NOW, Options())
    return judge(made.told())


def test_a_rollout_passes_what_the_server_does_online_and_refuses_what_it_does_not(guests, tmp_path):
    copied = {"a_expand": f"{COPIED};\n"}
    free = looked(guests, tmp_path, False, **copied)
    assert (free.refusal, free.warnings) == ("", ()) and "The server does it online." in free.text
    refused = looked(guests, tmp_path, False, a_expand=f"{INDEXED};\n")
    assert "Fulltext index creation requires a lock" in refused.refusal
    # No rule knows that an index of this kind makes it a copy.
    guests.admin("CREATE FULLTEXT INDEX words ON guests (name);")
    unknown = looked(guests, tmp_path, False, a_contract="ALTER TABLE guests DROP COLUMN age;\n")
    assert "server-refuses-online" in unknown.refusal and unknown.refusal.endswith("; nothing was changed")
    guests.admin("REVOKE ALL PRIVILEGES ON shop.* FROM shop@'%'; GRANT SELECT ON shop.* TO shop@'%';")
    try:
        stands = looked(guests, tmp_path, False, **copied)
    finally:
        guests.admin("GRANT ALL PRIVILEGES ON shop.* TO shop@'%';")
    assert "column-type" in stands.refusal


def test_a_check_asks_nothing_and_warns(guests, tmp_path):
    def made() -> list[list[str | None]]:
        with guests.session() as session:
            return session.query("SHOW GLOBAL STATUS LIKE 'Com_create_table'")

    before = made()
    verdict = looked(guests, tmp_path, True, a_expand=f"{COPIED};\n")
    assert verdict.refusal == "" and any("A run asks the server first" in one for one in verdict.warnings)
    assert made() == before and left(guests) == set()
    looked(guests, tmp_path, False, a_expand=f"{COPIED};\n")
    assert made() != before
