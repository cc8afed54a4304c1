"""The module migrate on a host of its own: releases in folders, their tools and both databases on it, users who go on writing."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
import typing as t
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from integration.edge.host import ROOT
from integration.migrate.kits import HERE, IMAGE, PASSWORD, copies

NAME = f"{IMAGE}-host-{uuid.uuid4().hex[:8]}"
SERVE = {
    "postgresql": {
        "PGHOST": "127.0.0.1",
        "PGUSER": "rooms",
        "PGPASSWORD": PASSWORD,
        "PGDATABASE": "rooms",
        "DB_ENGINE": "postgresql",
        "DB_PORT": "5432",
        "DB_PASSWORD": PASSWORD,
    },
    "mariadb": {"MYSQL_PWD": PASSWORD, "DB_ENGINE": "mariadb", "DB_PORT": "3306", "DB_PASSWORD": PASSWORD},
}
# Over the server's socket, where nothing but the mark tells whose connection it is.
SOCKET = ["mariadb", "--user=rooms", "rooms"]
ADMIN = {"postgresql": "psql -qAt -v ON_ERROR_STOP=1 -h /run/postgresql -U postgres rooms", "mariadb": "mariadb -BN rooms"}
RELEASES = "/srv/shop/releases"

CREATE = "CREATE TABLE rooms (id int PRIMARY KEY, name varchar(40));\nINSERT INTO rooms VALUES (1, 'a'), (2, 'a');\n"
ADD = "-- steady: expand\nALTER TABLE rooms ADD COLUMN nights int;\n"
DROP = "-- steady: contract\nALTER TABLE rooms DROP COLUMN nights;\n"


def inside(script: str, stdin: str = "") -> str:
    done = subprocess.run(["docker", "exec", "-i", NAME, "sh", "-c", script], input=stdin, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{script}: {done.stdout}{done.stderr}"
    return done.stdout


def until(holds: t.Callable[[], bool]) -> None:
    limit = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < limit
        time.sleep(0.1)


@pytest.fixture(scope="module")
def machine():
    subprocess.run(["bash", "lab/base-image.sh"], cwd=ROOT, check=True)
    build = ["docker", "build", "-q", "-t", IMAGE, "--target", "usual", "--label", "steady.lab=1", str(HERE)]
    done = subprocess.run(build, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    # Root of a host may see whose sockets are whose, root of a container only so.
    options = ["--init", "--name", NAME, "--label", "steady.lab=1", "--cap-add", "SYS_PTRACE", "--volume", f"{HERE}:/src:ro"]
    subprocess.run(["docker", "run", "-d", *options, IMAGE, "sh", "/src/serve"], stdout=subprocess.DEVNULL, check=True)
    try:
        until = time.monotonic() + 60
        while subprocess.run(["docker", "exec", NAME, "test", "-e", "/run/ready"], capture_output=True, check=False).returncode:
            assert time.monotonic() < until, subprocess.run(["docker", "logs", NAME], capture_output=True, text=True, check=False).stderr
            time.sleep(0.2)
        inside("useradd -m shop && mariadb -e \"GRANT PROCESS ON *.* TO rooms@'%'\"")
        yield
    finally:
        subprocess.run(["docker", "rm", "-f", "-v", NAME], capture_output=True, check=False)


class Said(dict[str, t.Any]):
    """What the module answered. A test that asks it for what it does not say shows what it does."""

    def __missing__(self, key: str) -> t.Any:
        raise AssertionError(f"no {key}: {dict(self)}")


class Host:
    """The host, with one app's releases and an empty database."""

    def __init__(self, engine: str) -> None:
        self.engine = engine

    def sql(self, text: str) -> str:
        return inside(ADMIN[self.engine], text)

    def columns(self) -> set[str]:
        return set(self.sql("SELECT column_name FROM information_schema.columns WHERE table_name = 'rooms'").split())

    def release(self, name: str, **files: str) -> None:
        """A release with these files of SQL, as an unpacked archive is there: it belongs to the app's user."""
        folder = f"{RELEASES}/{name}"
        inside(f"mkdir -p {folder}/migrations && chown -R shop: /srv/shop")
        for file, text in files.items():
            inside(f"cat >{folder}/migrations/{file}.sql", text)

    def begin(self, release: str, *options: str, **settings: t.Any) -> subprocess.Popen[str]:
        command = {"command": SOCKET} if self.engine == "mariadb" else {}
        said = {
            "app": "shop",
            "path": f"{RELEASES}/{release}",
            "env": SERVE[self.engine],
            "tool": "sql",
            **command,
            "database": {"engine": self.engine, "name": "rooms"},
            **settings,
        }
        argv = [f"{sys.prefix}/bin/ansible", "all", "-i", f"{NAME},", "-c", "community.docker.docker"]
        argv += ["-m", "steady.deploy.migrate", "-a", json.dumps(said), *options]
        env = {**os.environ, "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json", "ANSIBLE_LOAD_CALLBACK_PLUGINS": "1"}
        return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env, cwd=ROOT)

    def migrate(self, release: str, *options: str, **settings: t.Any) -> dict[str, t.Any]:
        return self.end(self.begin(release, *options, **settings))

    @staticmethod
    def end(run: subprocess.Popen[str]) -> dict[str, t.Any]:
        out, err = run.communicate(timeout=120)
        assert out.lstrip().startswith("{"), out + err
        assert PASSWORD not in out + err
        return Said(json.loads(out)["plays"][0]["tasks"][0]["hosts"][NAME])


