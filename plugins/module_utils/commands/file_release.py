# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The migrations of one release that is a folder of the host: looked at, told, and applied."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ansible_collections.steady.deploy.plugins.module_utils.commands import pending
from ansible_collections.steady.deploy.plugins.module_utils.core.clock import Clock
from ansible_collections.steady.deploy.plugins.module_utils.core.errors import SteadyError
from ansible_collections.steady.deploy.plugins.module_utils.core.journal import Journal
from ansible_collections.steady.deploy.plugins.module_utils.core.progress import untold
from ansible_collections.steady.deploy.plugins.module_utils.migrate import choose
from ansible_collections.steady.deploy.plugins.module_utils.migrate.adapter import Adapter, Tool
from ansible_collections.steady.deploy.plugins.module_utils.migrate.asking import NOTHING_LEFT
from ansible_collections.steady.deploy.plugins.module_utils.migrate.changed import HasSchema, schema_diff
from ansible_collections.steady.deploy.plugins.module_utils.migrate.look import Database, Looked, look
from ansible_collections.steady.deploy.plugins.module_utils.migrate.memory import Memory
from ansible_collections.steady.deploy.plugins.module_utils.migrate.run import Choose, Run
from ansible_collections.steady.deploy.plugins.module_utils.migrate.spec import CONTRACT, Migration, Pending
from ansible_collections.steady.deploy.plugins.module_utils.migrate.wish import MigrateWish

Json = dict[str, t.Any]
_REMEDY = "remove releases that nobody goes back to, or bring the migration about with a later release; nothing was changed"


class MigratedDatabase(Database, HasSchema, t.Protocol):
    """What is asked of the database."""


class FileRelease:
    """``others`` are the releases that are kept beside it. There is no ``journal`` in check mode."""

    def __init__(
        self,
        app: str,
        name: str,
        others: t.Sequence[str],
        wish: MigrateWish,
        adapter: Adapter,
        tool: Tool,
        database: MigratedDatabase,
        memory: Memory,
        clock: Clock,
        journal: Journal | None,
    ) -> None:
        self._app = app
        self._name = name
        self._others = tuple(others)
        self._wish = wish
        self._adapter = adapter
        self._tool = tool
        self._database = database
        self._memory = memory
        self._journal = journal
        self._run = Run(app, adapter, tool, database, clock, wish.tries, journal.tell if journal else untold, "app")

    def migrate(self, approved: Json | None, contract: bool, check_mode: bool, diff: bool) -> Json:
        """Apply what is pending and may be applied now; in check mode tell which that is.

        ``approved`` is what the judge has let pass, empty before he has judged, None where there is none. Returns the module's
        result, with ``to_judge`` where he is to be asked first. Raises SteadyError: its facts are the result then.
        """
        called = f"app {self._app}"
        found = look(self._adapter, self._tool, self._database)
        contracted = self._memory.contracted().get(self._app, ())
        pending.check_fits(self._name, called, found, contracted, self._memory.path)
        if not check_mode:
            self._learn(found.pending)
        nobody = not self._others and pending.nobody_is_there(found)
        result = {
            "changed": False,
            "app": self._app,
            "release": self._name,
            "first": nobody,
            "migrations": [pending.told(self._app, self._wish, found)],
            "applied": [],
            "held_back": [],
            "warnings": pending.strangers(called, found),
        }
        if not found.migrations:
            return result
        if not nobody and approved is None:
            raise pending.no_judge(called)
        if not nobody and not approved:
            answered = replace(found, answers=self._database.answers(found.migrations, not check_mode))
            return {**result, "migrations": [pending.told(self._app, self._wish, answered)], "to_judge": True}
        phases = pending.of_judge(approved, self._app, "phases")
        if check_mode:
            chosen = self._chosen(choose.with_phases(found.migrations, phases), nobody, contract)
            return self._told(result, [one.id for one in chosen.apply], [one.id for one in chosen.held_back])
        digests = None if nobody else pending.of_judge(approved, self._app, "digests")

        def choice(migrations: t.Sequence[Migration]) -> choose.Chosen:
            return self._recorded(migrations, nobody, contract)

        return self._applied(result, found, choice, digests, phases, diff)

    def _applied(self, result: Json, found: Looked, choice: Choose, digests: Json | None, phases: Json, diff: bool) -> Json:
        before = self._database.schema() if diff else ""
        try:
            done = self._run.apply(choice, digests, phases, found)
        except SteadyError as exc:
            told = exc.facts.get("migration") or {}
            applied = list(told.get("applied") or ())
            part = bool(told) and told.get("left") != NOTHING_LEFT
            warnings = [*result["warnings"], *told.get("warnings", ())]
            exc.facts = {**result, **exc.facts, "applied": applied, "changed": bool(applied) or part, "warnings": warnings}
            if told:
                self._write(told)
            raise
        self._learn(done.pending, done.held_back)
        applied, held = [one.id for one in done.applied], list(done.held_back)
        self._write({"applied": applied, "held_back": held})
        more: Json = {"migrated": dict(done.facts)}
        warnings = [*result["warnings"], *done.warnings]
        if diff and applied:
            more["diff"], strange = schema_diff(self._wish.where.label, before, self._database)
            warnings += strange
        return {**self._told({**result, "warnings": warnings}, applied, held), **more}

    def _told(self, result: Json, applied: t.Sequence[str], held_back: t.Sequence[str]) -> Json:
        warnings = [*result["warnings"], *([pending.waits(f"app {self._app}", held_back)] if held_back else [])]
        return {**result, "changed": bool(applied), "applied": list(applied), "held_back": list(held_back), "warnings": warnings}

    def _recorded(self, migrations: t.Sequence[Migration], nobody: bool, contract: bool) -> choose.Chosen:
        """The choice that is about to be applied: from then on old code may miss what it takes away."""
        chosen = self._chosen(migrations, nobody, contract)
        self._memory.contract(self._app, [one.id for one in chosen.apply if one.phase == CONTRACT])
        return chosen

    def _chosen(self, migrations: t.Sequence[Migration], nobody: bool, contract: bool) -> choose.Chosen:
        """Raises MigrateError."""
        if nobody or not contract:
            return choose.before_shift(migrations, served=not nobody)
        contracts = [one for one in migrations if one.phase == CONTRACT]
        choose.after_shift(contracts, self._memory.known_by(self._app, self._others), _REMEDY)
        return choose.Chosen(tuple(migrations))

    def _learn(self, said: Pending, held_back: t.Collection[str] = ()) -> None:
        self._memory.learn(self._name, self._app, said, self._others, held_back)

    def _write(self, facts: Json) -> None:
        if self._journal:
            self._journal.write("migrated", app=self._app, release=self._name, **facts)
