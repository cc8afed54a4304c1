"""What migrations need of the database itself, on a real PostgreSQL and a real MariaDB."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from integration.migrate_db import servers
from integration.migrate_db.servers import Server, docker, until

from ansible_collections.steady.deploy.plugins.module_utils.core.clock import SystemClock
from ansible_collections.steady.deploy.plugins.module_utils.core.errors import MigrateError
from ansible_collections.steady.deploy.plugins.module_utils.core.runner import SubprocessRunner
from ansible_collections.steady.deploy.plugins.module_utils.migrate.backup import gate, parse_backup
from ansible_collections.steady.deploy.plugins.module_utils.migrate.database import facts
from ansible_collections.steady.deploy.plugins.module_utils.migrate.database.attempts import is_lock_timeout
from ansible_collections.steady.deploy.plugins.module_utils.migrate.database.dialect import dialect
from ansible_collections.steady.deploy.plugins.module_utils.migrate.database.guard import Guard
from ansible_collections.steady.deploy.plugins.module_utils.migrate.database.limits import Limits
from ansible_collections.steady.deploy.plugins.module_utils.migrate.database.lock import MigrationLock
from ansible_collections.steady.deploy.plugins.module_utils.migrate.database.pipe import ProcessPipe
from ansible_collections.steady.deploy.plugins.module_utils.migrate.database.schema import schema
from ansible_collections.steady.deploy.plugins.module_utils.migrate.database.session import Session, open_session
from ansible_collections.steady.deploy.plugins.module_utils.migrate.database.view import MariadbView, Signs
from ansible_collections.steady.deploy.plugins.module_utils.migrate.database.where import client, parse_where

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
ENGINES = ("postgresql", "mariadb")
ENV = {"PATH": os.environ["PATH"]}


@pytest.fixture(scope="module")
def net(migrate_db_image):
    with servers.network() as name:
        yield name


@pytest.fixture(scope="module")
def tool(net):
    with servers.container(net, "infinity", options=["--entrypoint", "sleep"]) as name:
        yield name


@pytest.fixture(scope="module", params=ENGINES)
def db(request, net, tool):
    with servers.server(net, request.param, tool=tool) as found:
        yield found


@pytest.fixture
def mariadb(db):
    if db.engine != "mariadb":
        pytest.skip("MariaDB only")
    return db


@pytest.fixture
def postgresql(db):
    if db.engine != "postgresql":
        pytest.skip("PostgreSQL only")
    return db


@pytest.fixture
def table(db):
    """Another session, and an empty table `guests`."""
    with db.session() as session:
        session.query("DROP TABLE IF EXISTS guests")
        session.query("CREATE TABLE guests (id int PRIMARY KEY, name varchar(200))")
        session.query("INSERT INTO guests VALUES (1, 'anna'), (2, 'bert')")
        yield session


def lock(db: Server, owner: str, wait: float = 0.0) -> MigrationLock:
    return MigrationLock(db.opens, db.engine, db.where.label, owner, wait, SystemClock())


def taker(db: Server, owner: str) -> subprocess.Popen[str]:
    """Another process that holds the lock once it says so."""
    argv = [sys.executable, str(HERE / "migrate_db" / "lock_taker.py"), db.engine, db.name, owner]
    env = {**ENV, "PYTHONPATH": str(ROOT / ".lab"), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)


def guard(db: Server, **limits) -> Guard:
    return Guard(db.opens, db.engine, Limits(**limits), Signs((db.tool_address,)))


# --- sessions


def test_the_password_is_in_no_process_of_the_host(db):
    with db.session() as session:
        session.query("SELECT 1")
        shown = subprocess.run(["ps", "-eww", "-o", "args"], capture_output=True, text=True, check=True).stdout
    assert db.name in shown
    assert 'o\'pen "sesame"' not in shown


def test_values_of_every_kind_arrive(db):
    with db.session() as session:
        many = st.lists(
            st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))), min_size=1, max_size=4
        )

        @settings(max_examples=150, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(many)
        def arrive(values):
            told = session.query("SELECT " + ", ".join("NULL" if value is None else session.literal(value) for value in values))
            assert told == [values]

        arrive()
        odd = [
            "a\tb\r\nc\\n\\",
            "",
            "NULL",
            "<row><field>&lt;</field>'\"]]>",
            "\x01\x1e\x1f",
            "ERROR 1 (x): y",
            "☃ 🐘",
            "\\echo x",
            ":ERROR",
        ]
        told = session.query(" UNION ALL ".join(f"SELECT {number}, {session.literal(text)}" for number, text in enumerate(odd)))
        assert sorted(told) == [[str(number), text] for number, text in enumerate(odd)]
        nothing = "SELECT 1 FROM (SELECT 1) AS one WHERE 1 = 0"
        assert session.query(nothing) == []
        assert session.query("SELECT ''") == [[""]]
        assert session.query("SELECT NULL") == [[None]]
        long = "x" * 3_000_000
        assert session.query(f"SELECT repeat('x', {len(long)})") == [[long]]


def test_an_error_of_the_server_ends_no_session(db):
    with db.session() as session:
        for dummy in range(2):
            with pytest.raises(MigrateError) as caught:
                session.query("SELECT * FROM nowhere")
            assert caught.value.facts["code"] == {"postgresql": "42P01", "mariadb": "1146"}[db.engine]
            assert "nowhere" in caught.value.message
        assert session.query("SELECT 2") == [["2"]]


def test_no_answer_in_time_is_told_and_does_not_hang(db):
    session = db.opens()
    begun = time.monotonic()
    with pytest.raises(MigrateError, match=r"gave no answer within 0.5 s"):
        session.query({"postgresql": "SELECT pg_sleep(2)", "mariadb": "SELECT SLEEP(2)"}[db.engine], timeout=0.5)
    assert time.monotonic() - begun < 5
    with pytest.raises(MigrateError, match="the connection has ended"):
        session.query("SELECT 1")
    session.close()


def test_a_database_of_the_host(db):
    """The same words, run in the container as if that were the host."""
    run_as = {"postgresql": "postgres", "mariadb": "root"}[db.engine]
    where = parse_where({"engine": db.engine, "name": "shop"})
    assert where.run_as == run_as
    way = dialect(db.engine)
    session = Session(where.label, ProcessPipe(["docker", "exec", "-i", db.name, *client(where, way.program, way.options)], ENV), way)
    try:
        user, name = {"postgresql": ("current_user", "current_database()"), "mariadb": ("current_user()", "database()")}[db.engine]
        assert session.query(f"SELECT {user}, {name}") == [[{"postgresql": "postgres", "mariadb": "root@localhost"}[db.engine], "shop"]]
    finally:
        session.close()


# --- what is told of a database that does not serve


def said(where) -> tuple[str, str]:
    with pytest.raises(MigrateError) as caught:
        open_session(where).close()
    return caught.value.facts["kind"], caught.value.message


def test_wrong_password_unknown_database_no_client_no_container(db, tool):
    base = {"engine": db.engine, "service": "db"}
    kind, message = said(parse_where({**base, "password": "HOSTNAME"}).at(db.name))
    assert kind == "password"
    assert message.startswith("the database of service db refuses the user or the password (")
    kind, message = said(parse_where({**base, "name": "HOSTNAME"}).at(db.name))
    assert kind == "no_database"
    assert message.startswith("the database of service db does not exist, or is not open to this user (")
    kind, message = said(parse_where(base).at(f"{db.name}-gone"))
    assert kind == "stopped"
    assert message.startswith("the database of service db can't be reached, since its container does not run (")
    kind, message = said(parse_where(base).at(tool))
    assert kind == "down"
    assert message.startswith("the database of service db can't be reached (")
    docker("exec", tool, "sh", "-c", "mkdir -p /none && ln -sf /bin/sh /none/sh")
    way = dialect(db.engine)
    argv = client(parse_where(base).at(tool), way.program, way.options)
    argv[2:2] = ["-e", "PATH=/none"]
    session = Session("it", ProcessPipe(argv, ENV), way)
    with pytest.raises(MigrateError) as caught:
        session.query("SELECT 1")
    assert caught.value.facts["kind"] == "client"


# Three connections of the app at once, and little room. PostgreSQL keeps three more for its administrator.
CRAMPED = {
    "postgresql": ("postgresql", "-c", "max_connections=6"),
    "mariadb": ("mariadb", "--max-user-connections=3"),
}
ROOM = {"postgresql": "80m", "mariadb": "80m"}
FILLS = {
    # Without a log, so that it is this table that does not fit.
    "postgresql": "CREATE UNLOGGED TABLE big AS SELECT md5(g::text) FROM generate_series(1, 2000000) g",
    "mariadb": "CREATE TABLE big AS SELECT seq, REPEAT(MD5(seq), 250) FROM seq_1_to_50000",
}
READ_ONLY = {
    "postgresql": "ALTER SYSTEM SET default_transaction_read_only = on; SELECT pg_reload_conf();",
    "mariadb": "SET GLOBAL read_only = 1;",
}


def test_a_server_that_is_full_read_only_or_gone_is_told(net, db):
    with servers.server(net, db.engine, *CRAMPED[db.engine], options=["--tmpfs", f"/data:size={ROOM[db.engine]}"]) as other:
        session = other.opens()
        facts.check_writable(session, db.engine, other.where.label)

        with pytest.raises(MigrateError) as caught:
            session.query(FILLS[db.engine], timeout=60)
        assert caught.value.facts["kind"] == "disk_full", caught.value.facts
        assert caught.value.message.startswith("the database of service db has no room left on its disk (")

        held = [other.opens(), other.opens()]
        kind, message = said(other.where)
        assert kind == "connections"
        assert message.startswith("the database of service db has no connection left to give (")
        for one in held:
            one.close()

        other.admin(READ_ONLY[db.engine])
        until(lambda: facts_say_read_only(other, session))
        with pytest.raises(MigrateError) as caught:
            session.query("CREATE TABLE t (a int)")
        assert caught.value.facts["kind"] == "read_only"

        docker("kill", other.name)
        with pytest.raises(MigrateError) as caught:
            session.query("SELECT 1")
        assert re.match(r"the database of service db (can't be reached|refuses: the client ended without a word)", caught.value.message)
        kind, message = said(other.where)
        assert kind == "stopped"
        assert "its container does not run" in message


def facts_say_read_only(other: Server, session: Session) -> bool:
    try:
        facts.check_writable(session, other.engine, other.where.label)
    except MigrateError as exc:
        assert re.match(r"the database of service db is read only \(.*read_only is on\); migrate on the primary", exc.message)
        return True
    return False


def test_a_standby_is_told(net, postgresql):
    with servers.server(net, "postgresql", "standby") as other, other.session() as session:
        with pytest.raises(MigrateError, match=r"is read only \(it is a standby\)"):
            facts.check_writable(session, "postgresql", other.where.label)
        with pytest.raises(MigrateError) as caught:
            session.query("CREATE TABLE t (a int)")
        assert caught.value.facts["kind"] == "read_only"


# --- the lock


def test_of_two_exactly_one_holds_and_the_second_says_who(db):
    with lock(db, "anna on web1") as held:
        until(lambda: db_shows_owner(db))
        begun = time.monotonic()
        with pytest.raises(MigrateError) as caught, lock(db, "bert", wait=0.5):
            pass
        assert 0.5 < time.monotonic() - begun < 5
        assert re.fullmatch(
            r"another migration holds the database of service db: anna on web1 since 20\d\d-\d\d-\d\d \d\d:\d\d:\d\d UTC; "
            r"wait for it to end, it did not within 0.5 s",
            caught.value.message,
        )
        held.check()
    with lock(db, "bert"):
        pass


def db_shows_owner(db: Server) -> bool:
    try:
        with lock(db, "looker"):
            return False
    except MigrateError as exc:
        return "anna on web1 since" in exc.message


def test_many_at_once_take_turns(db):
    inside, most, done = [], [], []

    def one(number: int) -> None:
        with lock(db, f"number {number}", wait=30):
            inside.append(number)
            most.append(len(inside))
            time.sleep(0.2)
            inside.remove(number)
        done.append(number)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == [0, 1, 2, 3]
    assert most == [1, 1, 1, 1]


def test_a_killed_holder_frees_it(db):
    with taker(db, "anna") as process:
        assert process.stdout.readline() == "held\n", process.stderr.read()
        with pytest.raises(MigrateError, match="another migration holds"), lock(db, "bert"):
            pass
        begun = time.monotonic()
        process.send_signal(signal.SIGKILL)
        process.wait()
        with lock(db, "bert", wait=10):
            assert time.monotonic() - begun < 5
    program = {"postgresql": "psql", "mariadb": "mariadb"}[db.engine]
    until(lambda: subprocess.run(["docker", "exec", db.name, "pgrep", "-x", program], capture_output=True, check=False).returncode == 1)


def test_a_lock_that_was_lost_is_noticed(db):
    with lock(db, "anna") as held:
        held.check()
        end = {
            "postgresql": "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'",
            "mariadb": "SELECT ID INTO @holder FROM information_schema.processlist WHERE INFO LIKE '%/* steady.deploy migrate: anna%' "
            "AND ID <> CONNECTION_ID(); KILL @holder",
        }[db.engine]
        if db.engine == "mariadb":
            with db.session() as session:
                db.sees(session, "steady.deploy migrate: anna")
            end = "BEGIN NOT ATOMIC " + end + "; END"
        db.admin(end if db.engine == "postgresql" else f"DELIMITER //\n{end} //\n")
        assert held.lost.wait(5)
        with pytest.raises(MigrateError, match=r"the migration lock in the database of service db was lost while it was held \("):
            held.check()


def test_who_waits_hinders_no_concurrent_index(postgresql, table):
    """A waiter inside the server would end in a deadlock with it."""
    with lock(postgresql, "anna"):
        failed = []

        def wait() -> None:
            try:
                with lock(postgresql, "bert", wait=2):
                    pass
            except MigrateError as exc:
                failed.append(exc.message)

        waiter = threading.Thread(target=wait)
        waiter.start()
        time.sleep(0.5)
        told = postgresql.migrate("CREATE INDEX CONCURRENTLY by_name ON guests (name);").communicate(timeout=20)[0]
        assert told == "CREATE INDEX\n"
        waiter.join()
    assert failed and failed[0].startswith("another migration holds")


def test_a_pooler_is_refused(net, postgresql):
    with (
        servers.server(net, "postgresql", "pgbouncer", postgresql.name) as pooler,
        pytest.raises(MigrateError) as caught,
        lock(pooler, "anna"),
    ):
        pass
    assert caught.value.message == (
        "the database of service db answers through a connection pooler (two of its clients had the same connection); "
        "name the service of the database itself, where a lock belongs to one connection"
    )


# --- the guard

# Seconds: a busy machine takes some for what is done at once, and whom the guard does not help waits for 20.
SOON = 6

SLEEP = {"postgresql": "SELECT pg_sleep(20)", "mariadb": "SELECT SLEEP(20)"}


def test_a_statement_that_waits_is_ended_and_the_queue_goes_on(db, table):
    table.query("BEGIN")
    table.query("SELECT * FROM guests")
    with guard(db, lock_timeout=1.0, stall=30.0) as watching, db.user() as user, db.session() as looker:
        tool = db.migrate("ALTER TABLE guests ADD room int;")
        db.sees(looker, "ALTER TABLE guests ADD room")
        begun = time.monotonic()
        assert user.query("SELECT count(*) FROM guests WHERE id < 3") == [["2"]]
        assert time.monotonic() - begun < SOON
        said = tool.communicate(timeout=10)[0]
        assert tool.returncode != 0
        assert is_lock_timeout(said, cancelled=True), said
        assert not is_lock_timeout(said)
    found = watching.watched()
    table.query("ROLLBACK")
    assert len(found.ended) == 1
    assert re.fullmatch(r"it waited [1-5]\.\d s for a lock, 1 s are allowed: ALTER TABLE guests ADD room int;?", found.ended[0])
    assert found.waited == 1
    assert 0.2 < found.longest < SOON


STALLS = {
    "postgresql": "BEGIN; LOCK TABLE guests; SELECT pg_sleep(20);",
    "mariadb": "LOCK TABLES guests WRITE; SELECT SLEEP(20);",
}


def test_what_makes_others_wait_is_ended_in_time(db, table):
    with guard(db, lock_timeout=10.0, stall=1.0) as watching, db.user() as user, db.session() as looker:
        tool = db.migrate(STALLS[db.engine])
        db.sees(looker, "SLEEP(20)" if db.engine == "mariadb" else "sleep(20)")
        begun = time.monotonic()
        assert user.query("SELECT count(*) FROM guests") == [["2"]]
        waited = time.monotonic() - begun
        tool.communicate(timeout=10)
        assert tool.returncode != 0
    found = watching.watched()
    assert 0.7 < waited < SOON
    assert 1.0 <= found.longest < SOON
    assert re.match(r"others waited [1-5]\.\d s behind it, 1 s are allowed: SELECT", found.ended[0])


def test_what_makes_others_wait_is_only_told_where_it_must_not_be_ended(db, table):
    short = STALLS[db.engine].replace("20", "4")
    with guard(db, lock_timeout=10.0, stall=0.5, abort=False) as watching, db.user() as user, db.session() as looker:
        tool = db.migrate(short)
        db.sees(looker, "LEEP(4)" if db.engine == "mariadb" else "leep(4)")
        assert user.query("SELECT count(*) FROM guests") == [["2"]]
        tool.communicate(timeout=10)
        assert tool.returncode == 0
    found = watching.watched()
    assert found.ended == ()
    assert len(found.reports) == 1
    assert found.longest > 1.0


def test_an_idle_transaction_of_the_migration_is_ended_too(postgresql, table):
    argv = ["docker", "exec", "-i", postgresql.tool, "sh", "-c", servers._TOOL["postgresql"], postgresql.name]
    with guard(postgresql, stall=1.0) as watching, subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as tool:
        tool.stdin.write("BEGIN; UPDATE guests SET name = 'x';\n")
        tool.stdin.flush()
        assert tool.stdout.readline() == "BEGIN\n"
        assert tool.stdout.readline() == "UPDATE 2\n"
        with postgresql.user() as user:
            user.query("UPDATE guests SET name = 'y'")
        tool.stdin.close()
    found = watching.watched()
    assert re.match(r"others waited [1-5]\.\d s behind it, 1 s are allowed: an open transaction, last UPDATE guests", found.ended[0])


def test_a_concurrent_index_has_its_time_and_a_failed_one_is_found(postgresql, table):
    table.query("INSERT INTO guests VALUES (3, 'anna')")
    with postgresql.session() as other, guard(postgresql, lock_timeout=0.5) as watching:
        other.query("BEGIN")
        other.query("INSERT INTO guests VALUES (4, 'dora')")
        tool = postgresql.migrate("CREATE INDEX CONCURRENTLY fine ON guests (name);")
        postgresql.sees(table, "fine ON guests")
        time.sleep(1.2)
        assert facts.invalid_indexes(table, "postgresql") == (), "it is being made"
        other.query("COMMIT")
        assert tool.communicate(timeout=10)[0] == "CREATE INDEX\n"
        assert watching.watched().ended == ()
        assert "duplicate" in postgresql.migrate("CREATE UNIQUE INDEX CONCURRENTLY names ON guests (name);").communicate(timeout=10)[0]
    assert facts.invalid_indexes(table, "postgresql") == (("names", "guests"),)
    assert "index CREATE UNIQUE INDEX names ON public.guests USING btree (name) (invalid)\n" in schema(table, "postgresql")


def test_a_mariadb_that_resolves_names_shows_the_containers(net, mariadb):
    with servers.server(net, "mariadb", "mariadb", "--skip-name-resolve=0", tool=mariadb.tool) as other, other.session() as session:
        address = other.tool_address
        tool = other.migrate("SELECT SLEEP(5);")
        other.sees(session, "SLEEP(5)")
        views = [MariadbView(Signs((address,), (other.tool,))), MariadbView(Signs((address,)))]
        own = [view.seen({"connections": session.query(view.questions()["connections"])}).own for view in views]
        tool.kill()
        tool.communicate()
    assert [one.statement for one in own[0]] == ["SELECT SLEEP(5)"]
    assert own[1] == ()


def test_a_guard_that_does_not_know_the_tools_connections_says_so(db, table):
    """As behind a proxy: they come from somewhere else than its container."""
    table.query("BEGIN")
    table.query("SELECT * FROM guests")
    with Guard(db.opens, db.engine, Limits(lock_timeout=0.5, stall=0.5), Signs(("192.0.2.1",))) as watching, db.session() as looker:
        tool = db.migrate("ALTER TABLE guests ADD room int;")
        db.sees(looker, "ALTER TABLE guests ADD room")
        until(lambda: any("can't tell the tool's connections" in one for one in watching.watched().warnings))
        table.query("ROLLBACK")
        tool.communicate(timeout=30)
        assert tool.returncode == 0
    assert watching.watched().ended == ()


def test_row_locks_are_seen_where_the_user_may_see_them(mariadb, table):
    db = mariadb
    move = "BEGIN; UPDATE guests SET name = 'x'; SELECT SLEEP(20);"
    with guard(db) as watching:
        until(lambda: watching.watched().warnings != ())
    assert watching.watched().warnings == (
        "lock waits inside InnoDB can't be seen by the database's user: GRANT PROCESS ON *.* to it lets the guard see to them too",
    )
    db.admin("GRANT PROCESS ON *.* TO shop@'%'")
    try:
        with guard(db, stall=1.0) as watching, db.user() as user, db.session() as looker:
            tool = db.migrate(move)
            db.sees(looker, "SLEEP(20)")
            begun = time.monotonic()
            user.query("UPDATE guests SET name = 'y'")
            assert 0.7 < time.monotonic() - begun < SOON
            tool.communicate(timeout=10)
        found = watching.watched()
        assert found.warnings == ()
        assert "others waited" in found.ended[0]
    finally:
        db.admin("REVOKE PROCESS ON *.* FROM shop@'%'")


def test_a_guard_that_loses_its_connection_comes_back(db, table):
    opened = []

    def opens(name):
        opened.append(db.opens(name))
        return opened[-1]

    with Guard(opens, db.engine, Limits(lock_timeout=0.5), Signs((db.tool_address,))) as watching:
        opened[0].close()
        until(lambda: len(opened) == 2)
        table.query("BEGIN")
        table.query("SELECT * FROM guests")
        db.migrate("ALTER TABLE guests ADD room int;").communicate(timeout=15)
        table.query("ROLLBACK")
    found = watching.watched()
    assert any("does not see it for a while" in warning for warning in found.warnings)
    assert len(found.ended) == 1


# --- facts


def test_tables_with_rows_and_bytes(db, table):
    table.query("DROP TABLE IF EXISTS large")
    table.query("CREATE TABLE large (a int)")
    rows = {"postgresql": "generate_series(1, 30000) AS g", "mariadb": "seq_1_to_30000"}[db.engine]
    table.query(f"INSERT INTO large SELECT 1 FROM {rows}")
    found = facts.tables(table, db.engine, 10_000)
    assert found["guests"].rows == 2
    if db.engine == "postgresql":
        assert found["large"].rows == facts.tables(table, db.engine, 29_999)["large"].rows == -1
        assert facts.tables(table, db.engine, 30_000)["large"].rows == 30_000
        table.query("CREATE TABLE parts (a int) PARTITION BY RANGE (a)")
        table.query("CREATE TABLE part PARTITION OF parts DEFAULT")
        table.query("INSERT INTO parts SELECT 1 FROM generate_series(1, 20000)")
        assert facts.tables(table, db.engine, 10_000)["parts"].rows == -1
        table.query("DROP TABLE parts")
    else:
        assert found["large"].rows > 10_000
    table.query("ANALYZE large" if db.engine == "postgresql" else "ANALYZE TABLE large")
    table.query("DELETE FROM guests")
    found = facts.tables(table, db.engine, 10_000)
    assert 25_000 < found["large"].rows < 35_000
    assert found["large"].bytes > 500_000
    assert found["guests"].rows == 0
    if db.engine == "mariadb":
        table.query("LOCK TABLES guests WRITE")
        with db.session() as other:
            assert facts.tables(other, db.engine, 10_000)["guests"].rows == -1
        table.query("UNLOCK TABLES")
    table.query("DROP TABLE large")


def test_which_columns_tell_rows_apart(db, table):
    size = "(9)" if db.engine == "mariadb" else ""
    table.query("DROP TABLE IF EXISTS apart")
    table.query(f"CREATE TABLE apart (a int PRIMARY KEY, b int UNIQUE, c int, d int, e text, f int, UNIQUE (c, d), UNIQUE (e{size}, f))")
    table.query("CREATE INDEX by_f ON apart (f)")
    table.query("CREATE TABLE pairs (a int, b int, PRIMARY KEY (a, b))")
    found = facts.tables(table, db.engine, 10_000)
    assert {name for name, column in found["apart"].columns.items() if column.unique} == {"a", "b"}
    assert len(found["apart"].columns) == 6 and not any(column.unique for column in found["pairs"].columns.values())
    if db.engine == "postgresql":
        table.query("CREATE UNIQUE INDEX ON apart (lower(e))")
        table.query("CREATE UNIQUE INDEX ON apart (c) WHERE d > 0")
        table.query("CREATE UNIQUE INDEX ON apart (d) INCLUDE (f)")
        found = facts.tables(table, db.engine, 10_000)
        assert {name for name, column in found["apart"].columns.items() if column.unique} == {"a", "b", "d"}
    table.query("DROP TABLE apart, pairs")


def test_which_columns_get_a_value_by_themselves(mariadb, table):
    table.query("DROP TABLE IF EXISTS valued")
    table.query(
        "CREATE TABLE valued (id bigint AUTO_INCREMENT PRIMARY KEY, a int, b int NOT NULL, c varchar(9) DEFAULT 'NULL', "
        "d int DEFAULT NULL, e int NOT NULL DEFAULT 0, f datetime NOT NULL DEFAULT CURRENT_TIMESTAMP, g int AS (e + 1) STORED, "
        "h text DEFAULT '')"
    )
    found = facts.tables(table, mariadb.engine, 10_000)["valued"].columns
    assert {name for name, column in found.items() if column.default} == {"id", "c", "e", "f", "g", "h"}
    table.query("DROP TABLE valued")


MADE = {
    "postgresql": (
        "CREATE TYPE mood AS ENUM ('sad', 'ok')",
        "CREATE TABLE stays (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, guest int NOT NULL REFERENCES guests ON DELETE CASCADE, "
        "note varchar(20) DEFAULT 'x', CHECK (guest > 0))",
        "CREATE INDEX by_note ON stays (lower(note))",
        "CREATE VIEW notes AS SELECT note FROM stays",
    ),
    "mariadb": (
        "CREATE TABLE stays (id bigint AUTO_INCREMENT PRIMARY KEY, guest int NOT NULL, note varchar(20) DEFAULT 'x', "
        "CONSTRAINT stays_guest FOREIGN KEY (guest) REFERENCES guests (id) ON DELETE CASCADE, CONSTRAINT positive CHECK (guest > 0))",
        "CREATE INDEX by_note ON stays (note(5))",
        "CREATE VIEW notes AS SELECT note FROM stays",
    ),
}
LINES = {
    "postgresql": """enum mood
  'sad', 'ok'