@pytest.fixture
def postgresql(machine):
    return fresh("postgresql")


@pytest.fixture
def mariadb(machine):
    return fresh("mariadb")


@pytest.fixture(params=["postgresql", "mariadb"])
def host(request, machine):
    return fresh(request.param)


def fresh(engine: str) -> Host:
    inside("rm -rf /srv/shop /var/lib/steady")
    if engine == "postgresql":
        drop = "psql -q -h /run/postgresql -U postgres -c 'DROP DATABASE IF EXISTS rooms WITH (FORCE)'"
        inside(f"{drop} -c 'CREATE DATABASE rooms OWNER rooms' 2>/dev/null")
    else:
        inside("mariadb -e 'DROP DATABASE IF EXISTS rooms; CREATE DATABASE rooms'")
    return Host(engine)


def test_from_the_first_release_to_a_contract(host):
    host.release("1", a_create=CREATE)
    first = host.migrate("1")
    # Nobody is there yet, so nobody judged.
    assert (first["changed"], first["applied"], first["first"]) == (True, ["a_create.sql"], True), first

    host.release("2", a_create=CREATE, b_add=ADD, c_drop=DROP)
    planned = host.migrate("2", "--check", "--diff")
    assert (planned["changed"], planned["applied"], planned["held_back"]) == (True, ["b_add.sql"], ["c_drop.sql"]), planned
    assert "b_add.sql: expand" in planned["diff"][0]["prepared"]
    assert planned["migrations"][0]["pending"][0]["statements"][0].endswith("ALTER TABLE rooms ADD COLUMN nights int")
    assert "nights" not in host.columns() and inside("cat /var/lib/steady/shop/migrations.json").count("b_add") == 0

    done = host.migrate("2", "--diff")
    assert (done["changed"], done["applied"], done["held_back"]) == (True, ["b_add.sql"], ["c_drop.sql"]), done
    assert "nights" in host.columns()
    schema = done["diff"][0]
    assert "nights" in schema["after"] and "nights" not in schema["before"]
    assert any("c_drop.sql waits until no older code is left" in one for one in done["warnings"])
    assert done["migrated"]["tries"] == 1
    again = host.migrate("2")
    assert (again["changed"], again["applied"]) == (False, []), again

    refused = host.migrate("2", contract=True)
    assert refused["failed"] and "contract migration c_drop.sql has to wait: release 1 is still on the host" in refused["msg"], refused
    assert "nothing was changed" in refused["msg"] and "nights" in host.columns()
    inside(f"rm -r {RELEASES}/1")
    gone = host.migrate("2", contract=True)
    assert (gone["changed"], gone["applied"]) == (True, ["c_drop.sql"]), gone
    assert "nights" not in host.columns()

    host.release("old", a_create=CREATE)
    old = host.migrate("old")
    assert old["failed"] and "release old can't be rolled out: contract migration c_drop.sql of app shop has taken away" in old["msg"], old


def test_rows_that_an_extension_brings_are_no_users(postgresql):
    # As PostGIS does.
    postgresql.sql("CREATE TABLE systems (id int); INSERT INTO systems VALUES (1); ALTER EXTENSION plpgsql ADD TABLE systems")
    postgresql.release("1", a_create=CREATE)
    first = postgresql.migrate("1")
    assert (first["applied"], first["first"]) == (["a_create.sql"], True), first


