# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Any other migration tool: three commands of the user's.

`pending` prints the id of each pending migration on a line of its own, in order, and nothing else to stdout. `sql` prints the SQL of
one, `apply` applies one: each where {id} stands in it. Without {id}, `apply` applies all that are pending.
"""

from __future__ import annotations

import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import MigrateError
from ansible_collections.steady.deploy.plugins.module_utils.migrate.adapter import Tool
from ansible_collections.steady.deploy.plugins.module_utils.migrate.adapters.remembering import Remembering
from ansible_collections.steady.deploy.plugins.module_utils.migrate.asking import ask, check_ids, check_prefix, conclude, no_answer
from ansible_collections.steady.deploy.plugins.module_utils.migrate.phases import described
from ansible_collections.steady.deploy.plugins.module_utils.migrate.spec import Migration, Outcome, Pending
from ansible_collections.steady.deploy.plugins.module_utils.migrate.statements import bare, split
from ansible_collections.steady.deploy.plugins.module_utils.probe.wording import show

ID = "{id}"
_LEFT = "possibly a part of it: whether it ran in a transaction is known to its tool only"
_NO_SQL = "no command tells its SQL: set `sql` of the migrations"


class Commands(Remembering):
    """See above."""

    def __init__(self, pending: t.Sequence[str], apply: t.Sequence[str], sql: t.Sequence[str] | None, engine: str) -> None:
        self._pending = tuple(pending)
        self._apply = tuple(apply)
        self._sql = tuple(sql) if sql else None
        self._engine = engine

    def _look(self, tool: Tool) -> Pending:
        """What is applied already is not known, nor what drifted."""
        done = ask(tool, self._pending)
        if done.rc:
            raise no_answer(self._pending[0], done)
        ids = tuple(line.strip() for line in done.stdout.splitlines() if line.strip())
        for each in ids:
            if each.startswith("-") or len(each.split()) > 1:
                raise MigrateError(f"{self._pending[0]} printed {show(each)}, which is no id: let it print one id a line, and no more")
        if len(set(ids)) < len(ids):
            raise MigrateError(f"{self._pending[0]} printed an id twice: let each migration have one of its own")
        return Pending(ids, ids, whole=False)

    def migrations(self, tool: Tool, ids: t.Sequence[str]) -> tuple[Migration, ...]:
        """See Adapter. Notes are looked for in the SQL."""
        return tuple(self._migration(tool, each) for each in ids)

    def apply(self, tool: Tool, ids: t.Sequence[str]) -> Outcome:
        """See Adapter."""
        if not ids:
            return Outcome()
        pending = self._recent(tool)
        if ID in "".join(self._apply):
            check_ids(ids, pending)
            commands = [_filled(self._apply, each) for each in ids]
        else:
            check_prefix(ids, pending)
            if len(ids) < len(pending.pending):
                raise MigrateError(
                    f"`apply` of the migrations applies all that are pending, also {pending.pending[len(ids)]}: let it take {ID}"
                )
            commands = [self._apply]
        for argv in commands:
            done = ask(tool, argv)
            if done.rc:
                break
        return conclude(self._apply[0], ids, done, lambda: self.pending(tool), lambda dummy: _LEFT)

    def _migration(self, tool: Tool, name: str) -> Migration:
        if self._sql is None:
            return described(name, name, "", None, _NO_SQL)
        done = ask(tool, _filled(self._sql, name))
        if done.rc:
            raise no_answer(self._sql[0], done)
        return described(name, name, done.stdout, bare(split(done.stdout, self._engine)))


def _filled(argv: t.Sequence[str], name: str) -> tuple[str, ...]:
    return tuple(word.replace(ID, name) for word in argv)
