# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How an app's migrations are to be brought about: the setting `migrate` of a job. Pure."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import SpecError
from ansible_collections.steady.deploy.plugins.module_utils.migrate.backup import Backup, check_engine, parse_backup
from ansible_collections.steady.deploy.plugins.module_utils.migrate.database.limits import Limits, parse_limits
from ansible_collections.steady.deploy.plugins.module_utils.migrate.database.where import Where, parse_where
from ansible_collections.steady.deploy.plugins.module_utils.migrate.tools import adapter_of
from ansible_collections.steady.deploy.plugins.module_utils.probe import readers
from ansible_collections.steady.deploy.plugins.module_utils.probe.wording import instead, show

# What belongs to the tool's adapter, and what to the engine.
_TOOL = ("command", "folder", "pending", "sql", "apply")
FIELDS = ("tool", *_TOOL, "database", "limits", "backup", "lock_wait", "tries", "levels", "small_rows")


@dataclass(frozen=True)
class MigrateWish:
    """``settings`` are the tool's own. ``lock_wait``: seconds to wait for another migration of the same database to end.

    A migration that did not get its lock in time is tried ``tries`` times. ``levels`` by rule and ``small_rows`` are for who
    judges the SQL before it runs.
    """

    tool: str
    where: Where
    settings: t.Mapping[str, t.Any] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    backup: Backup | None = None
    lock_wait: float = 60.0
    tries: int = 5
    levels: t.Mapping[str, str] = field(default_factory=dict)
    small_rows: int = 10_000


def parse_migrate(raw: t.Any, service: str) -> MigrateWish:
    """Read the setting `migrate` of a service. Raises SpecError with one sentence about the first thing that is wrong."""
    try:
        return wish_of(raw)
    except SpecError as exc:
        raise SpecError(f"service {service}, migrate: {exc.message}") from None


def wish_of(raw: t.Any, by_login: bool = False) -> MigrateWish:
    """The same, without the name of a service. ``by_login``: see parse_where. Raises SpecError."""
    if not isinstance(raw, t.Mapping):
        raise SpecError("it must be a mapping such as {tool: artisan, database: {engine: mariadb, service: db}}")
    for key in raw:
        if key not in FIELDS:
            raise SpecError(f"there is no key {show(key)}{instead(key, FIELDS)}")
    given = {key: value for key, value in raw.items() if value is not None}
    for key in ("tool", "database"):
        if key not in given:
            raise SpecError(f"`{key}` is missing: give it")
    where = parse_where(given["database"], by_login)
    settings = {key: given[key] for key in _TOOL if key in given}
    adapter_of(given["tool"], settings, where.engine)
    backup = parse_backup(given["backup"]) if "backup" in given else None
    if backup:
        check_engine(backup, where)
    levels = given.get("levels", {})
    if not isinstance(levels, t.Mapping) or not all(isinstance(word, str) for word in levels.values()):
        raise SpecError("levels must be a mapping of rules to block, warn or allow")
    return MigrateWish(
        given["tool"],
        where,
        settings,
        parse_limits(given.get("limits", {})),
        backup,
        readers.duration(0, 86400)(given.get("lock_wait", MigrateWish.lock_wait), "lock_wait"),
        _whole(given.get("tries", MigrateWish.tries), "tries", 1, 20),
        dict(levels),
        _whole(given.get("small_rows", MigrateWish.small_rows), "small_rows", 0, 10**12),
    )


def _whole(raw: t.Any, name: str, least: int, most: int) -> int:
    if isinstance(raw, bool) or not isinstance(raw, int) or not least <= raw <= most:
        raise SpecError(f"{name} must be a whole number from {least} to {most}, not {show(raw)}")
    return raw
