# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The linter's verdicts on the corpus: at large tables, at empty ones, and when a migration may run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from integration.migrate_corpus.cases import Case, corpus
from integration.migrate_corpus.postgresql import MODES

from ansible_collections.steady.deploy.plugins.module_utils.migrate.spec import ENGINES, EXPAND, POSTGRESQL, Migration
from ansible_collections.steady.deploy.plugins.plugin_utils.migrate_lint.judge import judge
from ansible_collections.steady.deploy.plugins.plugin_utils.migrate_lint.rules import RULES
from ansible_collections.steady.deploy.plugins.plugin_utils.migrate_lint.squawk import SquawkCli
from ansible_collections.steady.deploy.plugins.plugin_utils.migrate_lint.verdict import ALLOW, BLOCK, WARN, Judgement

ALL = {engine: corpus(engine) for engine in ENGINES}
CASES = [pytest.param(engine, case, id=f"{engine}: {case}") for engine in ENGINES for case in ALL[engine].cases]


class Once:
    """The real squawk, asked once for all statements."""

    def __init__(self, statements: list[str]) -> None:
        self._said = dict(zip(statements, SquawkCli().judge(statements)))

    def judge(self, statements):
        return [self._said[statement] for statement in statements]


@pytest.fixture(scope="module")
def judged() -> dict[tuple[str, int, int], Judgement]:
    """All cases, each as the only migration of a run, by database, rows of each table and number of the case."""
    found = {}
    for engine in ENGINES:
        squawk = Once([statement for case in ALL[engine].cases for statement in case.sql])
        for rows in (0, 1_000_000):
            for index, case in enumerate(ALL[engine].cases):
                migration = Migration(str(index), EXPAND, "", case.sql)
                found[engine, rows, index] = judge([migration], engine, ALL[engine].facts(rows), squawk=squawk)
    return found


def levels(judgement: Judgement) -> dict[str, str]:
    """The worst level of each rule."""
    found: dict[str, str] = {}
    for verdict in judgement.verdicts:
        found[verdict.rule] = min(verdict.level, found.get(verdict.rule, ALLOW), key=[BLOCK, WARN, ALLOW].index)
    return found


@pytest.mark.parametrize(("engine", "case"), CASES)
def test_a_case(engine, case: Case, judged):
    index = ALL[engine].cases.index(case)
    big, empty = judged[engine, 1_000_000, index], judged[engine, 0, index]
    assert levels(big) == case.big
    assert levels(empty) == case.empty
    assert big.phases[str(index)].phase == empty.phases[str(index)].phase == case.phase


@pytest.mark.parametrize("engine", ENGINES)
def test_every_rule_has_a_case(engine):
    met = {rule for case in ALL[engine].cases for rule in case.big}
    # These are about a migration, a waiver or what the server says, and have tests of their own.
    others = {"unknown-phase", "waiver-without-reason", "unused-waiver", "concurrently-in-transaction", "server-refuses-online"}
    assert {name for where, name in RULES if where == engine} - others == met - others
    assert len(ALL[engine].cases) >= 60


# --- what the server showed is what the rules say -------------------------------------------------

# What these show depends on the session or the statement, and the corpus says so.
VARIES = {"timestamp-zone", "lock-option", "lock-table", "implicit-commit"}
ALONE = [
    pytest.param(RULES[engine, rule], case, id=f"{engine}: {case}")
    for engine in ENGINES
    for case in ALL[engine].cases
    for rule in case.big
    if len(case.big) == 1 and len(case.sql) == 1 and not case.not_shown and rule not in VARIES
]


@pytest.mark.parametrize(("rule", "case"), ALONE)
def test_the_lock_of_a_rule_is_the_one_that_was_seen(rule, case: Case):
    shows = case.shows
    if rule.contract:
        assert shows["breaks"] is True
        return
    if rule.engine != POSTGRESQL:
        if "ALGORITHM=" in rule.lock and "accepts" in shows:
            algorithm, dummy, lock = shows["accepts"].partition(", ")
            assert algorithm in rule.lock
            # From 11.2 on a copy need not lock, an older server does: the rule speaks of both.
            assert f"LOCK={lock}" in rule.lock
        return
    if "rewritten" in rule.lock:
        assert "rewritten" in shows
    if "scanned" in rule.lock or "built" in rule.lock:
        assert "scanned" in shows and "rewritten" not in shows
    if rule.id == "brief-lock":
        assert not {"rewritten", "scanned", "written"} & set(shows)
    named = [mode for mode in MODES if rule.lock.startswith(f"{mode}Lock")]
    if named and rule.sized:
        strongest = max(shows["locks"].values(), key=MODES.index)
        assert strongest == named[0] or "REFERENCES" in case.sql[0]


@pytest.mark.parametrize("engine", ENGINES)
def test_what_is_safe_was_seen_safe(engine):
    for case in ALL[engine].cases:
        if not case.big and not case.not_shown:
            assert not {"rewritten", "written", "breaks"} & set(case.shows), case
            assert case.shows.get("accepts", "INSTANT") == "INSTANT"


def test_the_page_of_rules_is_up_to_date():
    script = Path(__file__).resolve().parents[3] / "tools/migrate-rules.py"
    done = subprocess.run([sys.executable, str(script), "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
