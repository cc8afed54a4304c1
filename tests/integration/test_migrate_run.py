"""Migrations on a real PostgreSQL and a real MariaDB: two hosts at once, one killed in the middle, and users who go on writing."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from integration.migrate_db import runner, servers
from integration.migrate_db.servers import Server, docker, until

ROOT = Path(__file__).resolve().parents[2]
RUNNER = Path(runner.__file__)
PASSWORD = 'o\'pen "sesame" $HOME'
SLEEP = {"postgresql": "SELECT pg_sleep({})", "mariadb": "SELECT SLEEP({})"}


@pytest.fixture(scope="module")
def net(migrate_db_image):
    with servers.network() as name:
        yield name


@pytest.fixture(scope="module")
def tool(net):
    with servers.container(net, "infinity", options=["--entrypoint", "sleep"]) as name:
        yield name


@pytest.fixture(scope="module", params=["postgresql", "mariadb"])
def db(request, net, tool):
    with servers.server(net, request.param, tool=tool) as found:
        yield found


@pytest.fixture
def folder(db):
    """Puts migrations where the tool finds them; nothing is applied yet."""
    with db.session() as session:
        for table in ("steady_migrations", "rooms", "guests"):
            session.query(f"DROP TABLE IF EXISTS {table}")
    docker("exec", db.tool, "rm", "-rf", runner.FOLDER)

    def put(**files: str) -> None:
        docker("exec", db.tool, "mkdir", "-p", runner.FOLDER)
        for name, text in files.items():
            docker("exec", "-i", db.tool, "sh", "-c", f"cat >{runner.FOLDER}/{name}.sql", text=text)

    return put


def begin(db: Server, owner: str) -> subprocess.Popen[str]:
    """A run of another host: a process of its own."""
    argv = [sys.executable, str(RUNNER), db.engine, db.name, db.tool, owner]
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT}/.lab", "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)


def end(run: subprocess.Popen[str]) -> dict:
    out, err = run.communicate(timeout=60)
    assert run.returncode == 0, err
    return json.loads(out)


def slow(db: Server, seconds: float) -> str:
    return f"{SLEEP[db.engine].format(seconds)};\n"


def tables(db: Server) -> set[str]:
    with db.session() as session:
        return {
            name
            for (name,) in session.query(
                "SELECT table_name FROM information_schema.tables WHERE table_schema = "
                + ("current_schema()" if db.engine == "postgresql" else "DATABASE()")
            )
        }


def test_of_two_hosts_exactly_one_migrates(db, folder):
    folder(a_rooms=f"CREATE TABLE rooms (id int);\n{slow(db, 1)}", b_guests="CREATE TABLE guests (id int);\n")
    runs = [begin(db, f"host {number}") for number in range(3)]
    said = [end(run) for run in runs]
    assert sorted(len(one["applied"]) for one in said) == [0, 0, 2], said
    assert {"rooms", "guests"} <= tables(db)


def test_killed_in_the_middle_the_lock_is_free_once_its_command_has_ended_and_a_rerun_goes_on(db, folder):
    folder(a_rooms="CREATE TABLE rooms (id int);\n", b_guests=f"{slow(db, 4)}CREATE TABLE guests (id int);\n")
    first = begin(db, "the killed one")
    with db.session() as session:
        db.sees(session, "sleep(4)" if db.engine == "postgresql" else "SLEEP(4)")
    first.send_signal(signal.SIGKILL)
    first.wait()
    # What it had started still works on: nobody else may migrate meanwhile.
    refused = runner.apply(db.engine, db.name, db.tool, "too early", lock_wait=0)
    assert "another migration holds" in refused["failed"] or "begun and never ended" in refused["failed"], refused
    until(lambda: "guests" in tables(db), 15)
    again = runner.apply(db.engine, db.name, db.tool, "the next one", lock_wait=20)
    # It was finished by the command that outlived its master: the ledger tells, and nothing is done twice.
    assert again.get("applied") == [], again
    assert runner.apply(db.engine, db.name, db.tool, "once more").get("applied") == []


def test_a_tool_that_is_killed_in_the_middle_is_told_truthfully_and_a_rerun_finishes(db, folder):
    """By the kernel for want of memory, for instance. The server works on until it notices that nobody is there."""
    folder(
        a_rooms="CREATE TABLE rooms (id int);\n",
        b_guests=f"{slow(db, 4)}CREATE TABLE guests (id int);\n",
        c_name="ALTER TABLE rooms ADD name text;\n",
    )
    run = begin(db, "whose tool is killed")
    with db.session() as session:
        db.sees(session, "sleep(4)" if db.engine == "postgresql" else "SLEEP(4)")
    docker("exec", db.tool, "pkill", "-KILL", "-x", {"postgresql": "psql", "mariadb": "mariadb"}[db.engine])
    said = end(run)
    assert "migration b_guests.sql of service migrate failed: it was killed by SIGKILL" in said["failed"], said
    assert "Applied: a_rooms.sql; not applied: b_guests.sql and c_name.sql" in said["failed"], said
    assert ("what it left: nothing" in said["failed"]) is (db.engine == "postgresql"), said
    assert said["facts"]["applied"] == ["a_rooms.sql"] and said["facts"]["failed"] == "b_guests.sql"
    if db.engine == "mariadb":
        # Nobody but a person can tell what of it is there.
        refused = runner.apply(db.engine, db.name, db.tool, "too early")
        assert "migration b_guests.sql was begun and never ended" in refused["failed"], refused
        with db.session() as session:
            session.query("DROP TABLE IF EXISTS guests")
            session.query("DELETE FROM steady_migrations WHERE id = 'b_guests.sql'")
    again = runner.apply(db.engine, db.name, db.tool, "the next one")
    assert again.get("applied") == ["b_guests.sql", "c_name.sql"], again
    assert {"rooms", "guests"} <= tables(db)


def lose_the_lock(db: Server, owner: str) -> None:
    """End the connection that holds it, as a restart of the server or an administrator would."""
    with db.session() as session:
        if db.engine == "postgresql":
            session.query("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'")
        else:
            holds = f"'%/* steady.deploy migrate: {owner}%' AND ID <> CONNECTION_ID()"
            (number,) = session.query(f"SELECT ID FROM information_schema.processlist WHERE INFO LIKE {holds}")[0]
            session.query(f"KILL {number}")


def test_without_the_lock_it_does_not_go_on_and_tells_what_is_applied(db, folder):
    folder(a_rooms=f"CREATE TABLE rooms (id int);\n{slow(db, 4)}", b_guests="CREATE TABLE guests (id int);\n")
    run = begin(db, "the loser")
    with db.session() as session:
        db.sees(session, "sleep(4)" if db.engine == "postgresql" else "SLEEP(4)")
    lose_the_lock(db, "the loser")
    said = end(run)
    assert "was lost while it was held" in said["failed"] and "Applied: a_rooms.sql; not applied: b_guests.sql" in said["failed"], said
    assert said["facts"]["applied"] == ["a_rooms.sql"] and {"rooms", "guests"} & tables(db) == {"rooms"}
    assert runner.apply(db.engine, db.name, db.tool, "the next one")["applied"] == ["b_guests.sql"]


def test_a_failure_tells_what_is_there_and_a_rerun_goes_on(db, folder):
    folder(a_rooms="CREATE TABLE rooms (id int);\n", b_bad="CREATE TABLE guests (id int);\nALTER TABLE no_such_table ADD x int;\n")
    failed = runner.apply(db.engine, db.name, db.tool, "me")
    assert "migration b_bad.sql of service migrate failed" in failed["failed"] and "Applied: a_rooms.sql" in failed["failed"], failed
    # PostgreSQL takes it all back, MariaDB does not: both are told.
    assert ("guests" in tables(db)) == (db.engine == "mariadb")
    assert ("nothing: it ran in a transaction" in failed["failed"]) == (db.engine == "postgresql")


# As a release says where its database is. The password is the image's.
SERVICE_ENV = {
    "postgresql": {"PGUSER": "shop", "PGDATABASE": "shop", "PGPASSWORD": PASSWORD, "PGOPTIONS": "-c search_path=$user,app"},
    "mariadb": {"MYSQL_PWD": PASSWORD},
}


def in_containers(db: Server, net: str, folder: Path, **settings) -> dict:
    env = {**SERVICE_ENV[db.engine], "PGHOST": db.name}
    return runner.apply_in_containers(db.engine, db.name, net, servers.IMAGE, str(folder), env, **settings)


def test_in_a_container_the_releases_own_options_stay_beside_the_limits(net, db, folder, tmp_path):
    if db.engine != "postgresql":
        pytest.skip("PostgreSQL only")
    (tmp_path / "a.sql").write_text("CREATE TABLE guests AS SELECT current_setting('lock_timeout') AS waits;\n")
    with db.session() as session:
        session.query("CREATE SCHEMA app")
        try:
            done = in_containers(db, net, tmp_path, limits={"lock_timeout": "1500ms"})
            assert done.get("applied") == ["a.sql"], done
            assert session.query("SELECT waits FROM app.guests") == [["1500ms"]]
        finally:
            session.query("DROP SCHEMA app CASCADE")


@pytest.mark.parametrize("remembers", [False, True])
def test_a_mariadb_that_resolves_names_is_guarded_or_it_is_told_that_it_is_not(net, db, tmp_path, remembers):
    """One that remembers names by address shows that of the container before, which had the same address."""
    if db.engine != "mariadb":
        pytest.skip("MariaDB only")
    (tmp_path / "a.sql").write_text("ALTER TABLE guests ADD room int;\n")
    options = ["--skip-name-resolve=0", *([] if remembers else ["--host-cache-size=0"])]
    with servers.server(net, "mariadb", "mariadb", *options) as other, other.user() as user:
        user.query("CREATE TABLE guests (id int)")
        user.query("BEGIN")
        user.query("SELECT * FROM guests")
        # Where nobody ends the migration it goes on behind this.
        late = threading.Timer(20, user.query, ["COMMIT"])
        late.start()
        said = in_containers(other, net, tmp_path, tries=1, limits={"lock_timeout": 1, "stall": 1})
        late.cancel()
        late.join()
    if remembers:
        assert said.get("applied") == ["a.sql"] and any("can't tell the tool's connections" in one for one in said["warnings"]), said
    else:
        assert "the guard: it waited" in said.get("failed", ""), said


def test_an_index_left_invalid_is_told_and_never_taken_for_made(db, folder):
    if db.engine != "postgresql":
        pytest.skip("PostgreSQL only")
    index = "create unique index concurrently if not exists room_ids on rooms (id);\n"
    folder(a_rooms="CREATE TABLE rooms (id int);\nINSERT INTO rooms VALUES (1), (1);\n", b_index=index)
    failed = runner.apply(db.engine, db.name, db.tool, "me")["failed"]
    drops = 'DROP INDEX CONCURRENTLY "room_ids"'
    assert "could not create unique index" in failed and f"Index room_ids of table rooms is invalid: {drops}" in failed, failed
    with db.session() as session:
        session.query("DELETE FROM rooms")
        session.query("DELETE FROM steady_migrations WHERE ended IS NULL")
        refused = runner.apply(db.engine, db.name, db.tool, "me")["failed"]
        assert "migration b_index.sql creates index room_ids, and an invalid one" in refused and drops in refused, refused
        session.query(drops)
    done = runner.apply(db.engine, db.name, db.tool, "me")
    assert done.get("applied") == ["b_index.sql"] and done["warnings"] == [], done


def test_one_statement_outside_of_a_transaction_is_tried_again_and_its_own_reason_is_told(db, folder):
    if db.engine != "postgresql":
        pytest.skip("PostgreSQL only")
    folder(a_small="-- steady: no transaction\nVACUUM FULL rooms;\n")
    with db.session() as user:
        user.query("CREATE TABLE rooms (id int)")
        user.query("BEGIN")
        user.query("SELECT * FROM rooms")
        failed = runner.apply(db.engine, db.name, db.tool, "me", tries=2, limits={"lock_timeout": 0.5})["failed"]
        user.query("COMMIT")
    assert "failed after 2 tries" in failed and "55P03" in failed and "nothing: it is one statement" in failed, failed
    assert runner.apply(db.engine, db.name, db.tool, "me").get("applied") == ["a_small.sql"]


def test_users_who_write_wait_no_longer_than_they_may(db, folder):
    """A rewrite of a table that users write to: ended by the guard again and again, then given up. No write of theirs fails."""
    rows = "generate_series(1, 1500000)" if db.engine == "postgresql" else "seq_1_to_1500000"
    column = "generate_series" if db.engine == "postgresql" else "seq"
    with db.session() as session:
        session.query("CREATE TABLE guests (id int PRIMARY KEY, name varchar(200))")
        session.query(f"INSERT INTO guests SELECT {column}, 'somebody whose name is neither short nor long' FROM {rows}", 120)
    change = "ALTER COLUMN id TYPE bigint" if db.engine == "postgresql" else "MODIFY id bigint, ALGORITHM=COPY, LOCK=SHARED"
    folder(a_wide=f"ALTER TABLE guests {change};\n")
    waited: list[float] = []
    over = threading.Event()

    def write() -> None:
        with db.user() as session:
            number = 2_000_000
            while not over.is_set():
                begun = time.monotonic()
                session.query(f"INSERT INTO guests VALUES ({number}, 'new')", 60)
                waited.append(time.monotonic() - begun)
                number += 1
                time.sleep(0.01)

    user = threading.Thread(target=write)
    user.start()
    try:
        # Longer than PostgreSQL waits before it ends an autovacuum in the way: what ends the migration is the guard.
        limits = {"stall": 0.3, "lock_timeout": 5.0}
        said = runner.apply(db.engine, db.name, db.tool, "me", tries=2, limits=limits)
    finally:
        over.set()
        user.join()
    assert "failed after 2 tries" in said["failed"] and "the guard:" in said["failed"], said
    assert len(waited) > 20 and max(waited) < 2.5, (len(waited), max(waited))
    assert said["facts"]["longest_wait"] >= 0.3 and len(said["facts"]["ended"]) == 2, said["facts"]


def test_who_waits_for_somebody_else_does_not_end_a_migrations_short_statements(db, folder):
    """On MariaDB nobody shows for whom one waits."""
    if db.engine != "mariadb":
        pytest.skip("MariaDB only")
    folder(a_rooms="CREATE TABLE rooms (id int);\n" + "INSERT INTO rooms SELECT SLEEP(0.05);\n" * 40)
    with db.user() as owner, db.user() as user:
        owner.query("CREATE TABLE guests (id int)")
        owner.query("LOCK TABLES guests WRITE")
        waits = threading.Thread(target=user.query, args=["SELECT * FROM guests", 60])
        waits.start()
        said = runner.apply(db.engine, db.name, db.tool, "me", limits={"stall": 0.3, "lock_timeout": 0.3})
        owner.query("UNLOCK TABLES")
        waits.join()
    assert said.get("applied") == ["a_rooms.sql"] and said["facts"]["ended"] == [], said


def test_a_full_disk_stops_a_migration_with_nothing_half_recorded(net, db, tool, folder):
    fills = {
        # Without a log, so that it is this table that does not fit.
        "postgresql": "CREATE UNLOGGED TABLE big AS SELECT md5(generate_series(1, 3000000)::text);\n",
        "mariadb": "CREATE TABLE big AS SELECT seq, REPEAT(MD5(seq), 250) FROM seq_1_to_50000;\n",
    }[db.engine]
    folder(a_rooms="CREATE TABLE rooms (id int);\n", b_big=fills, c_guests="CREATE TABLE guests (id int);\n")
    with servers.server(net, db.engine, db.engine, options=["--tmpfs", "/data:size=80m"], tool=tool) as cramped:
        said = runner.apply(db.engine, cramped.name, tool, "me")["failed"]
        assert "migration b_big.sql of service migrate failed" in said and re.search(
            "No space left on device|The table 'big' is full", said
        )
        assert "Applied: a_rooms.sql; not applied: b_big.sql and c_guests.sql; what it left: nothing" in said, said
        folder(b_big="CREATE TABLE big (id int);\n")
        again = runner.apply(db.engine, cramped.name, tool, "me")
    assert again.get("applied") == ["b_big.sql", "c_guests.sql"], again
