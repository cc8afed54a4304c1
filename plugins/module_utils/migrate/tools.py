# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which adapter serves which migration tool, and reading its settings, with one sentence for each mistake. Pure."""

from __future__ import annotations

import shlex
import typing as t
from dataclasses import dataclass

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import SpecError
from ansible_collections.steady.deploy.plugins.module_utils.migrate.adapter import Adapter
from ansible_collections.steady.deploy.plugins.module_utils.migrate.adapters.alembic import Alembic
from ansible_collections.steady.deploy.plugins.module_utils.migrate.adapters.artisan import Artisan
from ansible_collections.steady.deploy.plugins.module_utils.migrate.adapters.command import ID, Commands
from ansible_collections.steady.deploy.plugins.module_utils.migrate.adapters.django import Django
from ansible_collections.steady.deploy.plugins.module_utils.migrate.adapters.phinx import Phinx
from ansible_collections.steady.deploy.plugins.module_utils.migrate.adapters.prisma import Prisma
from ansible_collections.steady.deploy.plugins.module_utils.migrate.adapters.rails import Rails
from ansible_collections.steady.deploy.plugins.module_utils.migrate.adapters.sql import SqlFiles
from ansible_collections.steady.deploy.plugins.module_utils.migrate.spec import ENGINES, POSTGRESQL
from ansible_collections.steady.deploy.plugins.module_utils.probe.wording import instead, show


@dataclass(frozen=True)
class _Usual:
    """What a tool takes where nothing is set, and how its adapter is made of it."""

    make: t.Callable[[t.Sequence[str], str, str], Adapter]
    command: tuple[str, ...]
    folder: str


_USUAL = {
    "artisan": _Usual(Artisan, ("php", "artisan"), "database/migrations"),
    "alembic": _Usual(Alembic, ("alembic",), "versions"),
    "sql": _Usual(SqlFiles, (), "migrations"),
    "rails": _Usual(Rails, ("bin/rails",), "db/migrate"),
    "phinx": _Usual(Phinx, ("vendor/bin/phinx",), "db/migrations"),
    "prisma": _Usual(Prisma, ("node_modules/.bin/prisma",), "prisma/migrations"),
    "django": _Usual(lambda command, dummy, engine: Django(command, engine), ("python3", "manage.py"), ""),
}
_CLIENTS = {POSTGRESQL: ("psql",)}
_COMMAND = "command"
TOOLS = (*_USUAL, _COMMAND)


def adapter_of(tool: str, settings: t.Mapping[str, t.Any], engine: str) -> Adapter:
    """The adapter of a migration tool. ``settings`` are those of the user, None for what is not set.

    `command` is what starts the tool, `folder` where its migrations are; the tool `command` has `pending`, `sql` and `apply`.
    Raises SpecError with one sentence about the first thing that is wrong.
    """
    if tool not in TOOLS:
        raise SpecError(f"migrations: tool {show(tool)} is not known{instead(tool, TOOLS)}")
    if engine not in ENGINES:
        raise SpecError(f"migrations: engine {show(engine)} is not known{instead(engine, ENGINES)}")
    given = {key: value for key, value in settings.items() if value is not None}
    fields = _fields(tool)
    for key in given:
        if key not in fields:
            raise SpecError(f"migrations: tool {tool} has no setting {show(key)}{instead(key, fields)}")
    if tool == _COMMAND:
        return _commands(given, engine)
    usual = _USUAL[tool]
    command = _argv(_COMMAND, given[_COMMAND]) if _COMMAND in given else usual.command or _CLIENTS.get(engine)
    if command is None:
        raise SpecError("migrations: tool sql needs `command` on MariaDB: the client with the database, such as [mariadb, hotel]")
    folder = given.get("folder", usual.folder)
    if not isinstance(folder, str) or (not folder.strip("/") and usual.folder) or folder.startswith("-") or "\0" in folder:
        raise SpecError("migrations: folder must be the path of the folder with the migrations")
    return usual.make(command, folder.rstrip("/"), engine)


def _fields(tool: str) -> tuple[str, ...]:
    if tool == _COMMAND:
        return ("pending", "sql", "apply")
    return (_COMMAND, "folder") if _USUAL[tool].folder else (_COMMAND,)


def _commands(given: t.Mapping[str, t.Any], engine: str) -> Commands:
    for key in ("pending", "apply"):
        if key not in given:
            raise SpecError(f"migrations: tool {_COMMAND} needs `{key}`: give it a program with its arguments")
    pending, apply = _argv("pending", given["pending"]), _argv("apply", given["apply"])
    sql = _argv("sql", given["sql"]) if "sql" in given else None
    if sql is not None and ID not in "".join(sql):
        raise SpecError(f"migrations: sql must hold {ID}, where the migration stands whose SQL it prints")
    return Commands(pending, apply, sql, engine)


def _argv(key: str, raw: t.Any) -> tuple[str, ...]:
    if isinstance(raw, str):
        try:
            raw = shlex.split(raw)
        except ValueError as exc:
            raise SpecError(f"migrations: {key} can't be split into words ({str(exc).lower()}): mend its quotes, or give a list") from None
    if not isinstance(raw, (list, tuple)) or not raw or not all(isinstance(word, str) and "\0" not in word for word in raw) or not raw[0]:
        raise SpecError(f"migrations: {key} must be a program with its arguments, as one text or as a list")
    return tuple(raw)
