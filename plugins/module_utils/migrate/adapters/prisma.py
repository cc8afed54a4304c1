# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prisma Migrate, after what `migrate status` and `migrate deploy` of Prisma 7 print.

`status` exits with 1 for whatever is not up to date, and tells the first thing that is wrong only: one that failed goes untold
while others are pending. `deploy` applies all that is pending, or nothing.
"""

from __future__ import annotations

import posixpath
import re
import typing as t
from dataclasses import replace

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import MigrateError
from ansible_collections.steady.deploy.plugins.module_utils.migrate.adapter import Tool
from ansible_collections.steady.deploy.plugins.module_utils.migrate.adapters.remembering import Remembering
from ansible_collections.steady.deploy.plugins.module_utils.migrate.asking import ask, check_prefix, conclude, no_answer, read
from ansible_collections.steady.deploy.plugins.module_utils.migrate.phases import described
from ansible_collections.steady.deploy.plugins.module_utils.migrate.spec import Migration, Outcome, Pending
from ansible_collections.steady.deploy.plugins.module_utils.migrate.statements import split

_PLAIN = {"NO_COLOR": "1"}
_MARK = "-- status"
# It tells how many migrations the code has, not which: their folders are listed with the same command.
_LOOK = f"""ls -1 "$0" && echo '{_MARK}' && exec "$@" """
_UP_TO_DATE = "Database schema is up to date!"
_PENDING = re.compile(r"^(?:Following|The) migrations? have not yet been applied:\n((?:\S+\n)*)", re.MULTILINE)
_GONE = re.compile(r"^The migrations? from the database are not found locally in prisma/migrations:\n((?:\S+\n?)*)", re.MULTILINE)
_FAILED = re.compile(r"^Following migrations? have failed:\n((?:\S+\n)*)", re.MULTILINE)
_FAILS = re.compile(r"^Migration name: (\S+)$", re.MULTILINE)
_NOT_MANAGED = "The current database is not managed by Prisma Migrate"
_LEFT = "possibly a part of it: Prisma runs it outside of a transaction"


class Prisma(Remembering):
    """``id`` of a migration is the name of its folder in ``folder``."""

    def __init__(self, command: t.Sequence[str], folder: str, engine: str) -> None:
        self._command = tuple(command)
        self._folder = folder
        self._engine = engine

    def _look(self, tool: Tool) -> Pending:
        done = ask(tool, ["sh", "-c", _LOOK, self._folder, *self._command, "migrate", "status"], env=_PLAIN)
        listed, found, said = done.stdout.partition(f"{_MARK}\n")
        if not found:
            raise no_answer(f"listing {self._folder}", done)
        known = tuple(sorted(name for name in listed.split() if "." not in name))
        said = f"{said}\n{done.stderr}"
        if _NOT_MANAGED in said:
            raise MigrateError("the database has tables and none of Prisma's: baseline it with `prisma migrate resolve --applied` first")
        pending, gone, failed = (_names(pattern, said) for pattern in (_PENDING, _GONE, _FAILED))
        drift = [f"migration {each} is applied, but the code does not have it any more" for each in gone]
        drift += [
            f"migration {each} was begun and failed: see what of it is there, then tell with `prisma migrate resolve`" for each in failed
        ]
        if not (pending or drift or (done.rc == 0 and _UP_TO_DATE in said)):
            raise no_answer("prisma migrate status", done)
        return Pending(known, tuple(pending), tuple(drift))

    def migrations(self, tool: Tool, ids: t.Sequence[str]) -> tuple[Migration, ...]:
        """See Adapter."""
        paths = [posixpath.join(self._folder, each, "migration.sql") for each in ids]
        texts = read(tool, paths)
        return tuple(described(each, each, texts[path], split(texts[path], self._engine)) for each, path in zip(ids, paths))

    def apply(self, tool: Tool, ids: t.Sequence[str]) -> Outcome:
        """See Adapter. Raises MigrateError unless these are all that are pending."""
        if not ids:
            return Outcome()
        pending = self._recent(tool)
        check_prefix(ids, pending)
        if tuple(ids) != pending.pending:
            raise MigrateError(
                f"prisma migrate deploy applies all that is pending, also {pending.pending[len(ids)]}: bring that one with a later release"
            )
        done = ask(tool, [*self._command, "migrate", "deploy"], env=_PLAIN)

        def now() -> Pending:
            failed = tuple(name for name in _FAILS.findall(f"{done.stdout}\n{done.stderr}") if done.rc)
            return Pending(pending.known, (*failed, *self.pending(tool).pending))

        outcome = conclude("prisma migrate deploy", ids, done, now, lambda dummy: _LEFT)
        # P3009: it applies nothing more while one that failed is not resolved.
        return replace(outcome, final=outcome.failed is not None)


def _names(pattern: re.Pattern[str], said: str) -> list[str]:
    found = pattern.search(said)
    return found.group(1).split() if found else []
