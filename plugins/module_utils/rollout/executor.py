# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Doing the steps of a plan, one after the other, each told to the journal before and after."""

from __future__ import annotations

import traceback
import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.core.clock import Clock
from ansible_collections.steady.deploy.plugins.module_utils.core.container import ContainerState
from ansible_collections.steady.deploy.plugins.module_utils.core.errors import GateError, SteadyError
from ansible_collections.steady.deploy.plugins.module_utils.core.journal import Journal
from ansible_collections.steady.deploy.plugins.module_utils.core.logs import telling_line
from ansible_collections.steady.deploy.plugins.module_utils.edge.base import Drained, Edge, Flight, Served, Upstream
from ansible_collections.steady.deploy.plugins.module_utils.rollout import steps as s
from ansible_collections.steady.deploy.plugins.module_utils.rollout.backend import Backend
from ansible_collections.steady.deploy.plugins.module_utils.rollout.spec import Options

# Seconds between two looks at containers while something else is waited for.
_LOOK_EVERY = 0.25


class Executor:
    """Runs steps against one backend and one edge. ``timeline`` grows by one entry a step."""

    def __init__(
        self,
        app: str,
        backend: Backend,
        edge: Edge,
        journal: Journal,
        clock: Clock,
        options: Options,
        extra: t.Mapping[str, t.Callable[[s.Step], None]] | None = None,
        judge_traffic: t.Callable[[s.Step], None] | None = None,
    ) -> None:
        """``extra`` does the steps that neither backend nor edge do; ``judge_traffic`` raises while users fare badly in a watch."""
        self._app = app
        self._backend = backend
        self._edge = edge
        self._journal = journal
        self._clock = clock
        self._options = options
        self._before = edge.served()
        self._begun = clock.monotonic()
        self._shifted_at: float | None = None
        self._watched: dict[str, ContainerState] = {}
        self._looked = 0.0
        self.shift_tried = False
        self.timeline: list[dict[str, t.Any]] = []
        self.warnings: list[str] = []
        self.gates: list[dict[str, t.Any]] = []
        self.drained: Drained | None = None
        self._do: dict[str, t.Callable[[s.Step], None]] = {
            s.BASE_UP: lambda step: backend.base_up(step.services),
            s.CREATE: lambda step: backend.create(step.release),
            s.JOB: lambda step: backend.run_job(step.release, step.services[0], options.job_timeout),
            s.START: lambda step: backend.start(step.release, step.services),
            s.GATE: self._gate,
            s.SHIFT: self._shift,
            s.DRAIN: self._drain,
            s.HAND_OVER: self._hand_over,
            s.WATCH: self._watch,
            s.STOP: lambda step: backend.stop(step.release, step.services),
            s.REMOVE: lambda step: backend.remove(step.release),
            **(extra or {}),
        }
        self._judge_traffic = judge_traffic

    def run(self, steps: t.Sequence[s.Step]) -> None:
        """Do the steps. Raises the first error of a step that rolls back; an error of another becomes a warning."""
        for step in steps:
            try:
                self._one(step)
            except SteadyError as exc:
                # What is left of the old release once such a step began can't be gone back to.
                if step.rolls_back:
                    raise
                self.warnings.append(f"could not {step.text}: {exc.message}; the next run tries again")

    def _one(self, step: s.Step) -> None:
        begun = self._clock.monotonic()
        self._journal.write("step", action=step.action, release=step.release, services=list(step.services), text=step.text)
        try:
            self._do[step.action](step)
        except SteadyError as exc:
            self._told(step, begun, exc.message)
            raise
        except Exception as exc:
            # A fault of our own must not leave users with half a rollout either.
            message = f"unexpected {type(exc).__name__} while the rollout was to {step.text}: {exc}"
            fault = SteadyError(message, exception=traceback.format_exc())
            self._told(step, begun, message)
            raise fault from exc
        self._told(step, begun, None)

    def _told(self, step: s.Step, begun: float, failure: str | None) -> None:
        seconds = round(self._clock.monotonic() - begun, 3)
        entry = {"action": step.action, "text": step.text, "after": round(begun - self._begun, 3), "seconds": seconds}
        if failure is not None:
            entry["failed"] = failure
        self.timeline.append(entry)
        self._journal.write(
            "failed" if failure else "done",
            action=step.action,
            release=step.release,
            seconds=seconds,
            **({"error": failure} if failure else {}),
        )

    def _gate(self, step: s.Step) -> None:
        self.gates += self._backend.hold(step.release, step.services)
        self._remember(step.release, step.services)

    def _remember(self, release: str, services: t.Sequence[str]) -> None:
        """From here on these containers may neither exit nor restart."""
        self._watched.update({state.id: state for state in self._backend.states(release) if state.service in services})

    def _shift(self, step: s.Step) -> None:
        # Jobs may have taken long since the gates held.
        self._look(force=True)
        self.shift_tried = True
        self._edge.shift(self.wanted(step.release))
        self._shifted_at = self._clock.monotonic()

    def wanted(self, release: str) -> Served:
        """What the edge serves once it serves ``release``; no release means what it served before this run."""
        if not release:
            return self._before
        upstreams = tuple(Upstream(service, ports) for service, ports in self._backend.ports(release).items())
        return Served(self._app, release, upstreams)

    def _drain(self, step: s.Step) -> None:
        ports: dict[str, tuple[int, ...]] = {}
        for release, service in step.elsewhere:
            numbers = self._backend.ports(release).get(service)
            if numbers:
                ports[service] = ports.get(service, ()) + numbers
        if ports:
            self.drained = self._edge.drain(ports, self._options.drain_timeout, self._options.stream_drain_timeout, self._while_draining)

    def _while_draining(self, _flight: Flight) -> None:
        self._look()

    def _hand_over(self, step: s.Step) -> None:
        for release in dict.fromkeys(release for release, _service in step.elsewhere):
            self._backend.stop(release, [service for owner, service in step.elsewhere if owner == release])
        if step.services:
            self._backend.start(step.release, step.services)

    def _watch(self, step: s.Step) -> None:
        self._remember_new(step)
        until = (self._shifted_at or self._clock.monotonic()) + self._options.watch
        while True:
            self._look(force=True)
            if self._judge_traffic:
                self._judge_traffic(step)
            left = until - self._clock.monotonic()
            if left <= 0:
                return
            self._clock.sleep(min(left, _LOOK_EVERY))

    def _remember_new(self, step: s.Step) -> None:
        new = {state.id: state for state in self._backend.states(step.release) if state.service in step.services}
        self._watched = {**new, **self._watched}

    def _look(self, force: bool = False) -> None:
        """Raise GateError if a container of the release that now has the traffic has exited, restarted or become unhealthy."""
        now = self._clock.monotonic()
        if not self._watched or (not force and now - self._looked < _LOOK_EVERY):
            return
        self._looked = now
        release = next(iter(self._watched.values())).label("steady.release")
        states = {state.id: state for state in self._backend.states(release)}
        for container, before in self._watched.items():
            state = states.get(container)
            wrong = _worse(before, state)
            if wrong:
                logs = self._backend.logs(container) if state else []
                telling = telling_line(logs)
                raise GateError(
                    f"{before.title} {wrong} after it was ready" + (f"; its log says: {telling}" if telling else ""),
                    service=before.service,
                    container=before.name,
                    logs=logs,
                )

    def forget(self) -> None:
        """Watch no container any more: what follows undoes the release they belong to."""
        self._watched = {}


def _worse(before: ContainerState, now: ContainerState | None) -> str:
    if now is None:
        return "was removed"
    if now.status == "exited" or now.status == "dead":
        return f"exited with code {now.exit_code}"
    if now.restarts > before.restarts or now.started_at != before.started_at:
        return "restarted"
    if now.health == "unhealthy" and before.health != "unhealthy":
        return "became unhealthy"
    return "" if now.running else f"is {now.status}"
