"""A container with real databases and real migration tools, and what each tool's tiny project is like."""

from __future__ import annotations

import subprocess
import typing as t
import uuid
from dataclasses import dataclass, field, replace
from pathlib import Path

from full import FULL

from ansible_collections.steady.deploy.plugins.module_utils.core.runner import Completed
from ansible_collections.steady.deploy.plugins.module_utils.migrate.spec import MARIADB, POSTGRESQL
from ansible_collections.steady.deploy.plugins.module_utils.migrate.tools import adapter_of

HERE = Path(__file__).resolve().parent
IMAGE = "steady-mig-ad-tools"
# Tests may run in several processes.
NAME = f"{IMAGE}-{uuid.uuid4().hex[:8]}"
PASSWORD = "sesame-sesame"
PORTS = {POSTGRESQL: "5432", MARIADB: "3306"}


@dataclass(frozen=True)
class Kit:
    """A tool on an engine. ``ids`` are create, expand and contract; ``broken`` fails midway; ``table`` is what it leaves a part of."""

    tool: str
    engine: str
    ids: tuple[str, ...]
    files: tuple[str, ...]
    broken: str
    broken_file: str
    settings: dict[str, t.Any] = field(default_factory=dict)
    rooms: str = "rooms"
    half: str = "half"

    def __str__(self) -> str:
        return f"{self.tool}-{self.engine}"

    @property
    def adapter(self):
        return adapter_of(self.tool, self.settings, self.engine)

    @property
    def transactional(self) -> bool:
        return self.engine == POSTGRESQL and self.tool != "command"


ARTISAN = Kit(
    "artisan",
    MARIADB,
    ("2026_01_01_000000_create_rooms", "2026_01_02_000000_add_nights", "2026_01_03_000000_contract_drop_nights"),
    (
        "database/migrations/2026_01_01_000000_create_rooms.php",
        "database/migrations/2026_01_02_000000_add_nights.php",
        "database/migrations/2026_01_03_000000_contract_drop_nights.php",
    ),
    "2026_01_04_000000_broken",
    "database/migrations",
)
ALEMBIC = Kit(
    "alembic",
    POSTGRESQL,
    ("1a01", "2b02", "3c03"),
    ("versions/1a01_create_rooms.py", "versions/2b02_add_nights.py", "versions/3c03_contract_drop_nights.py"),
    "4d04",
    "versions",
    {"command": ["python3", "-m", "alembic"]},
)
DJANGO = Kit(
    "django",
    POSTGRESQL,
    ("rooms.0001_initial", "rooms.0002_nights", "rooms.0003_contract_nights"),
    ("rooms/migrations/0001_initial.py", "rooms/migrations/0002_nights.py", "rooms/migrations/0003_contract_nights.py"),
    "rooms.0004_broken",
    "rooms/migrations",
    rooms="rooms_room",
    half="rooms_half",
)
SQL = Kit(
    "sql",
    POSTGRESQL,
    ("001_create_rooms.sql", "002_add_nights.sql", "003_contract_drop_nights.sql"),
    ("migrations/001_create_rooms.sql", "migrations/002_add_nights.sql", "migrations/003_contract_drop_nights.sql"),
    "004_broken.sql",
    "migrations",
)
RAILS = Kit(
    "rails",
    POSTGRESQL,
    ("20260101000000", "20260102000000", "20260103000000"),
    (
        "db/migrate/20260101000000_create_rooms.rb",
        "db/migrate/20260102000000_add_nights.rb",
        "db/migrate/20260103000000_contract_drop_nights.rb",
    ),
    "20260104000000",
    "db/migrate",
    {"command": "ruby bin/rails"},
)
MARIADB_CLIENT = ["mariadb", "--host=127.0.0.1", "--user=rooms", "rooms"]
COMMAND = replace(
    SQL,
    tool="command",
    ids=("001_create_rooms", "002_add_nights", "003_contract_drop_nights"),
    broken="004_broken",
    settings={"pending": "sh tool pending", "sql": "sh tool sql {id}", "apply": "sh tool apply {id}"},
)
USUAL = (ARTISAN, ALEMBIC, DJANGO, SQL, replace(SQL, engine=MARIADB, settings={"command": MARIADB_CLIENT}))
KITS = (*USUAL, replace(ARTISAN, engine=POSTGRESQL), replace(ALEMBIC, engine=MARIADB), COMMAND, RAILS) if FULL else (*USUAL, COMMAND)