def test_what_the_judge_blocks_leaves_everything_as_it_is(mariadb):
    mariadb.release("1", a_create=CREATE)
    mariadb.migrate("1")
    mariadb.release("2", a_create=CREATE, b_add=ADD, c_words="CREATE FULLTEXT INDEX words ON rooms (name);\n")
    mariadb.sql("INSERT INTO rooms SELECT seq, 'x' FROM seq_3_to_30000; ANALYZE TABLE rooms")
    blocked = mariadb.migrate("2")
    assert blocked["failed"] and not blocked["changed"] and "c_words.sql" in blocked["msg"] and "nothing was changed" in blocked["msg"], (
        blocked
    )
    assert "nights" not in mariadb.columns()


def test_of_two_at_once_exactly_one_applies(host):
    host.release("1", a_create=CREATE)
    host.migrate("1")
    sleep = "SELECT pg_sleep(2)" if host.engine == "postgresql" else "DO SLEEP(2)"
    host.release("2", a_create=CREATE, b_add=f"{ADD}{sleep};\n")
    # As one host would twice, and as two hosts would.
    state = "/var/lib/steady" if host.engine == "mariadb" else "/var/lib/steady/other"
    with ThreadPoolExecutor() as pool:
        said = list(pool.map(lambda where: host.migrate("2", state_dir=where), ("/var/lib/steady", state)))
    assert sorted(one["changed"] for one in said) == [False, True], said
    assert sorted(one["applied"] for one in said) == [[], ["b_add.sql"]], said
    assert "nights" in host.columns()


def test_who_looks_while_another_host_has_a_table_locked_waits_for_it(host):
    host.release("1", a_create=CREATE)
    host.migrate("1")
    # Longer than a question waits for a lock.
    sleep = "SELECT pg_sleep(6)" if host.engine == "postgresql" else "DO SLEEP(6)"
    host.release("2", a_create=CREATE, b_add=f"{ADD}{sleep};\n")
    first = host.begin("2")
    shown = {
        "postgresql": "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND relation = to_regclass('rooms')",
        "mariadb": "SELECT count(*) FROM information_schema.processlist WHERE INFO LIKE 'DO SLEEP%'",
    }[host.engine]
    until(lambda: host.sql(shown).strip() == "1")
    second = host.migrate("2", state_dir="/var/lib/steady/other")
    assert (second["changed"], second["applied"]) == (False, []), second
    assert host.end(first)["applied"] == ["b_add.sql"]


def test_who_looks_while_somebody_else_has_a_table_locked_is_told(postgresql):
    postgresql.release("1", a_create=CREATE)
    postgresql.migrate("1")
    postgresql.release("2", a_create=CREATE, b_add=ADD)
    with subprocess.Popen(["docker", "exec", "-i", NAME, "sh", "-c", ADMIN["postgresql"]], stdin=subprocess.PIPE, text=True) as other:
        assert other.stdin is not None
        other.stdin.write("BEGIN; LOCK TABLE rooms;\n")
        other.stdin.flush()
        until(lambda: postgresql.sql("SELECT count(*) FROM pg_locks WHERE relation = to_regclass('rooms')").strip() == "1")
        told = postgresql.migrate("2", lock_wait="1s")
        other.stdin.close()
    assert told["failed"] and "has a table that somebody holds locked (" in told["msg"], told
    assert not told["changed"] and "nights" not in postgresql.columns()


def test_a_second_host_refuses_older_code_too(postgresql):
    other = "/var/lib/steady/other"
    postgresql.release("1", a_create=CREATE)
    postgresql.migrate("1")
    postgresql.release("2", a_create=CREATE, b_drop="-- steady: contract\nALTER TABLE rooms DROP COLUMN name;\n")
    assert postgresql.migrate("2", state_dir=other)["held_back"] == ["b_drop.sql"]
    inside(f"rm -r {RELEASES}/1")
    assert postgresql.migrate("2", contract=True)["applied"] == ["b_drop.sql"]
    done = postgresql.migrate("2", state_dir=other, contract=True)
    assert (done["changed"], done["applied"]) == (False, []), done
    postgresql.release("1", a_create=CREATE)
    old = postgresql.migrate("1", state_dir=other)
    assert old["failed"] and "contract migration b_drop.sql of app shop has taken away" in old["msg"], old


