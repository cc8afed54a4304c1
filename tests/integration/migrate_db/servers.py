"""Real databases in containers, each with a client of a migration beside it."""

from __future__ import annotations

import contextlib
import subprocess
import time
import typing as t
import uuid
from pathlib import Path

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import MigrateError
from ansible_collections.steady.deploy.plugins.module_utils.migrate.database.session import Session, open_session
from ansible_collections.steady.deploy.plugins.module_utils.migrate.database.where import Where, parse_where

HERE = Path(__file__).resolve().parent
IMAGE = "steady-test-migrate-db"
LABEL = ("--label", "steady.lab=1")

# A client as a migration tool would be one: in a container of its own, with what SQL it is given.
_TOOL = {
    "postgresql": 'PGPASSWORD="$POSTGRES_PASSWORD" exec psql -X -v ON_ERROR_STOP=1 -h "$0" -U shop -d shop -f - 2>&1',
    "mariadb": 'MYSQL_PWD="$MARIADB_PASSWORD" exec mariadb --no-defaults -h "$0" -u shop shop 2>&1',
}

_PATIENT = {"postgresql": "SET lock_timeout = 0", "mariadb": "SET SESSION lock_wait_timeout = 60, innodb_lock_wait_timeout = 60"}


def docker(*argv: str, text: str | None = None) -> str:
    done = subprocess.run(["docker", *argv], input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{argv}: {done.stdout}{done.stderr}"
    return done.stdout.strip()


class Server(t.NamedTuple):
    """A database in a container, and a container for tools."""

    engine: str
    name: str
    tool: str = ""

    @property
    def where(self) -> Where:
        return parse_where({"engine": self.engine, "service": "db"}).at(self.name)

    @property
    def tool_address(self) -> str:
        return docker("inspect", "-f", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", self.tool)

    def opens(self, name: str = "test") -> Session:
        return open_session(self.where, name)

    @contextlib.contextmanager
    def session(self) -> t.Iterator[Session]:
        one = self.opens()
        try:
            yield one
        finally:
            one.close()

    @contextlib.contextmanager
    def user(self) -> t.Iterator[Session]:
        """A session that waits for locks as long as an app's does, where those of the collection's own give up."""
        with self.session() as one:
            one.query(_PATIENT[self.engine])
            yield one

    def admin(self, sql: str) -> None:
        """As the database's administrator."""
        program = ["psql", "-qX", "-U", "postgres", "shop"] if self.engine == "postgresql" else ["mariadb", "--no-defaults", "shop"]
        docker("exec", "-i", self.name, *program, text=sql)

    def migrate(self, sql: str) -> subprocess.Popen[str]:
        """Run SQL from the tool's container."""
        argv = ["docker", "exec", "-i", self.tool, "sh", "-c", _TOOL[self.engine], self.name]
        process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert process.stdin is not None
        process.stdin.write(sql)
        process.stdin.close()
        process.stdin = None
        return process

    def sees(self, session: Session, word: str, timeout: float = 30.0) -> None:
        """Wait until a statement with this word runs."""
        sql = {
            "postgresql": "SELECT count(*) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND query LIKE '%' || {} || '%'",
            "mariadb": "SELECT count(*) FROM information_schema.processlist WHERE ID <> CONNECTION_ID() AND INFO LIKE CONCAT('%', {}, '%')",
        }[self.engine].format(session.literal(word))
        until(lambda: session.query(sql) != [["0"]], timeout)


def until(holds: t.Callable[[], bool], timeout: float = 30.0) -> float:
    """Wait, and return how long it took."""
    begun = time.monotonic()
    while not holds():
        assert time.monotonic() < begun + timeout, f"not within {timeout} s"
        time.sleep(0.05)
    return time.monotonic() - begun


@contextlib.contextmanager
def network() -> t.Iterator[str]:
    name = f"{IMAGE}-{uuid.uuid4().hex[:8]}"
    docker("network", "create", *LABEL, name)
    try:
        yield name
    finally:
        docker("network", "rm", name)


@contextlib.contextmanager
def container(net: str, *command: str, options: t.Sequence[str] = ()) -> t.Iterator[str]:
    name = f"{IMAGE}-{uuid.uuid4().hex[:8]}"
    docker("run", "-d", "--init", "--name", name, *LABEL, "--network", net, *options, IMAGE, *command)
    try:
        yield name
    finally:
        docker("rm", "-f", "-v", name)


@contextlib.contextmanager
def server(net: str, engine: str, *command: str, options: t.Sequence[str] = (), tool: str = "") -> t.Iterator[Server]:
    """A server that answers. ``command``: how `start` runs it, by default as its engine."""
    with container(net, *(command or (engine,)), options=options) as name:
        found = Server(engine, name, tool)
        begun = time.monotonic()
        while True:
            try:
                with found.session():
                    break
            except MigrateError:
                assert time.monotonic() < begun + 30, docker("logs", name)
                time.sleep(0.2)
        yield found
