# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judging what a rollout is about to migrate, on the controller: from what the module tells to what it may do."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import SteadyError
from ansible_collections.steady.deploy.plugins.module_utils.migrate.online import Answer
from ansible_collections.steady.deploy.plugins.module_utils.migrate.spec import CONTRACT, Migration
from ansible_collections.steady.deploy.plugins.plugin_utils.migrate_lint.judge import judge as lint
from ansible_collections.steady.deploy.plugins.plugin_utils.migrate_lint.render import render, to_json
from ansible_collections.steady.deploy.plugins.plugin_utils.migrate_lint.verdict import BLOCK, WARN, Column, Settings, TableFacts, Verdict

Json = dict[str, t.Any]


@dataclass(frozen=True)
class Verdicts:
    """``approved`` is what the module is given to go on. ``refusal`` is the one sentence that says why it may not, or empty.

    ``text`` is for people who look at a plan, ``verdicts`` are the same by service for programs.
    """

    approved: Json = field(default_factory=dict)
    refusal: str = ""
    warnings: tuple[str, ...] = ()
    text: str = ""
    verdicts: t.Mapping[str, t.Any] = field(default_factory=dict)


def judge(told: t.Sequence[Json]) -> Verdicts:
    """Judge what is pending of all services. A judge that is not installed, or does not know a level, refuses."""
    approved: Json = {}
    blocked: list[str] = []
    warnings: list[str] = []
    texts: list[str] = []
    verdicts: Json = {}
    for service in told:
        if not service["pending"]:
            continue
        migrations = [_migration(one) for one in service["pending"]]
        tables = {name: _table(facts) for name, facts in service["tables"].items()}
        settings = Settings(service["levels"], service["small_rows"])
        try:
            judgement = lint(
                migrations, service["engine"], tables, settings, texts={one.id: one.text for one in migrations}, answers=_answers(service)
            )
        except SteadyError as exc:
            return Verdicts(refusal=f"migrations of {service['service']}: {exc.message}; nothing was changed")
        phases = {name: phase.phase for name, phase in judgement.phases.items() if phase.phase == CONTRACT}
        approved[service["service"]] = {"digests": {one["id"]: one["digest"] for one in service["pending"]}, "phases": phases}
        blocked += [_told(one) for one in judgement.verdicts if one.level == BLOCK]
        warnings += [_told(one) for one in judgement.verdicts if one.level == WARN]
        texts.append(render(judgement))
        verdicts[service["service"]] = to_json(judgement)
    refusal = ""
    if blocked:
        more = f" (and {len(blocked) - 1} more)" if len(blocked) > 1 else ""
        refusal = f"{blocked[0]}{more}; nothing was changed"
    return Verdicts(approved, refusal, tuple(warnings), "\n".join(texts), verdicts)


def _migration(raw: Json) -> Migration:
    statements = raw["statements"]
    return Migration(raw["id"], raw["phase"], raw["why"], None if statements is None else tuple(statements), raw["opaque"], raw["text"])


def _answers(service: Json) -> dict[str, tuple[Answer | None, ...]]:
    return {one["id"]: tuple(answer and Answer(**answer) for answer in one.get("server", ())) for one in service["pending"]}


def _table(facts: Json) -> TableFacts:
    return TableFacts(facts["rows"], facts["bytes"], {name: Column(**column) for name, column in facts["columns"].items()})


def _told(verdict: Verdict) -> str:
    shown = f" in `{verdict.text}`" if verdict.text else ""
    return f"migration {verdict.migration}, {verdict.rule}{shown}: {verdict.why} Safe way: {verdict.safe_way}"
