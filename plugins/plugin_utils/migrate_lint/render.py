# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A judgement in words for check mode, and as data for the module's result. Pure."""

from __future__ import annotations

import typing as t
from dataclasses import asdict

from ansible_collections.steady.deploy.plugins.plugin_utils.migrate_lint.verdict import ALLOW, BLOCK, WARN, Judgement, Verdict


def render(judgement: Judgement) -> str:
    """What an operator reads: each migration with its phase, then its verdicts, then how many there are of which level."""
    lines: list[str] = []
    for migration, phase in judgement.phases.items():
        lines.append(_clean(f"{migration}: {phase.phase}. {phase.why}"))
        for verdict in judgement.verdicts:
            if verdict.migration == migration:
                lines += _lines(verdict)
    return "\n".join([*lines, summary(judgement)])


def summary(judgement: Judgement) -> str:
    """One line: how many statements may not run, and how many want a look."""
    counts = {level: len(judgement.of(level)) for level in (BLOCK, WARN, ALLOW)}
    waived = sum(1 for verdict in judgement.verdicts if verdict.waived)
    return f"lint: {counts[BLOCK]} block, {counts[WARN]} warn, {counts[ALLOW]} allow ({waived} of them waived)"


def to_json(judgement: Judgement) -> dict[str, t.Any]:
    """The same as plain data."""
    return {
        "verdicts": [asdict(verdict) for verdict in judgement.verdicts],
        "phases": {migration: asdict(phase) for migration, phase in judgement.phases.items()},
        "blocked": judgement.blocked,
        "summary": summary(judgement),
    }


def _lines(verdict: Verdict) -> t.Iterator[str]:
    where = f" on {verdict.table}" if verdict.table else ""
    number = "" if verdict.statement is None else f", statement {verdict.statement + 1}"
    yield _clean(f"  {verdict.level} {verdict.rule}{where}{number}{': ' if verdict.text else ''}{verdict.text}")
    yield _clean(f"    why: {verdict.why}")
    if verdict.lock:
        yield _clean(f"    lock: {verdict.lock}")
    if verdict.waived:
        yield _clean(f"    waived: {verdict.waived}")
    elif verdict.level != ALLOW and verdict.safe_way:
        yield _clean(f"    instead: {verdict.safe_way}")


def _clean(text: str) -> str:
    """Nothing that a terminal would obey: a migration's own words are in it."""
    return "".join(char if char.isprintable() else " " for char in text)
