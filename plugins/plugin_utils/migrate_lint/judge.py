# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judging migrations before they run: pure, but for squawk, which stands behind a protocol."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ansible_collections.steady.deploy.plugins.module_utils.migrate.online import FREE, LATER, REFUSED, Answer, Answers
from ansible_collections.steady.deploy.plugins.module_utils.migrate.phases import begins_inside
from ansible_collections.steady.deploy.plugins.module_utils.migrate.spec import CONTRACT, EXPAND, POSTGRESQL, UNKNOWN, Migration
from ansible_collections.steady.deploy.plugins.plugin_utils.migrate_lint import mariadb, postgresql
from ansible_collections.steady.deploy.plugins.plugin_utils.migrate_lint.known import Known
from ansible_collections.steady.deploy.plugins.plugin_utils.migrate_lint.rules import IDS, RULES, check_levels, near
from ansible_collections.steady.deploy.plugins.plugin_utils.migrate_lint.squawk import Squawk, SquawkCli
from ansible_collections.steady.deploy.plugins.plugin_utils.migrate_lint.verdict import (
    ALLOW,
    BLOCK,
    WARN,
    Finding,
    Judgement,
    Phase,
    Rule,
    Settings,
    TableFacts,
    Verdict,
)
from ansible_collections.steady.deploy.plugins.plugin_utils.migrate_lint.waivers import waivers
from ansible_collections.steady.deploy.plugins.plugin_utils.migrate_lint.words import Unreadable, need_sqlglot, read

# Characters of a statement that a verdict shows.
_SHOWN = 120
# What the server's own word makes of a rule.
_ONLINE = "The server does it online. Where it copies the table, that needs disk for a second one, and replicas lag."
_BESIDE = "LOCK=NONE: the server says so"
# What hides that a migration breaks old code.
_BLIND = ("unparsable", "opaque")


def judge(
    migrations: t.Sequence[Migration],
    engine: str,
    tables: t.Mapping[str, TableFacts],
    settings: Settings | None = None,
    *,
    squawk: Squawk | None = None,
    texts: t.Mapping[str, str] | None = None,
    answers: Answers | None = None,
) -> Judgement:
    """Judge the migrations in the order in which they run.

    ``tables`` are the facts of the live database by name, with the schema or without; a table that is not among them counts
    as large. ``texts`` are the files of the migrations by id, where waivers may stand. ``answers`` are the server's own to what
    it was asked. No text of a migration is an error;
    raises SpecError for a level that does not exist, MigrateError where sqlglot or squawk is not installed.
    """
    need_sqlglot()
    settings = settings or Settings()
    check_levels(settings.levels)
    theirs = iter(_squawk(migrations, engine, squawk))
    known = Known(tables, settings.small_rows)
    verdicts: list[Verdict] = []
    phases = {}
    for migration in migrations:
        text = (texts or {}).get(migration.id, "")
        known.begin(begins_inside(text))
        bench = _Bench(migration, engine, known, settings, waivers([text, *(migration.statements or ())]))
        if migration.opaque or migration.statements is None:
            bench.hear(None, migration.opaque, [Finding("opaque")])
        for index, statement in enumerate(migration.statements or ()):
            said = (answers or {}).get(migration.id, ())[index : index + 1]
            bench.hear(index, statement, _findings(statement, engine, known, next(theirs)), *said)
        if migration.phase == bench.phase().phase == UNKNOWN:
            bench.hear(None, "", [Finding("unknown-phase")])
        verdicts += [*bench.verdicts, *bench.waiver_verdicts()]
        phases[migration.id] = bench.phase()
    return Judgement(tuple(verdicts), phases)


def _squawk(migrations: t.Sequence[Migration], engine: str, squawk: Squawk | None) -> list[frozenset[str]]:
    statements = [statement for migration in migrations for statement in migration.statements or ()]
    if engine != POSTGRESQL:
        return [frozenset()] * len(statements)
    return (squawk or SquawkCli()).judge(statements)


def _findings(text: str, engine: str, known: Known, theirs: frozenset[str]) -> list[Finding]:
    try:
        parts = read(text, engine)
    except Unreadable:
        return [Finding("unparsable")]
    found: list[Finding] = []
    for part in parts:
        try:
            found += postgresql.findings(part, known, theirs) if engine == POSTGRESQL else mariadb.findings(part, known)
        except (Unreadable, RecursionError):
            found.append(Finding("unparsable"))
    # One word each, and that it locks for a moment only where nothing else is to be said.
    told = {(one.rule, one.table): one for one in reversed(found)}
    heavy = {one.table for one in found if one.rule not in ("brief-lock", "implicit-commit")}
    return [one for one in reversed(list(told.values())) if one.rule != "brief-lock" or one.table not in heavy]


