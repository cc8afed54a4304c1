"""A run of migrations in a process of its own: ``runner.py ENGINE DATABASE TOOL OWNER``. Prints what became of it as JSON."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.compose.cli import DockerCli
from ansible_collections.steady.deploy.plugins.module_utils.compose.images import Image
from ansible_collections.steady.deploy.plugins.module_utils.compose.oneoff import OneOff
from ansible_collections.steady.deploy.plugins.module_utils.compose.target import Target
from ansible_collections.steady.deploy.plugins.module_utils.core.clock import SystemClock
from ansible_collections.steady.deploy.plugins.module_utils.core.errors import MigrateError
from ansible_collections.steady.deploy.plugins.module_utils.core.progress import untold
from ansible_collections.steady.deploy.plugins.module_utils.core.runner import Completed, SubprocessRunner
from ansible_collections.steady.deploy.plugins.module_utils.migrate.adapter import Tool
from ansible_collections.steady.deploy.plugins.module_utils.migrate.choose import before_shift
from ansible_collections.steady.deploy.plugins.module_utils.migrate.database.access import RealDatabase
from ansible_collections.steady.deploy.plugins.module_utils.migrate.run import Run
from ansible_collections.steady.deploy.plugins.module_utils.migrate.tools import adapter_of
from ansible_collections.steady.deploy.plugins.module_utils.migrate.wish import MigrateWish, parse_migrate
from ansible_collections.steady.deploy.plugins.module_utils.rollout.spec import JOB, Service

CLIENTS = {"postgresql": ["psql"], "mariadb": ["mariadb", "--no-defaults", "shop"]}
FOLDER = "/tmp/migrations"
SeenAt = t.Callable[["tuple[str, ...]", "tuple[str, ...]"], None]


class InContainer:
    """The Tool of a migration: commands in a container that runs already."""

    def __init__(self, runner: SubprocessRunner, container: str, database: str, seen_at: SeenAt) -> None:
        self._runner = runner
        self._container = container
        self._database = database
        self._seen_at = seen_at

    def run(
        self, argv: t.Sequence[str], *, stdin: str | None = None, timeout: float | None = None, env: t.Mapping[str, str] | None = None
    ) -> Completed:
        """See Tool.run."""
        form = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
        self._seen_at((self._runner.run(["docker", "inspect", "-f", form, self._container]).stdout.strip(),), (self._container,))
        mine = [word for name, value in (env or {}).items() for word in ("-e", f"{name}={value}")]
        script = 'export PGPASSWORD="$POSTGRES_PASSWORD" MYSQL_PWD="$MARIADB_PASSWORD"; exec "$@"'
        where = ["-e", f"PGHOST={self._database}", "-e", "PGUSER=shop", "-e", "PGDATABASE=shop", *mine]
        return self._runner.run(
            ["docker", "exec", "-i", *where, self._container, "sh", "-c", script, "sh", *argv], stdin=stdin, timeout=timeout
        )

    def close(self) -> None:
        """The container is another one's."""


def parts(engine: str, database: str, tool: str, owner: str, **settings: t.Any) -> tuple[MigrateWish, InContainer, RealDatabase]:
    """What a job with plain SQL files wishes, its tool and its database. ``settings`` are those of ``migrate``."""
    client = CLIENTS[engine] if engine == "postgresql" else [*CLIENTS[engine][:2], "-h", database, "-u", "shop", CLIENTS[engine][2]]
    said = {"tool": "sql", "command": client, "folder": FOLDER, "database": {"engine": engine, "service": "db"}, **settings}
    wish = parse_migrate(said, "migrate")
    runner = SubprocessRunner(os.environ)

    def keep(descriptors: tuple[int, ...]) -> None:
        runner.keep_open = descriptors

    access = RealDatabase(wish.where.at(database), wish, owner, SystemClock(), runner, keep, untold)
    return wish, InContainer(runner, tool, database, access.seen_at), access


def apply_in_containers(
    engine: str, database: str, net: str, image: str, folder: str, env: t.Mapping[str, str], **settings: t.Any
) -> dict[str, t.Any]:
    """The same in one-off containers of a service, which has the files of ``folder`` and this environment."""
    wish, _inside, access = parts(engine, database, database, "me", **settings)
    service = {
        "image": image,
        "entrypoint": ["env"],
        "environment": {name: value.replace("$", "$$") for name, value in env.items()},
        "networks": {"db": None},
        "volumes": [{"type": "bind", "source": folder, "target": FOLDER}],
    }
    model = {"name": "shop", "services": {"migrate": service}, "networks": {"db": {"name": net, "external": True}}}
    services = (Service("migrate", JOB, "", image),)
    target = Target("r1", model, services, {image: Image(image, None, image, True)}, {})
    with tempfile.TemporaryDirectory() as scratch:
        tool = OneOff(DockerCli(SubprocessRunner(os.environ)), target, "shop", "migrate", [], scratch, access.seen_at)
        return applied(wish, tool, access)


def apply(engine: str, database: str, tool: str, owner: str, **settings: t.Any) -> dict[str, t.Any]:
    """Apply what is pending, as a rollout would. ``settings`` are those of ``migrate``."""
    return applied(*parts(engine, database, tool, owner, **settings))


def applied(wish: MigrateWish, command: Tool, access: RealDatabase) -> dict[str, t.Any]:
    """What becomes of what is pending."""
    engine = wish.where.engine
    run = Run("migrate", adapter_of(wish.tool, wish.settings, engine), command, access, SystemClock(), wish.tries)
    try:
        done = run.apply(lambda migrations: before_shift(migrations, served=False), None, {})
    except MigrateError as exc:
        return {"failed": exc.message, "facts": exc.facts.get("migration") or {}}
    return {"applied": [one.id for one in done.applied], "facts": dict(done.facts), "warnings": list(done.warnings)}


if __name__ == "__main__":
    print(json.dumps(apply(*sys.argv[1:])), flush=True)
