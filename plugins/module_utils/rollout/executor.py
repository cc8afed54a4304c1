# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Doing the steps of a plan, one after the other, each told to the journal before and after."""

from __future__ import annotations

import traceback
import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.core.clock import Clock
from ansible_collections.steady.deploy.plugins.module_utils.core.container import ContainerState
from ansible_collections.steady.deploy.plugins.module_utils.core.errors import (
    CommandError,
    EdgeError,
    GateError,
    PreflightError,
    SpecError,
    SteadyError,
)
from ansible_collections.steady.deploy.plugins.module_utils.core.journal import Journal
from ansible_collections.steady.deploy.plugins.module_utils.core.logs import telling_line
from ansible_collections.steady.deploy.plugins.module_utils.edge.base import Drained, Edge, Flight, Held, Served, Upstream
from ansible_collections.steady.deploy.plugins.module_utils.rollout import steps as s
from ansible_collections.steady.deploy.plugins.module_utils.rollout.backend import Backend
from ansible_collections.steady.deploy.plugins.module_utils.rollout.hurry import Hurry
from ansible_collections.steady.deploy.plugins.module_utils.rollout.mixture import both, host_ports, mixture
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
        hurry: Hurry | None = None,
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
        # Ids of replicas that failed their gate and were allowed to, and the service of each.
        self._failed: dict[str, tuple[str, str]] = {}
        self.shift_tried = False
        self.timeline: list[dict[str, t.Any]] = []
        self.warnings: list[str] = []
        self.gates: list[dict[str, t.Any]] = []
        self.drained: Drained | None = None
        self.held: Held | None = None
        self._do: dict[str, t.Callable[[s.Step], None]] = {
            s.BASE_UP: lambda step: backend.base_up(step.services),
            s.CREATE: lambda step: backend.create(step.release),
            s.JOB: lambda step: backend.run_job(step.release, step.services[0], options.job_timeout),
            s.START: lambda step: backend.start(step.release, step.services, self._count(step), self._failed),
            s.GATE: self._gate,
            s.SHIFT: self._shift,
            s.HOLD: self._hold,
            s.UNHOLD: self._unhold,
            s.DRAIN: self._drain,
            s.HAND_OVER: self._hand_over,
            s.WATCH: self._watch,
            s.STOP: self._stop,
            s.REMOVE: lambda step: backend.remove(step.release),
            **(extra or {}),
        }
        self._judge_traffic = judge_traffic
        self._hurry = hurry
        self._undoes = False

    def run(self, steps: t.Sequence[s.Step]) -> None:
        """Do the steps. Raises the first error of a step that rolls back; an error of another becomes a warning."""
        for step in steps:
            try:
                self._one(step)
            except SteadyError as exc:
                # What is left of the old release once such a step began can't be gone back to.
                # An interruption, and a fault of our own, undo all the same.
                if step.rolls_back and step.pauses and isinstance(exc, (CommandError, EdgeError, GateError, PreflightError, SpecError)):
                    exc.facts["paused"] = True
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
        except OSError as exc:
            # The host's fault, a full disk for instance, and none of ours.
            place = f" ({exc.filename})" if exc.filename else ""
            failure = SteadyError(f"could not {step.text}: {exc.strerror or exc}{place}; look at the disk it is on")
            self._told(step, begun, failure.message)
            raise failure from exc
        except Exception as exc:
            # A fault of our own must not leave users with half a rollout either.
            message = f"unexpected {type(exc).__name__} while the rollout was to {step.text}: {exc}"
            fault = SteadyError(message, exception=traceback.format_exc())
            self._told(step, begun, message)
            raise fault from exc
        self._told(step, begun, None)

    def _told(self, step: s.Step, begun: float, failure: str | None) -> None:
        seconds = round(self._clock.monotonic() - begun, 3)
        entry: dict[str, t.Any] = {"action": step.action, "text": step.text, "services": list(step.services)}
        entry.update(after=round(begun - self._begun, 3), seconds=seconds)
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
        while True:
            try:
                self.gates += self._backend.hold(step.release, step.services, self._count(step), self._failed)
                break
            except GateError as exc:
                self._allow(step, exc)
        self._remember(step)

    def _count(self, step: s.Step) -> int | None:
        """How many replicas of a batch count still: without those that were allowed to fail."""
        if step.replicas is None:
            return None
        return step.replicas - self._failures(step.release, step.services[0])

    def _failures(self, release: str, service: str) -> int:
        return sum(failed == (release, service) for failed in self._failed.values())

    def _allow(self, step: s.Step, failure: GateError) -> None:
        """Leave the replica that failed out, where the service may have one more of those; else raise the failure."""
        states = [state for state in self._backend.states(step.release) if state.service in step.services]
        failing = next((state for state in states if state.name == failure.facts.get("container") and state.id not in self._failed), None)
        if failing is None or self._failures(step.release, failing.service) >= step.may_fail:
            raise failure
        self._failed[failing.id] = (step.release, failing.service)
        self.warnings.append(f"{failure.message}; it was left out and stopped, as max_failure_ratio and failure_action allow")
        self._backend.stop(step.release, [failing.service], host_ports([one for one in states if one.id != failing.id], failing.service))

    def _counting(self, release: str) -> list[ContainerState]:
        return [state for state in self._backend.states(release) if state.id not in self._failed]

    def _remember(self, step: s.Step) -> None:
        """From here on these containers may neither exit nor restart."""
        self._watched.update(self._states(step))

    def _states(self, step: s.Step) -> dict[str, ContainerState]:
        """The step's containers by id. Of a batch, those that do not run were not started yet."""
        mine = [state for state in self._counting(step.release) if state.service in step.services]
        return {state.id: state for state in mine if state.running or step.replicas is None}

    def _stop(self, step: s.Step) -> None:
        spared: list[int] = []
        if step.replicas is not None:
            served = self._edge.served()
            spared = [port for upstream in served.upstreams for port in upstream.ports if served.owner(port) == step.release]
        self._backend.stop(step.release, step.services, spared)

    def _shift(self, step: s.Step) -> None:
        # Jobs may have taken long since the gates held.
        self._look(force=True)
        self._calm()
        self.shift_tried = True
        self._edge.shift(mixture(self._edge.served(), step, self._counting) if step.mix else self.wanted(step.release))
        self._shifted_at = self._clock.monotonic()

    def _hold(self, step: s.Step) -> None:
        self._edge.hold(self.wanted(step.release), self._options.hold_timeout)
        if self._hurry and not self._undoes:
            self._hurry.until(self._options.hold_timeout, step.release)

    def _calm(self) -> None:
        if self._hurry:
            self._hurry.never()

    def _unhold(self, _step: s.Step) -> None:
        held, before = self._edge.unhold(), self.held or Held()
        longest = max(before.longest_seconds, held.longest_seconds)
        self.held = Held(before.requests + held.requests, longest, before.failed + held.failed)
        if held.failed:
            self.warnings.append(
                f"{held.failed} of {held.requests} held requests had to be let through before a release was ready: "
                f"hold_timeout ({self._options.hold_timeout:g} s) had passed"
            )

    def wanted(self, release: str) -> Served:
        """What the edge serves once it serves ``release``; no release means what it served before this run."""
        if not release:
            return self._before
        upstreams = tuple(Upstream(service, ports) for service, ports in self._backend.ports(release).items())
        return Served(self._app, release, upstreams)

    def _drain(self, step: s.Step) -> None:
        ports: dict[str, tuple[int, ...]] = {}
        # While requests are held nobody is asked.
        asked = set() if self._edge.holding() else {port for some in self._edge.served().ports().values() for port in some}
        for release, service in step.elsewhere:
            numbers = tuple(port for port in self._backend.ports(release).get(service, ()) if port not in asked)
            if numbers:
                ports[service] = ports.get(service, ()) + numbers
        if ports:

            def while_draining(flight: Flight) -> None:
                self._while_draining(step, flight)

            drained = self._edge.drain(ports, self._options.drain_timeout, self._options.stream_drain_timeout, while_draining)
            self.drained = both(self.drained, drained)

    def _while_draining(self, step: s.Step, flight: Flight) -> None:
        self._journal.tell("drain", requests=flight.requests, streams=flight.streams, clients=flight.clients)
        self._look()
        # Not while the rollout is undone: then no container is watched either.
        if self._judge_traffic and self._watched:
            self._judge_traffic(step)

    def _hand_over(self, step: s.Step) -> None:
        for release in dict.fromkeys(release for release, _service in step.elsewhere):
            self._backend.stop(release, [service for owner, service in step.elsewhere if owner == release])
        if step.services:
            self._backend.start(step.release, step.services)

    def _watch(self, step: s.Step) -> None:
        # What a gate has seen is compared with that.
        self._watched = {**self._states(step), **self._watched}
        now = self._clock.monotonic()
        until = (self._shifted_at or now) + self._options.watch if step.seconds is None else now + step.seconds
        while True:
            self._look(force=True)
            if self._judge_traffic:
                self._judge_traffic(step)
            left = until - self._clock.monotonic()
            if left <= 0:
                return
            self._journal.tell("watch", "", {"left": round(left, 1)}, watching=True)
            self._clock.sleep(min(left, _LOOK_EVERY))

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
        self._undoes = True
        self._calm()


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
