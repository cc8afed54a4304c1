# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Django's manage.py, from Django 3.2 on.

It is asked through `shell`: `showmigrations` tells neither of migrations that were applied and are gone from the code, nor where
the files are, and `sqlmigrate` starts Django once for each migration.
"""

from __future__ import annotations

import json
import posixpath
import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import MigrateError
from ansible_collections.steady.deploy.plugins.module_utils.core.runner import Completed
from ansible_collections.steady.deploy.plugins.module_utils.migrate.adapter import Tool
from ansible_collections.steady.deploy.plugins.module_utils.migrate.adapters.remembering import Remembering
from ansible_collections.steady.deploy.plugins.module_utils.migrate.asking import ask, check_ids, conclude, left_behind, no_answer
from ansible_collections.steady.deploy.plugins.module_utils.migrate.phases import described
from ansible_collections.steady.deploy.plugins.module_utils.migrate.spec import Migration, Outcome, Pending
from ansible_collections.steady.deploy.plugins.module_utils.migrate.statements import bare, split

# What is gone from the code is history where a squashed migration replaces it, or where the code has one of the same app that was
# applied after it. What is `ahead` was applied after all that both know, since it builds on that. Rows are numbered as they were
# applied, but for the row of a squashed one: that comes with whatever is applied next.
# Before the answer, since an app may print of its own when it is loaded.
_MARK = "steady.deploy answers: "
_LOOK = """
import json
from django.db import connection
from django.db.migrations.exceptions import InconsistentMigrationHistory
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
loader = MigrationLoader(connection)
applied, known = set(loader.applied_migrations), []
for leaf in loader.graph.leaf_nodes():
    known += [key for key in loader.graph.forwards_plan(leaf) if key not in known]
rows = {key: row.id for key, row in MigrationRecorder(connection).applied_migrations().items()}
ours, newest = set(loader.disk_migrations), {}
for key, migration in loader.disk_migrations.items():
    ours.update(migration.replaces)
    for each in migration.replaces or [key]:
        newest[key[0]] = max(rows.get(each, -1), newest.get(key[0], -1))
wrong = ""
try:
    loader.check_consistent_history(connection)
except InconsistentMigrationHistory as exc:
    wrong = str(exc)
answer = {
    "known": known,
    "needs": {".".join(key): loader.graph.forwards_plan(key) for key in known if key not in applied},
    "ahead": sorted(key for key in set(rows) - ours if key[0] in loader.migrated_apps and rows[key] > newest.get(key[0], -1)),
    "wrong": wrong,
}
"""
_SQL = """
import json, sys
from django.db import connection
from django.db.migrations.loader import MigrationLoader
loader, answer = MigrationLoader(connection, replace_migrations=False), []
for key in KEYS:
    migration = loader.graph.nodes[tuple(key)]
    with open(sys.modules[type(migration).__module__].__file__, encoding="utf-8") as file:
        text = file.read()
    try:
        sql, why = "\\n".join(loader.collect_sql([(migration, False)])), ""
    except Exception as exc:
        sql, why = None, f"{type(exc).__name__}: {exc}"
    answer.append([text, sql, why])
"""
_SAY = f"print({_MARK!r} + json.dumps(answer))\n"
_CANNOT = "CANNOT BE WRITTEN AS SQL"
_PYTHON = "it runs Python too, and what SQL that sends is known only when it runs"


class Django(Remembering):
    """``id`` of a migration is app.name."""

    def __init__(self, command: t.Sequence[str], engine: str) -> None:
        self._command = tuple(command)
        self._engine = engine
        self._needs: dict[str, list[str]] = {}

    def migrations(self, tool: Tool, ids: t.Sequence[str]) -> tuple[Migration, ...]:
        """See Adapter."""
        return tuple(described(each, _path(each), text, *self._statements(sql, why)) for each, (text, sql, why) in self._files(tool, ids))

    def apply(self, tool: Tool, ids: t.Sequence[str]) -> Outcome:
        """See Adapter."""
        if not ids:
            return Outcome()
        pending, needs = self._recent(tool), self._needs
        check_ids(ids, pending)
        for each in ids:
            lacks = [need for need in needs[each] if need in pending.pending and need not in ids]
            if lacks:
                raise MigrateError(f"migration {each} can't be applied without {lacks[0]}, which it builds on: apply that one too")
        for each in ids:
            # Given a migration that is applied already, Django would take back those behind it.
            done = self._run(tool, "migrate", *each.split(".", 1), "--noinput", "--no-color")
            if done.rc:
                break
        return conclude(
            "manage.py migrate",
            ids,
            done,
            lambda: self.pending(tool),
            lambda each: left_behind(self._engine, self._files(tool, [each])[0][1][0]),
        )

    def _look(self, tool: Tool) -> Pending:
        answer = self._shell(tool, _LOOK)
        known = _ids(answer["known"])
        # Of each pending migration, all that must be applied up to it.
        needs = self._needs = {each: list(_ids(keys)) for each, keys in answer["needs"].items()}
        drift = [f"migration {each} is applied, but the code does not have it any more" for each in _ids(answer["ahead"])]
        drift += [answer["wrong"]] if answer["wrong"] else []
        return Pending(known, tuple(each for each in known if each in needs), tuple(drift))

    def _files(self, tool: Tool, ids: t.Sequence[str]) -> list[tuple[str, tuple[str, str | None, str]]]:
        """Text, SQL, and why there is none, of each of these."""
        keys = [each.split(".", 1) for each in ids]
        return list(zip(ids, self._shell(tool, f"KEYS = {keys!r}{_SQL}"))) if ids else []

    def _statements(self, sql: str | None, why: str) -> tuple[tuple[str, ...] | None, str]:
        if sql is None:
            return None, f"Django can't write its SQL without running it: {why}"
        return bare(split(sql, self._engine)), _PYTHON if _CANNOT in sql else ""

    def _shell(self, tool: Tool, script: str) -> t.Any:
        done = self._run(tool, "shell", "-c", script + _SAY)
        for line in done.stdout.splitlines():
            if line.startswith(_MARK):
                return json.loads(line[len(_MARK) :])
        raise no_answer("manage.py shell", done)

    def _run(self, tool: Tool, *words: str) -> Completed:
        return ask(tool, [*self._command, *words])


def _ids(keys: t.Iterable[t.Sequence[str]]) -> tuple[str, ...]:
    return tuple(".".join(key) for key in keys)


def _path(name: str) -> str:
    return posixpath.join(*name.split(".", 1)) + ".py"
