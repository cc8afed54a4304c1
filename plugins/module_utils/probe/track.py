# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One gate on its way to being held: counts answers, knows when to ask again. Pure, times are given in."""

from __future__ import annotations

import collections
import dataclasses
from dataclasses import dataclass

from ansible_collections.steady.deploy.plugins.module_utils.core.container import ContainerState
from ansible_collections.steady.deploy.plugins.module_utils.probe.base import Answer, Target, container_target
from ansible_collections.steady.deploy.plugins.module_utils.probe.gate import Gate

KEPT_ANSWERS = 5


@dataclass(frozen=True)
class Check:
    """One gate to hold for one container (by id), or for a fixed ``target`` without a container.

    Without a gate the container must simply run, for at least ``settle`` seconds.
    """

    gate: Gate | None
    container: str = ""
    target: Target | None = None
    settle: float = 0.0

    def aim(self, state: ContainerState | None) -> Target:
        """Where the probe goes. The container's address is looked up anew for each round."""
        if self.target is not None or state is None or self.gate is None:
            return self.target or Target(container=self.container)
        return container_target(state, self.gate)


class Track:
    """The state of one check with a gate. Times are seconds since the polling began.

    A gate is ready after ``success_threshold`` successes in a row, and held once it has stayed ready for
    ``min_ready`` seconds. It is asked on until all gates are held; a failure takes everything back. A
    gate that was held and lost has time until ``limit``, the longest deadline of all.
    """

    def __init__(self, check: Check, gate: Gate, limit: float) -> None:
        self.check = check
        # A probe that may outlast the deadline would only be in the way.
        self.gate = dataclasses.replace(gate, timeout=min(gate.timeout, gate.deadline))
        self.due = 0.0
        self.busy = False
        self.asked = 0
        self.row = 0
        self.ready_at: float | None = None
        self.held_at: float | None = None
        self.deadline = gate.deadline
        self.answers: collections.deque[tuple[float, Answer]] = collections.deque(maxlen=KEPT_ANSWERS)
        self._limit = limit

    def take(self, answer: Answer, started: float, finished: float) -> None:
        """Count one answer."""
        self.busy = False
        self.asked += 1
        self.answers.append((finished, answer))
        self.due = max(finished, started + self.gate.interval)
        if not answer.ok:
            if self.held_at is not None:
                self.deadline = self._limit
            self.row, self.ready_at, self.held_at = 0, None, None
            return
        self.row += 1
        if self.row < self.gate.success_threshold or self.held_at is not None:
            return
        if self.ready_at is None:
            self.ready_at = finished
        held_from = self.ready_at + self.gate.min_ready
        if finished >= held_from:
            self.held_at = finished
        else:
            # The success that closes min_ready need not wait for the next interval.
            self.due = max(finished, min(self.due, held_from))

    def late(self, now: float) -> bool:
        """Whether the deadline has passed before the gate was held."""
        return self.held_at is None and now >= self.deadline

    def progress(self, now: float) -> str:
        """The last answer, and how far the gate had come if that was a success."""
        if not self.answers:
            return "no answer yet"
        _at, last = self.answers[-1]
        if last.ok and self.ready_at is not None:
            return f"{last.detail} (ready for {now - self.ready_at:.1f} of {self.gate.min_ready:g} s)"
        if last.ok:
            return f"{last.detail} ({self.row} of {self.gate.success_threshold} successes in a row)"
        return last.detail