class _Bench:
    """Where the findings of one migration become verdicts."""

    def __init__(self, migration: Migration, engine: str, known: Known, settings: Settings, waived: dict[str, str]) -> None:
        self._migration = migration
        self._engine = engine
        self._known = known
        self._settings = settings
        self._waived = waived
        self._used: set[str] = set()
        self._contract: list[str] = []
        self._blind = False
        self.verdicts: list[Verdict] = []

    def hear(self, index: int | None, text: str, findings: t.Sequence[Finding], answer: Answer | None = None) -> None:
        """Weigh what was found in a statement, or in the migration as a whole, and what the server says of it."""
        for finding in self._heard(findings, answer):
            rule = self._rule(finding)
            if not rule.sized and not rule.contract and rule.level == ALLOW and self._known.new(finding.table):
                continue  # nobody waits for a table that nobody knows
            level, note = self._level(rule, finding, answer)
            reason = self._waived.get(rule.id, "")
            if rule.id in self._waived:
                self._used.add(rule.id)
            if not reason:
                self._blind = self._blind or rule.id in _BLIND
                if rule.contract and not self._known.new(finding.table):
                    self._contract.append(f"{rule.id} of {finding.table}" if finding.table else rule.id)
            why = " ".join(part for part in (rule.why, finding.detail, note) if part)
            lock = _BESIDE if note == _ONLINE else rule.lock
            self._say(rule, ALLOW if reason else level, index, text, finding.table, why, reason, lock)

    def _heard(self, findings: t.Sequence[Finding], answer: Answer | None) -> t.Sequence[Finding]:
        """The findings, and what the server has to add."""
        if answer is None or answer.word != REFUSED:
            return findings
        said = f"It says: {answer.said}."
        expected = [self._rule(one).overruled and self._rule(one).level == BLOCK for one in findings]
        if any(expected):
            return [replace(one, detail=f"{one.detail} {said}".strip()) if fits else one for one, fits in zip(findings, expected)]
        table = next((one.table for one in findings if one.table), "")
        return [*(one for one in findings if self._rule(one).level != ALLOW), Finding("server-refuses-online", table, said)]

    def waiver_verdicts(self) -> list[Verdict]:
        """What is to be said of the waivers themselves."""
        before, self.verdicts = self.verdicts, []
        for rule_id, reason in self._waived.items():
            if not reason:
                self._complain("waiver-without-reason", f"The waiver of {rule_id} gives none.")
            if rule_id not in IDS:
                self._complain("unused-waiver", f"There is no rule {rule_id}{near(rule_id)}.")
            elif rule_id not in self._used:
                self._complain("unused-waiver", f"It is {rule_id}.")
        said, self.verdicts = self.verdicts, before
        return said

    def phase(self) -> Phase:
        """When the migration may run, by what its statements do. A waiver says that they don't break old code."""
        if self._contract:
            return Phase(CONTRACT, f"It breaks old code: {', '.join(dict.fromkeys(self._contract))}.")
        if self._blind:
            return Phase(UNKNOWN, "Not all of it can be read.")
        return Phase(EXPAND, "Nothing in it breaks old code.")

    def _rule(self, finding: Finding) -> Rule:
        return RULES[(self._engine, finding.rule)]

    def _level(self, rule: Rule, finding: Finding, answer: Answer | None) -> tuple[str, str]:
        level = self._settings.levels.get(rule.id, rule.level)
        if rule.contract and self._known.new(finding.table):
            return ALLOW, "No running code knows the table: these migrations create it."
        if rule.contract and self._migration.phase == CONTRACT:
            return ALLOW, "It runs when the old code is gone."
        if rule.contract and self._migration.phase == UNKNOWN and rule.id not in self._settings.levels and level == BLOCK:
            return WARN, "It has to wait until the old code is gone."
        small = self._known.small(finding.table) if rule.sized and finding.table else ""
        if small:
            return ALLOW, small
        # What a user has set for a rule is for this very case.
        overruled = rule.overruled and rule.id not in self._settings.levels
        if overruled and answer and answer.word == FREE:
            return ALLOW, _ONLINE
        if overruled and answer and answer.word == LATER and level == BLOCK:
            return WARN, "A run asks the server first, and goes on where that does it online."
        return level, ""

    def _complain(self, rule_id: str, detail: str) -> None:
        rule = RULES[(self._engine, rule_id)]
        self._say(rule, self._settings.levels.get(rule_id, rule.level), None, "", "", f"{rule.why} {detail}", "", rule.lock)

    def _say(self, rule: Rule, level: str, index: int | None, text: str, table: str, why: str, reason: str, lock: str) -> None:
        shown = " ".join(text.split())
        shown = shown if len(shown) <= _SHOWN else f"{shown[: _SHOWN - 3]}..."
        self.verdicts.append(Verdict(rule.id, level, self._migration.id, index, shown, table, why, rule.safe_way, lock, reason))
