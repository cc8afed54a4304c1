# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Phinx.

`status` exits with 3 where something is pending and with 2 where something that was applied is gone: both are answers, told by
what it prints as JSON (src/Phinx/Migration/Manager.php). `migrate --target` takes back whatever is applied behind its target.
"""

from __future__ import annotations

import json
import posixpath
import re
import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import MigrateError
from ansible_collections.steady.deploy.plugins.module_utils.core.runner import Completed
from ansible_collections.steady.deploy.plugins.module_utils.migrate.adapter import Tool
from ansible_collections.steady.deploy.plugins.module_utils.migrate.adapters.remembering import Remembering
from ansible_collections.steady.deploy.plugins.module_utils.migrate.asking import ask, check_prefix, conclude, left_behind, no_answer, read
from ansible_collections.steady.deploy.plugins.module_utils.migrate.phases import described
from ansible_collections.steady.deploy.plugins.module_utils.migrate.spec import Migration, Outcome, Pending
from ansible_collections.steady.deploy.plugins.module_utils.migrate.statements import bare, split

_FILE = re.compile(r"(\d+)_\w+\.php")
_SECTION = re.compile(r"^ == (\d+) [^\n]*: migrating[^\n]*\n(.*?)^ == \1 [^\n]*: migrated", re.MULTILINE | re.DOTALL)
_OWN = re.compile(r"\bphinxlog\b")
_UNSEEN = "the dry run of phinx did not show it"


class Phinx(Remembering):
    """``id`` of a migration is its version: the number its file begins with."""

    def __init__(self, command: t.Sequence[str], folder: str, engine: str) -> None:
        self._command = tuple(command)
        self._folder = folder
        self._engine = engine

    def _look(self, tool: Tool) -> Pending:
        done = self._run(tool, "status", "--format=json")
        for line in done.stdout.splitlines():
            if line.startswith("{") and done.rc in (0, 2, 3):
                return _read_status(json.loads(line))
        raise no_answer("phinx status", done)

    def migrations(self, tool: Tool, ids: t.Sequence[str]) -> tuple[Migration, ...]:
        """See Adapter."""
        if not ids:
            return ()
        paths = self._paths(tool, ids)
        texts = read(tool, [paths[each] for each in ids])
        done = self._run(tool, "migrate", "--dry-run")
        if done.rc:
            raise no_answer("phinx migrate --dry-run", done)
        shown = dict(_SECTION.findall(done.stdout))
        return tuple(described(each, posixpath.basename(paths[each]), texts[paths[each]], *self._sql(shown.get(each))) for each in ids)

    def apply(self, tool: Tool, ids: t.Sequence[str]) -> Outcome:
        """See Adapter."""
        if not ids:
            return Outcome()
        pending = self._recent(tool)
        check_prefix(ids, pending)
        words = ["migrate"]
        if tuple(ids) != pending.pending:
            later = [each for each in pending.known if each not in pending.pending and int(each) > int(ids[-1])]
            if later or pending.drift:
                behind = later[0] if later else "what the code does not have"
                raise MigrateError(
                    f"phinx can't stop at migration {ids[-1]} without taking back {behind}, which is applied already: apply all at once"
                )
            words.append(f"--target={ids[-1]}")
        done = self._run(tool, *words)
        return conclude("phinx migrate", ids, done, lambda: self.pending(tool), lambda each: self._left(tool, each))

    def _left(self, tool: Tool, name: str) -> str:
        path = self._paths(tool, [name])[name]
        return left_behind(self._engine, read(tool, [path])[path])

    def _paths(self, tool: Tool, ids: t.Sequence[str]) -> dict[str, str]:
        done = ask(tool, ["ls", "-1", self._folder])
        if done.rc:
            raise no_answer(f"listing {self._folder}", done)
        found = {match.group(1): match.group() for match in map(_FILE.fullmatch, done.stdout.split()) if match}
        lacks = [each for each in ids if each not in found]
        if lacks:
            raise MigrateError(f"migration {lacks[0]} has no file in {self._folder}: set `folder` to where it is")
        return {each: posixpath.join(self._folder, found[each]) for each in ids}

    def _sql(self, shown: str | None) -> tuple[tuple[str, ...] | None, str]:
        if shown is None:
            return None, _UNSEEN
        return tuple(each for each in bare(split(shown, self._engine)) if not _OWN.search(each)), ""

    def _run(self, tool: Tool, *words: str) -> Completed:
        return ask(tool, [*self._command, *words, "--no-interaction", "--no-ansi"])


def _read_status(answer: t.Mapping[str, t.Any]) -> Pending:
    states = {each["migration_id"].strip(): each["migration_status"] for each in answer["migrations"]}
    gone = answer["missing_count"]
    drift = (f"the code does not have {gone} of the migrations that are applied: `phinx status` names them",) if gone else ()
    known = tuple(sorted(states, key=int))
    return Pending(known, tuple(each for each in known if states[each] == "down"), drift)
