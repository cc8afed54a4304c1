# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running smoke tests: every scenario against every base URL of its service, one after the other."""

from __future__ import annotations

import typing as t
import uuid

from ansible_collections.steady.deploy.plugins.module_utils.core.clock import Clock
from ansible_collections.steady.deploy.plugins.module_utils.core.errors import GateError, SpecError
from ansible_collections.steady.deploy.plugins.module_utils.probe.match import check_jmespath
from ansible_collections.steady.deploy.plugins.module_utils.probe.wording import plural, suggest, words
from ansible_collections.steady.deploy.plugins.module_utils.smoke.fetch import Fetch
from ansible_collections.steady.deploy.plugins.module_utils.smoke.interpolate import fill, names
from ansible_collections.steady.deploy.plugins.module_utils.smoke.passage import Pass
from ansible_collections.steady.deploy.plugins.module_utils.smoke.scenario import Scenario, Step

# One step of one pass, as it is told: scenario, step, service, request, status, attempts, seconds, ok, detail.
Told = dict[str, t.Any]


def check(scenarios: t.Sequence[Scenario], services: t.Collection[str]) -> None:
    """See that the scenarios can run here against these services. Asks nothing, raises SpecError."""
    for scenario in scenarios:
        if scenario.service is not None and scenario.service not in services:
            known = words(services) if services else "none"
            raise SpecError(
                f"scenario {scenario.name}: service {scenario.service!r} takes no traffic through the edge"
                f"{suggest(scenario.service, services)}; these do: {known}"
            )
        for step in scenario.steps:
            where = f"scenario {scenario.name}, step {step.name}"
            expressions = [rule.expression for rule in step.expect.jmespath]
            expressions += [one.what for one in step.captures if one.by == "jmespath"]
            for expression in expressions:
                check_jmespath(fill(expression, dict.fromkeys(names(expression, where), "x")), where)


def run(
    scenarios: t.Sequence[Scenario],
    bases: t.Mapping[str, t.Sequence[str]],
    host: str | None,
    clock: Clock,
    fetch: Fetch,
    on_progress: t.Callable[[Told], None] = lambda told: None,
    new_id: t.Callable[[], str] = lambda: uuid.uuid4().hex[:12],
) -> list[Told]:
    """Run the scenarios and tell each step that held.

    ``bases`` gives for each edge service, the first one first, the URLs to try: those of its replicas, or the edge's.
    ``host`` is the name to ask in. ``on_progress`` gets every attempt. ``new_id`` makes the ``${run}`` of a pass.
    Raises SpecError where nothing can be asked, GateError at the first step that does not hold; its fact ``smoke``
    has the steps so far, the failed one last.
    """
    check(scenarios, list(bases))
    results: list[Told] = []
    for scenario in scenarios:
        service = scenario.service or next(iter(bases))
        for base in bases[service]:
            passage = Pass(base, host, clock, fetch, new_id())
            for step in scenario.steps:
                told = _step(scenario, step, service, passage, clock, on_progress)
                results.append(told)
                if not told["ok"]:
                    raise GateError(_sentence(told), smoke=results)
    return results


def _step(scenario: Scenario, step: Step, service: str, passage: Pass, clock: Clock, on_progress: t.Callable[[Told], None]) -> Told:
    begun = clock.monotonic()
    attempts = 0
    while True:
        attempts += 1
        reply, wrong = passage.attempt(step)
        spent = clock.monotonic() - begun
        told: Told = {
            "scenario": scenario.name,
            "step": step.name,
            "service": service,
            "request": passage.line,
            "status": reply.status or None,
            "attempts": attempts,
            "seconds": round(spent, 3),
            "ok": not wrong,
            "detail": wrong or f"HTTP {reply.status} {passage.veil(reply.reason)}".strip(),
        }
        on_progress(told)
        if not wrong or step.wait is None or spent + step.wait.interval > step.wait.timeout:
            return told
        clock.sleep(step.wait.interval)


def _sentence(told: Told) -> str:
    waited = f" ({plural(told['attempts'], 'attempt')} in {told['seconds']:.1f} s)" if told["attempts"] > 1 else ""
    return f"smoke test {told['scenario']}, step {told['step']}: {told['request']} {told['detail']}{waited}"
