# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rails. It has no dry run: the SQL of a migration is not known before it runs."""

from __future__ import annotations

import posixpath
import re
import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import MigrateError
from ansible_collections.steady.deploy.plugins.module_utils.core.runner import Completed
from ansible_collections.steady.deploy.plugins.module_utils.migrate.adapter import Tool
from ansible_collections.steady.deploy.plugins.module_utils.migrate.adapters.remembering import Remembering
from ansible_collections.steady.deploy.plugins.module_utils.migrate.asking import ask, check_ids, conclude, left_behind, no_answer, read
from ansible_collections.steady.deploy.plugins.module_utils.migrate.phases import described
from ansible_collections.steady.deploy.plugins.module_utils.migrate.spec import Migration, Outcome, Pending

_NO_TABLE = "Schema migrations table does not exist yet"
_HEAD = "Migration ID"
_ROW = re.compile(r"^ {2,3}(up|down) +(\d+) +(.*?) *$", re.MULTILINE)
_NO_FILE = "********** NO FILE **********"
_FILE = re.compile(r"(\d+)_\w+\.rb")
_NO_SQL = "Rails has no dry run: its SQL is known only when it runs"


class Rails(Remembering):
    """``id`` of a migration is its version: the number its file begins with."""

    def __init__(self, command: t.Sequence[str], folder: str, engine: str) -> None:
        self._command = tuple(command)
        self._folder = folder
        self._engine = engine

    def _look(self, tool: Tool) -> Pending:
        done = self._run(tool, "db:migrate:status")
        if _NO_TABLE in done.stderr:
            versions = tuple(self._files(tool))
            return Pending(versions, versions)
        if done.rc or _HEAD not in done.stdout:
            raise no_answer("rails db:migrate:status", done)
        rows = _ROW.findall(done.stdout)
        gone = [version for dummy, version, name in rows if name == _NO_FILE]
        both = [int(version) for state, version, dummy in rows if state == "up" and version not in gone]
        # Who deletes old migrations keeps the newest. What is behind all that both know comes from later code.
        ahead = [version for version in gone if int(version) > max(both, default=-1)]
        return Pending(
            tuple(version for dummy, version, dummy in rows if version not in gone),
            tuple(version for state, version, dummy in rows if state == "down"),
            tuple(f"migration {version} is applied, but the code does not have it any more" for version in ahead),
        )

    def migrations(self, tool: Tool, ids: t.Sequence[str]) -> tuple[Migration, ...]:
        """See Adapter."""
        files = self._files(tool)
        lacks = [each for each in ids if each not in files]
        if lacks:
            raise MigrateError(f"migration {lacks[0]} has no file in {self._folder}: set `folder` to where it is")
        texts = read(tool, [files[each] for each in ids])
        return tuple(described(each, posixpath.basename(files[each]), texts[files[each]], None, _NO_SQL) for each in ids)

    def apply(self, tool: Tool, ids: t.Sequence[str]) -> Outcome:
        """See Adapter."""
        if not ids:
            return Outcome()
        check_ids(ids, self._recent(tool))
        for each in ids:
            done = self._run(tool, "db:migrate:up", f"VERSION={each}")
            if done.rc:
                break
        return conclude("rails db:migrate:up", ids, done, lambda: self.pending(tool), lambda each: self._left(tool, each))

    def _left(self, tool: Tool, name: str) -> str:
        path = self._files(tool)[name]
        return left_behind(self._engine, read(tool, [path])[path])

    def _files(self, tool: Tool) -> dict[str, str]:
        """The path of each migration in the folder, by version, in order."""
        done = ask(tool, ["ls", "-1", self._folder])
        if done.rc:
            raise no_answer(f"listing {self._folder}", done)
        found = {match.group(1): match.group() for match in map(_FILE.fullmatch, done.stdout.split()) if match}
        return {version: posixpath.join(self._folder, found[version]) for version in sorted(found, key=int)}

    def _run(self, tool: Tool, *words: str) -> Completed:
        return ask(tool, [*self._command, *words])
