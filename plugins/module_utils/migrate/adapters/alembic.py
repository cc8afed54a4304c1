# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Alembic.

`history --indicate-current` tells code and database in one command. It marks nothing where the database is at a revision that
the code does not know, just as for an empty database; `current` tells these two apart, with exit code 255. In an empty database
it makes Alembic's own table, still empty: the one thing that asking changes.
"""

from __future__ import annotations

import posixpath
import re
import typing as t
from dataclasses import dataclass

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import MigrateError
from ansible_collections.steady.deploy.plugins.module_utils.core.runner import Completed
from ansible_collections.steady.deploy.plugins.module_utils.migrate.adapter import Tool
from ansible_collections.steady.deploy.plugins.module_utils.migrate.adapters.remembering import Remembering
from ansible_collections.steady.deploy.plugins.module_utils.migrate.asking import (
    ask,
    check_ids,
    conclude,
    left_behind,
    no_answer,
    read,
    told,
)
from ansible_collections.steady.deploy.plugins.module_utils.migrate.phases import described
from ansible_collections.steady.deploy.plugins.module_utils.migrate.spec import Migration, Outcome, Pending
from ansible_collections.steady.deploy.plugins.module_utils.migrate.statements import bare, split

_REV = re.compile(r"^Rev: (\S+)([^\n]*)\n(?:Parent|Merges): ([^\n]+)\n(.*?)^Path: ([^\n]+)$", re.MULTILINE | re.DOTALL)
_DEPENDS = re.compile(r"^Also depends on: (.+)$", re.MULTILINE)
_UNKNOWN = re.compile(r"Can't locate revision identified by '([^']*)'")
# Alembic's own book-keeping, in its usual table.
_OWN = re.compile(r"\s*(?:CREATE TABLE|INSERT INTO|UPDATE|DELETE FROM)\s+alembic_version\b", re.IGNORECASE)
_MERGE = "it merges branches, for which alembic shows no SQL"


@dataclass(frozen=True)
class _Revision:
    id: str
    needs: tuple[str, ...]
    path: str
    current: bool


class Alembic(Remembering):
    """``folder`` is where the revisions are: alembic tells their paths below it."""

    def __init__(self, command: t.Sequence[str], folder: str, engine: str) -> None:
        self._command = tuple(command)
        self._folder = folder
        self._engine = engine
        self._known: dict[str, _Revision] = {}

    def migrations(self, tool: Tool, ids: t.Sequence[str]) -> tuple[Migration, ...]:
        """See Adapter."""
        self._recent(tool)
        known = self._known
        texts = read(tool, [known[each].path for each in ids])
        return tuple(described(each, self._below(known[each].path), texts[known[each].path], *self._sql(tool, known[each])) for each in ids)

    def apply(self, tool: Tool, ids: t.Sequence[str]) -> Outcome:
        """See Adapter."""
        if not ids:
            return Outcome()
        pending, known = self._recent(tool), self._known
        check_ids(ids, pending)
        for each in ids:
            lacks = [need for need in known[each].needs if need in pending.pending and need not in ids]
            if lacks:
                raise MigrateError(f"migration {each} can't be applied without {lacks[0]}, which it builds on: apply that one too")
        for each in ids:
            done = self._run(tool, "upgrade", each)
            if done.rc:
                break
        return conclude(
            "alembic upgrade",
            ids,
            done,
            lambda: self.pending(tool),
            lambda each: left_behind(self._engine, read(tool, [known[each].path])[known[each].path]),
        )

    def _look(self, tool: Tool) -> Pending:
        done = self._run(tool, "history", "--indicate-current", "--verbose")
        known = {each.id: each for each in _read_history(done.stdout)}
        if done.rc or (done.stdout.strip() and not known):
            raise no_answer("alembic history", done)
        self._known = known
        applied = _with_needs(known, [each.id for each in known.values() if each.current])
        pending = tuple(each for each in known if each not in applied)
        if applied or not pending:
            return Pending(tuple(known), pending)
        done = self._run(tool, "current")
        unknown = _UNKNOWN.search(told(done))
        if unknown:
            drift = f"the database is at revision {unknown.group(1)}, but the code does not have it: it may be that of a newer release"
            return Pending(tuple(known), (), (drift,))
        if done.rc:
            raise no_answer("alembic current", done)
        return Pending(tuple(known), pending)

    def _sql(self, tool: Tool, revision: _Revision) -> tuple[tuple[str, ...] | None, str]:
        if len(revision.needs) > 1:
            return None, _MERGE
        done = self._run(tool, "upgrade", f"{revision.needs[0] if revision.needs else 'base'}:{revision.id}", "--sql")
        if done.rc:
            return None, f"alembic can't write its SQL without running it: {told(done)}"
        statements = [each for each in split(done.stdout, self._engine) if not _OWN.match(each)]
        # The transaction around all goes without saying; where an autocommit_block ends it, that is for the judge to know.
        return (*bare(statements[:1]), *statements[1:-1], *bare(statements[1:][-1:])), ""

    def _below(self, path: str) -> str:
        """A path below the folder of the revisions; its name alone where that folder is elsewhere."""
        dummy, found, below = path.rpartition(f"/{self._folder.strip('/')}/")
        return below if found else posixpath.basename(path)

    def _run(self, tool: Tool, *words: str) -> Completed:
        return ask(tool, [*self._command, *words])


def _read_history(text: str) -> list[_Revision]:
    """What `history --verbose` prints, oldest first."""
    found = []
    for revision, marks, parents, more, path in _REV.findall(text):
        depends = _DEPENDS.search(more)
        needs = [] if parents == "<base>" else parents.split(", ")
        needs += depends.group(1).split(", ") if depends else []
        found.append(_Revision(revision, tuple(needs), path, "(current)" in marks))
    return found[::-1]


def _with_needs(known: t.Mapping[str, _Revision], ids: t.Iterable[str]) -> set[str]:
    """These revisions and all that they build on."""
    found: set[str] = set()
    rest = list(ids)
    while rest:
        each = rest.pop()
        if each not in found and each in known:
            found.add(each)
            rest.extend(known[each].needs)
    return found
