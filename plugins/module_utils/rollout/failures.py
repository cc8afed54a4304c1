# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Replicas that failed their gate and were allowed to: they are left out of all that counts."""

from __future__ import annotations

from ansible_collections.steady.deploy.plugins.module_utils.core.container import ContainerState
from ansible_collections.steady.deploy.plugins.module_utils.core.errors import GateError
from ansible_collections.steady.deploy.plugins.module_utils.rollout.backend import Backend
from ansible_collections.steady.deploy.plugins.module_utils.rollout.mixture import host_ports
from ansible_collections.steady.deploy.plugins.module_utils.rollout.steps import Step


class Failures:
    """Those of one rollout. ``ids`` are their containers."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self.ids: dict[str, tuple[str, str]] = {}

    def allow(self, step: Step, failure: GateError) -> None:
        """Leave the replica that failed out and stop it, where the service may have one more of those; else raise the failure."""
        states = [state for state in self._backend.states(step.release) if state.service in step.services]
        failing = next((state for state in states if state.name == failure.facts.get("container") and state.id not in self.ids), None)
        if failing is None or self._of(step.release, failing.service) >= step.may_fail:
            raise failure
        self.ids[failing.id] = (step.release, failing.service)
        self._backend.stop(step.release, [failing.service], host_ports([one for one in states if one.id != failing.id], failing.service))

    def count(self, step: Step) -> int | None:
        """How many replicas of a batch count still; None where the step is no batch."""
        return None if step.replicas is None else step.replicas - self._of(step.release, step.services[0])

    def counting(self, release: str) -> list[ContainerState]:
        """The containers of a release that count still."""
        return [state for state in self._backend.states(release) if state.id not in self.ids]

    def of_step(self, step: Step) -> list[ContainerState]:
        """The containers of a step that count. Of a batch, those that do not run were not started yet."""
        mine = [state for state in self.counting(step.release) if state.service in step.services]
        return [state for state in mine if state.running or step.replicas is None]

    def _of(self, release: str, service: str) -> int:
        return sum(failed == (release, service) for failed in self.ids.values())