class Release:
    """A tool's project in the container, as a release would have it: code, and an environment that names the database."""

    def __init__(self, kit: Kit, **env: str) -> None:
        self.kit = kit
        self.asked: list[tuple[str, ...]] = []
        port, password = env.get("port", PORTS[kit.engine]), env.get("password", PASSWORD)
        self._env = {"DB_ENGINE": kit.engine, "DB_PORT": port, "DB_PASSWORD": password, "RAILS_ENV": "production"}
        if kit.tool == "sql":
            self._env = {"PGHOST": "127.0.0.1", "PGPORT": port, "PGUSER": "rooms", "PGPASSWORD": password, "PGDATABASE": "rooms"}
            self._env |= {"MYSQL_TCP_PORT": port, "MYSQL_PWD": password}

    def run(self, argv, *, stdin=None, timeout=None, env=None) -> Completed:
        """See Tool."""
        self.asked.append(tuple(argv))
        options = [f"--env={name}={value}" for name, value in {**self._env, **(env or {})}.items()]
        done = subprocess.run(
            ["docker", "exec", "-i", "--workdir=/work", *options, NAME, *argv],
            input=stdin or "",
            timeout=timeout,
            capture_output=True,
            text=True,
            check=False,
        )
        return Completed(tuple(argv), done.returncode, done.stdout, done.stderr)

    def add_broken(self) -> None:
        inside(f"cp /src/{self.kit.tool}/broken/* /work/{self.kit.broken_file}/")

    def remove_broken(self) -> None:
        inside(f"rm /work/{self.kit.broken_file}/*broken*")

    def remove(self, number: int) -> None:
        inside(f"rm /work/{self.kit.files[number]}")

    def tables(self) -> set[str]:
        return set(self.sql("SELECT table_name FROM information_schema.tables WHERE table_name NOT LIKE 'pg_%'").split())

    def columns(self) -> set[str]:
        return set(self.sql(f"SELECT column_name FROM information_schema.columns WHERE table_name = '{self.kit.rooms}'").split())

    def sql(self, query: str) -> str:
        return inside({POSTGRESQL: "psql -h /run/postgresql -U postgres -At rooms", MARIADB: "mariadb -BN rooms"}[self.kit.engine], query)


def inside(script: str, stdin: str = "") -> str:
    done = subprocess.run(["docker", "exec", "-i", NAME, "sh", "-c", script], input=stdin, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{script}: {done.stdout}{done.stderr}"
    return done.stdout


def copies(tool: str, to: str) -> str:
    """The shell's words that copy a tool's project. Laravel's artisan opens with a line for the kernel, which PHP does not always skip."""
    return f"cp -r /src/{tool} {to} && if [ -f {to}/artisan ]; then sed -i '1i #!/usr/bin/env php' {to}/artisan; fi"


def fresh(kit: Kit) -> None:
    """An empty database, and the project as it is in the checkout."""
    drop = {
        POSTGRESQL: "psql -q -h /run/postgresql -U postgres -c 'DROP DATABASE IF EXISTS rooms WITH (FORCE)'"
        " -c 'CREATE DATABASE rooms OWNER rooms'",
        MARIADB: "mariadb -e 'DROP DATABASE IF EXISTS rooms; CREATE DATABASE rooms'",
    }[kit.engine]
    inside(f"{drop} 2>/dev/null; rm -rf /work; {copies(kit.tool, '/work')}")
