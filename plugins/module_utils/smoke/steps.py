# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Smoke tests as steps of a rollout: on the new release's own ports before the shift, through the edge after it."""

from __future__ import annotations

import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.core.clock import Clock
from ansible_collections.steady.deploy.plugins.module_utils.core.errors import GateError
from ansible_collections.steady.deploy.plugins.module_utils.core.progress import Tell, untold
from ansible_collections.steady.deploy.plugins.module_utils.rollout.steps import RELEASE, Step
from ansible_collections.steady.deploy.plugins.module_utils.smoke.fetch import Fetch
from ansible_collections.steady.deploy.plugins.module_utils.smoke.run import Told, run
from ansible_collections.steady.deploy.plugins.module_utils.smoke.scenario import Scenario

Ports = t.Callable[[str], t.Mapping[str, t.Sequence[int]]]


class SmokeSteps:
    """Does the smoke steps of one rollout. ``results`` grows by one entry for each step of a scenario."""

    def __init__(
        self, scenarios: t.Sequence[Scenario], ports: Ports, url: str, host: str | None, clock: Clock, fetch: Fetch, tell: Tell = untold
    ) -> None:
        """``ports`` gives the loopback ports of a release by edge service; ``url`` and ``host`` are the edge's."""
        self._scenarios = scenarios
        self._ports = ports
        self._url = url
        self._host = host
        self._clock = clock
        self._fetch = fetch
        self._tell = tell
        self.results: list[Told] = []

    def do(self, step: Step) -> None:
        """Run the scenarios where ``step`` asks. Raises GateError, with all results so far as its fact ``smoke``."""
        ports = self._ports(step.release)
        if step.point == RELEASE:
            bases = {service: [f"http://127.0.0.1:{port}" for port in numbers] for service, numbers in ports.items()}
        else:
            bases = {service: [self._url] for service in ports}
        try:
            found = run(self._scenarios, bases, self._host, self._clock, self._fetch, self._progress)
        except GateError as exc:
            self._keep(step, exc.facts["smoke"])
            raise GateError(exc.message, **{**exc.facts, "smoke": self.results}) from exc
        self._keep(step, found)

    def _keep(self, step: Step, found: t.Sequence[Told]) -> None:
        self.results += [{"point": step.point, **told} for told in found]

    def _progress(self, told: Told) -> None:
        counts = {"attempts": told["attempts"], "seconds": told["seconds"]}
        self._tell("smoke", f"{told['scenario']}, {told['step']}", counts, request=told["request"], ok=told["ok"], detail=told["detail"])