table stays
  column id bigint not null identity always
  column guest integer not null
  column note character varying(20) default 'x'::character varying
  constraint stays_guest_check CHECK ((guest > 0))
  constraint stays_guest_fkey FOREIGN KEY (guest) REFERENCES guests(id) ON DELETE CASCADE
  constraint stays_pkey PRIMARY KEY (id)
  index CREATE INDEX by_note ON public.stays USING btree (lower((note)::text))
view notes
  SELECT note FROM stays;
""",
    "mariadb": """table stays
  engine InnoDB, collation utf8mb4_uca1400_ai_ci
  column id bigint(20) not null auto_increment
  column guest int(11) not null
  column note varchar(20) collate utf8mb4_uca1400_ai_ci default 'x'
  constraint positive check `guest` > 0
  constraint stays_guest foreign key (guest) references guests (id) on update RESTRICT on delete CASCADE
  index PRIMARY unique (id) btree
  index by_note (note(5)) btree
  index stays_guest (guest) btree
view notes
  select `shop`.`stays`.`note` AS `note` from `shop`.`stays`
""",
}


def test_a_schema_as_text(db, table):
    before = schema(table, db.engine)
    for sql in MADE[db.engine]:
        table.query(sql)
    try:
        after = schema(table, db.engine)
        for block in re.split(r"^(?=\S)", LINES[db.engine], flags=re.MULTILINE):
            assert block in after
            assert not block or block not in before
        assert schema(table, db.engine) == after
    finally:
        for sql in ("DROP VIEW notes", "DROP TABLE stays", *(["DROP TYPE mood"] if db.engine == "postgresql" else [])):
            table.query(sql)
    assert schema(table, db.engine) == before


# --- the backup gate


def test_a_dump_is_made_and_found(db, table, tmp_path):
    preset = {"postgresql": "pg_dump", "mariadb": "mariadb-dump"}[db.engine]
    backup = parse_backup({"newest": preset, "take": preset, "max_age": "1h", "folder": str(tmp_path)})
    runner = SubprocessRunner(ENV)
    first = gate(backup, runner, db.where, SystemClock())
    assert first["taken"]
    text = Path(first["name"]).read_text()
    assert "anna" in text
    assert os.stat(first["name"]).st_mode & 0o777 == 0o600
    again = gate(backup, runner, db.where, SystemClock())
    assert (again["name"], again["taken"]) == (first["name"], False)
    Path(first["name"]).write_text(text[:-600])
    only = parse_backup({"newest": preset, "max_age": "1h", "folder": str(tmp_path)})
    with pytest.raises(MigrateError, match="there is no whole backup, and none older than 60 minutes is accepted"):
        gate(only, runner, db.where, SystemClock())


def test_a_dump_that_fails_leaves_no_file(db, tmp_path):
    preset = {"postgresql": "pg_dump", "mariadb": "mariadb-dump"}[db.engine]
    backup = parse_backup({"take": preset, "folder": str(tmp_path)})
    where = parse_where({"engine": db.engine, "service": "db", "name": "HOSTNAME"}).at(db.name)
    with pytest.raises(Exception, match="a dump of the database of service db can't be made: "):
        gate(backup, SubprocessRunner(ENV), where, SystemClock())
    assert os.listdir(tmp_path) == []