def test_one_that_fails_says_what_is_there(host):
    host.release("1", a_create=CREATE)
    host.migrate("1")
    host.release(
        "2", a_create=CREATE, b_add=ADD, c_bad="ALTER TABLE rooms ADD COLUMN nights int;\n", d_more="CREATE TABLE more (id int);\n"
    )
    failed = host.migrate("2")
    assert failed["failed"] and failed["changed"] and failed["applied"] == ["b_add.sql"], failed
    assert (
        "migration c_bad.sql of app shop failed" in failed["msg"]
        and "Applied: b_add.sql; not applied: c_bad.sql and d_more.sql" in failed["msg"]
    )
    assert failed["migration"]["failed"] == "c_bad.sql"


class User:
    """Somebody who holds the table until the gate opens, from the same host and as the same user as the tool."""

    def __init__(self, engine: str, number: int, where: str) -> None:
        if engine == "postgresql":
            program = f"PGPASSWORD={PASSWORD} exec psql -qAt -v ON_ERROR_STOP=1 {where} -U rooms rooms"
            waits = "SELECT 1 FROM (SELECT pg_advisory_lock_shared(7)) AS gate"
        else:
            program = f"MYSQL_PWD={PASSWORD} exec mariadb -BN {where} --user=rooms rooms"
            waits = "SELECT GET_LOCK('gate', 600)"
        # Asked for at once: what reads first and writes then is in a deadlock with whoever waits in between to change the table.
        sql = f"BEGIN; SELECT 'in' FROM rooms WHERE id = {number} FOR UPDATE; {waits}; "
        sql += f"UPDATE rooms SET name = 'b' WHERE id = {number}; COMMIT;"
        self._run = subprocess.Popen(
            ["docker", "exec", "-i", NAME, "sh", "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._run.stdin is not None
        self._run.stdin.write(f"{sql} SELECT 'well';")
        self._run.stdin.close()
        self._run.stdin = None

    def said(self) -> list[str]:
        return self._run.communicate(timeout=60)[0].split()


@contextlib.contextmanager
def users(host: Host) -> t.Iterator[None]:
    """Two of them, by TCP and by the socket. Nothing of theirs was ended."""
    gate = subprocess.Popen(["docker", "exec", "-i", NAME, "sh", "-c", ADMIN[host.engine]], stdin=subprocess.PIPE, text=True)
    assert gate.stdin is not None
    gate.stdin.write("SELECT pg_advisory_lock(7);\n" if host.engine == "postgresql" else "SELECT GET_LOCK('gate', 0);\n")
    gate.stdin.flush()
    held = {
        "postgresql": "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 7 AND {} granted",
        "mariadb": "SELECT IF({} TRUE, IFNULL(IS_USED_LOCK('gate'), 0) > 0, (SELECT count(*) FROM information_schema.processlist "
        "WHERE STATE = 'User lock'))",
    }[host.engine]
    until(lambda: host.sql(held.format("")).strip() == "1")
    sockets = {"postgresql": ["-h 127.0.0.1", "-h /run/postgresql"], "mariadb": ["--host=127.0.0.1", ""]}[host.engine]
    there = [User(host.engine, number, where) for number, where in enumerate(sockets, 1)]
    try:
        until(lambda: host.sql(held.format("NOT")).strip() == "2")
        yield
    finally:
        gate.communicate(timeout=60)
        said = [user.said() for user in there]
    assert said == [["in", "1", "well"]] * 2


def meets_users(host: Host, **settings: t.Any) -> dict[str, t.Any]:
    """What becomes of a migration of release 2 that meets users. More of them come all the while."""
    with users(host):
        run = host.begin("2", limits={"lock_timeout": "1s", "stall": "1s"}, tries=2, **settings)
        while run.poll() is None:
            host.sql("SELECT count(*) FROM rooms")
        return host.end(run)


def test_the_guard_ends_the_migrations_statement_and_never_a_users(host):
    host.release("1", a_create=CREATE)
    host.migrate("1")
    host.release("2", a_create=CREATE, b_add=ADD)
    said = meets_users(host)
    assert said["failed"] and "failed after 2 tries" in said["msg"], said
    assert host.engine == "postgresql" or "the guard:" in said["msg"], said
    # Somebody waited behind it, and not for long.
    assert 0 < said["migration"]["longest_wait"] < 4, said["migration"]
    assert "nights" not in host.columns()
    assert host.migrate("2")["applied"] == ["b_add.sql"]


def copied(tool: str) -> None:
    """A release of the tool's own project."""
    inside(f"mkdir -p {RELEASES} && {copies(tool, f'{RELEASES}/2')} && chown -R shop: /srv/shop")


@pytest.mark.parametrize(
    ("engine", "settings", "ids"),
    [
        ("postgresql", {"tool": "alembic", "command": ["python3", "-m", "alembic"]}, ["1a01", "2b02", "3c03"]),
        (
            "mariadb",
            {"tool": "artisan", "command": None},
            ["2026_01_01_000000_create_rooms", "2026_01_02_000000_add_nights", "2026_01_03_000000_contract_drop_nights"],
        ),
    ],
    ids=["alembic", "artisan"],
)
def test_a_tool_of_the_release_migrates(machine, engine, settings, ids):
    host = fresh(engine)
    copied(settings["tool"])
    done = host.migrate("2", **settings)
    assert (done["changed"], done["applied"], done.get("warnings", [])) == (True, ids, []), done
    again = host.migrate("2", **settings)
    assert (again["changed"], again["applied"]) == (False, []), again


def test_a_tool_by_tcp_is_known_by_its_ports_and_one_by_a_socket_by_nothing(mariadb):
    """Its driver gives no name to the server: PyMySQL."""
    mariadb.sql(
        CREATE.replace(
            "INSERT", "CREATE TABLE alembic_version (version_num varchar(32)); INSERT INTO alembic_version VALUES ('1a01'); INSERT"
        )
    )
    copied("alembic")
    inside(f"rm {RELEASES}/2/versions/3c03*")
    settings = {"tool": "alembic", "command": ["python3", "-m", "alembic"]}
    said = meets_users(mariadb, **settings)
    assert said["failed"] and "failed after 2 tries" in said["msg"] and "the guard:" in said["msg"], said
    # The same by a socket: nobody can tell whose it is, so nothing is ended, and it waits as long as its users let it.
    inside(
        f'sed -i \'s/, "127.0.0.1", .*/, database="rooms", query={{"unix_socket": "\\/run\\/mysqld\\/mysqld.sock"}})/\' {RELEASES}/2/env.py'
    )
    with users(mariadb):
        run = mariadb.begin("2", limits={"lock_timeout": "1s", "stall": "1s"}, **settings)
        until(lambda: "metadata" in mariadb.sql("SELECT STATE FROM information_schema.processlist"))
        time.sleep(3)
    done = mariadb.end(run)
    assert done["applied"] == ["2b02"], done
    assert any("can't tell the tool's connections" in one for one in done["warnings"]), done


def test_what_is_wrong_is_said_in_one_sentence(postgresql):
    postgresql.release("1", a_create=CREATE)
    login = {"engine": "postgresql", "name": "rooms", "user": "rooms", "host": "127.0.0.1"}
    for settings, sentence in (
        ({"path": f"{RELEASES}/none"}, f"path {RELEASES}/none is no folder on this host: unpack the release there first"),
        ({"user": "nobody-knows"}, "this host has no user 'nobody-knows': make it, or set `user` to whom the app runs as"),
        ({"tool": "alembic", "command": ["no-such"]}, "the release has no program no-such that could be run"),
        ({"database": {**login, "password": "wrong"}}, "password authentication failed"),
        ({"database": {**login, "port": 1}}, "the database rooms on 127.0.0.1"),
        # As who owns the release, or as is asked.
        ({"tool": "command", "command": None, "pending": ["sh", "-c", "id -un; exit 3"], "apply": "true"}, "and says: shop"),
        ({"tool": "command", "pending": ["sh", "-c", "id -un; exit 3"], "apply": "true", "user": "nobody"}, "and says: nobody"),
        ({"tool": "alembik"}, "tool 'alembik' is not known, did you mean `alembic`?"),
    ):
        said = postgresql.migrate("1", **settings)
        assert said["failed"] and sentence in said["msg"] and not said["changed"], said
    assert postgresql.columns() == set()
    # By a login, with what keeps its secret.
    done = postgresql.migrate("1", database={**login, "password": PASSWORD})
    assert done["applied"] == ["a_create.sql"], done
    postgresql.release("2", a_create=CREATE, b_add=ADD)
    refused = postgresql.migrate("2", "-B", "60", "-P", "1")
    assert refused["failed"] and "run the task without `async`" in refused["msg"], refused
