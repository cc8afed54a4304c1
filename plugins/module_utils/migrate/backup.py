# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The backup gate: no migration without a backup that is young enough."""

from __future__ import annotations

import json
import re
import typing as t
from dataclasses import dataclass
from datetime import datetime, timezone

from ansible_collections.steady.deploy.plugins.module_utils.core.clock import Clock
from ansible_collections.steady.deploy.plugins.module_utils.core.errors import MigrateError, SpecError
from ansible_collections.steady.deploy.plugins.module_utils.core.runner import Runner, checked
from ansible_collections.steady.deploy.plugins.module_utils.migrate.database.where import Where
from ansible_collections.steady.deploy.plugins.module_utils.migrate.dumps import TAKES, dump, newest
from ansible_collections.steady.deploy.plugins.module_utils.migrate.spec import POSTGRESQL
from ansible_collections.steady.deploy.plugins.module_utils.probe import readers
from ansible_collections.steady.deploy.plugins.module_utils.probe.wording import one_line, show, suggest, words

RESTIC, PG_DUMP, MARIADB_DUMP = PRESETS = ("restic", "pg_dump", "mariadb-dump")
_DUMPS = (PG_DUMP, MARIADB_DUMP)
_FIELDS = ("newest", "max_age", "take", "folder", "repository", "password_file", "tag")
_ASKS = 120.0
# Seconds that another machine's clock may be ahead.
_AHEAD = 300.0
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(\.\d+)?\s*(Z|[+-]\d\d:?\d\d)?")


@dataclass(frozen=True)
class Backup:
    """``newest`` tells the newest backup, ``take`` makes one: each a preset, a command, or nothing. ``max_age`` in seconds.

    With both, one is made only where the newest is too old. ``folder`` is that of dumps, the rest is restic's.
    """

    newest: str | tuple[str, ...] = ()
    max_age: float = 0.0
    take: str | tuple[str, ...] = ()
    folder: str = ""
    repository: str = ""
    password_file: str = ""
    tag: str = ""


def parse_backup(raw: t.Any) -> Backup:
    """Read the setting ``backup``. Raises SpecError with one sentence about the first thing that is wrong."""
    given = readers.mapping(raw, "backup", _FIELDS, "{newest: restic, max_age: 24h}")
    latest = _source(given.pop("newest", ()), "newest", PRESETS)
    take = _source(given.pop("take", ()), "take", _DUMPS)
    if not latest and not take:
        raise SpecError("backup has neither `newest`, which tells the newest backup, nor `take`, which makes one: give it one")
    if latest and "max_age" not in given:
        raise SpecError("backup: `newest` needs `max_age`, how old the newest backup may be, such as 24h")
    if not latest and "max_age" in given:
        raise SpecError("backup: `max_age` needs `newest`, which tells the newest backup")
    needs = {
        "folder": [preset for preset in (latest, take) if preset in _DUMPS],
        "repository": [preset for preset in (latest,) if preset == RESTIC],
        "password_file": [preset for preset in (latest,) if preset == RESTIC],
    }
    for key, presets in needs.items():
        if presets and key not in given:
            raise SpecError(f"backup: {presets[0]} needs `{key}`")
    for key in given:
        if key != "max_age" and not needs.get(key, needs["repository"]):
            raise SpecError(f"backup: {key} is for {words(_DUMPS) if key == 'folder' else RESTIC}: remove it, or name that preset")
    return Backup(
        latest,
        readers.duration(1, 10**8)(given["max_age"], "backup: max_age") if latest else 0.0,
        take,
        readers.file(given["folder"], "backup: folder") if "folder" in given else "",
        readers.text(given["repository"], "backup: repository") if "repository" in given else "",
        readers.file(given["password_file"], "backup: password_file") if "password_file" in given else "",
        readers.text(given["tag"], "backup: tag") if "tag" in given else "",
    )


def _source(raw: t.Any, key: str, presets: t.Sequence[str]) -> str | tuple[str, ...]:
    if raw == ():
        return ()
    if isinstance(raw, str):
        if raw not in presets:
            instead = suggest(raw, presets) or f"; there are {words(presets)}, or a command as a list of words"
            raise SpecError(f"backup: {key} {show(raw)} is not known{instead}")
        return raw
    command = readers.command(raw, f"backup: {key}")
    if not command or not command[0]:
        raise SpecError(f"backup: {key} is a command without a word: name a program, or one of {words(presets)}")
    return command


def check_engine(backup: Backup, where: Where) -> None:
    """Raise SpecError for a dump of another engine than the database's."""
    for preset in (backup.newest, backup.take):
        if preset in _DUMPS and (preset == PG_DUMP) != (where.engine == POSTGRESQL):
            raise SpecError(f"backup: {preset} can't dump {where.label}, which is {where.engine}")


def gate(backup: Backup, runner: Runner, where: Where, clock: Clock) -> dict[str, t.Any]:
    """Let pass where there is a backup young enough, or make one. Returns facts: ``name``, ``age`` in seconds, ``taken``.

    Raises MigrateError with one sentence where there is none, CommandError where it can't be told or made.
    """
    refusal = ""
    if backup.newest:
        found = _newest(backup, runner)
        age = None if found is None else clock.now() - found[1]
        if found is not None and age is not None and -_AHEAD <= age <= backup.max_age:
            return {"name": found[0], "age": round(max(0.0, age)), "taken": False}
        if found is None or age is None:
            refusal = "there is no whole backup"
        elif age < 0:
            refusal = f"the newest backup, {found[0]}, is from a time that has yet to come, by {_span(-age)}"
        else:
            refusal = f"the newest backup, {found[0]}, is {_span(age)} old"
    if backup.take:
        return {"name": _take(backup, runner, where, clock), "age": 0, "taken": True}
    raise MigrateError(f"{refusal}, and none older than {_span(backup.max_age)} is accepted before a migration: make one, then run again")


def _newest(backup: Backup, runner: Runner) -> tuple[str, float] | None:
    if backup.newest in _DUMPS:
        return newest(backup.folder)
    if backup.newest == RESTIC:
        argv = ["restic", "-r", backup.repository, "--password-file", backup.password_file, "--no-lock"]
        argv += ["snapshots", "--json", "--latest", "1", *(["--tag", backup.tag] if backup.tag else [])]
        said = checked(runner.run(argv, timeout=_ASKS), "restic can't tell the newest backup").stdout
        return _snapshot(said)
    argv = list(backup.newest)
    said = checked(runner.run(argv, timeout=_ASKS), f"{argv[0]} can't tell the newest backup").stdout
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    if not lines:
        return None
    return lines[-1], _time(lines[-1], argv[0])


def _snapshot(said: str) -> tuple[str, float] | None:
    try:
        # One of each host and path.
        times = [(_time(one["time"], RESTIC), f"restic snapshot {one['short_id']}") for one in json.loads(said) or []]
    except (ValueError, TypeError, KeyError):
        raise MigrateError(f"restic's answer is none that is known: {one_line(said)}") from None
    return max(times)[::-1] if times else None


def _time(text: str, program: str) -> float:
    """Seconds since the epoch, of such a number or a time of ISO 8601; without a zone it is UTC."""
    if re.fullmatch(r"\d{9,11}(\.\d+)?", text):
        return float(text)
    found = _TIME.fullmatch(text)
    try:
        if found is None:
            raise ValueError
        day, clock, fraction, zone = found.groups()
        moment = datetime.fromisoformat(f"{day}T{clock}")
        if zone and zone != "Z":
            digits = zone[1:].replace(":", "")
            seconds = (int(digits[:2]) * 60 + int(digits[2:])) * 60
            return moment.replace(tzinfo=timezone.utc).timestamp() + float(fraction or 0) - (seconds if zone[0] == "+" else -seconds)
        return moment.replace(tzinfo=timezone.utc).timestamp() + float(fraction or 0)
    except ValueError:
        raise MigrateError(
            f"{program} is to print the time of the newest backup in its last line, as seconds since 1970 or such as 2026-01-31T04:00:00Z, "
            f"but printed {show(one_line(text))}"
        ) from None


def _take(backup: Backup, runner: Runner, where: Where, clock: Clock) -> str:
    if backup.take in _DUMPS:
        return dump(runner, where, backup.folder, clock.now())
    argv = list(backup.take)
    checked(runner.run(argv, timeout=TAKES), f"the backup before the migration failed ({argv[0]})")
    return " ".join(argv)


def _span(seconds: float) -> str:
    """As a person says it."""
    for size, word in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {word}"
    return f"{seconds:.0f} seconds"
