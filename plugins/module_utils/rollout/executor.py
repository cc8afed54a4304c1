# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Doing the steps of a plan, one after the other, each told to the journal before and after."""

from __future__ import annotations

import traceback
import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.core.clock import Clock
from ansible_collections.steady.deploy.plugins.module_utils.core.errors import Breakdown, GateError, SteadyError
from ansible_collections.steady.deploy.plugins.module_utils.core.journal import Journal
from ansible_collections.steady.deploy.plugins.module_utils.edge.base import Drained, Edge, Flight, Held, Served, Upstream
from ansible_collections.steady.deploy.plugins.module_utils.rollout import steps as s
from ansible_collections.steady.deploy.plugins.module_utils.rollout.backend import Backend
from ansible_collections.steady.deploy.plugins.module_utils.rollout.failures import Failures
from ansible_collections.steady.deploy.plugins.module_utils.rollout.hurry import Hurry
from ansible_collections.steady.deploy.plugins.module_utils.rollout.lookout import LOOK_EVERY, Lookout
from ansible_collections.steady.deploy.plugins.module_utils.rollout.mixture import both, mixture
from ansible_collections.steady.deploy.plugins.module_utils.rollout.spec import Options


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
        self._failures = Failures(backend)
        self._lookout = Lookout(backend, clock)
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
            s.START: lambda step: backend.start(step.release, step.services, self._failures.count(step), self._failures.ids),
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
        self.late: SteadyError | None = None
        self._undoes = False

    def run(self, steps: t.Sequence[s.Step]) -> None:
        """Do the steps. Raises the first error of a step that rolls back; an error of another becomes a warning.

        What was asked for and has failed behind the rollout is kept in ``late``: there is nothing to go back from.
        """
        for step in steps:
            try:
                self._one(step)
            except SteadyError as exc:
                # What is left of the old release once such a step began can't be gone back to.
                if step.rolls_back and step.pauses and not isinstance(exc, Breakdown):
                    exc.facts["paused"] = True
                if step.rolls_back:
                    raise
                if step.action == s.MIGRATE and not exc.facts.get("waits"):
                    self.late = self.late or exc
                    continue
                again = "" if step.action == s.HOOK else "; the next run tries again"
                self.warnings.append(f"could not {step.text}: {exc.message}{again}")

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
            failure = Breakdown(f"could not {step.text}: {exc.strerror or exc}{place}; look at the disk it is on")
            self._told(step, begun, failure.message)
            raise failure from exc
        except Exception as exc:
            # A fault of our own must not leave users with half a rollout either.
            message = f"unexpected {type(exc).__name__} while the rollout was to {step.text}: {exc}"
            fault = Breakdown(message, exception=traceback.format_exc())
            self._told(step, begun, message)
            raise fault from exc
        self._told(step, begun, None)

    def _told(self, step: s.Step, begun: float, failure: str | None) -> None:
        entry = self.note(step.action, step.text, step.services, begun, self._clock.monotonic() - begun)
        if failure is not None:
            entry["failed"] = failure
        self._journal.write(
            "failed" if failure else "done",
            action=step.action,
            release=step.release,
            seconds=entry["seconds"],
            **({"error": failure} if failure else {}),
        )

    def note(self, action: str, text: str, services: t.Sequence[str], begun: float, seconds: float) -> dict[str, t.Any]:
        """Add an entry to the timeline. ``begun`` is a time of the clock."""
        after, seconds = round(begun - self._begun, 3), round(seconds, 3)
        entry: dict[str, t.Any] = {"action": action, "text": text, "services": list(services), "after": after, "seconds": seconds}
        self.timeline.append(entry)
        return entry

    def _gate(self, step: s.Step) -> None:
        while True:
            try:
                self.gates += self._backend.hold(step.release, step.services, self._failures.count(step), self._failures.ids)
                break
            except GateError as exc:
                self._failures.allow(step, exc)
                self.warnings.append(f"{exc.message}; it was left out and stopped, as max_failure_ratio and failure_action allow")
        # What is gone back to is not watched: an end to the way back would help nobody.
        if not self._undoes:
            self._lookout.ready(self._failures.of_step(step))

    def _stop(self, step: s.Step) -> None:
        spared: list[int] = []
        if step.replicas is not None:
            served = self._edge.served()
            spared = [port for upstream in served.upstreams for port in upstream.ports if served.owner(port) == step.release]
        self._backend.stop(step.release, step.services, spared)

    def _shift(self, step: s.Step) -> None:
        # Jobs may have taken long since the gates held.
        self._lookout.look(force=True)
        self._calm()
        self.shift_tried = True
        self._edge.shift(mixture(self._edge.served(), step, self._failures.counting) if step.mix else self.wanted(step.release))
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
        self._lookout.look()
        # Before the first gate, and while the rollout is undone, no container is watched and no traffic judged.
        if self._judge_traffic and self._lookout:
            self._judge_traffic(step)

    def _hand_over(self, step: s.Step) -> None:
        for release in dict.fromkeys(release for release, _service in step.elsewhere):
            self._backend.stop(release, [service for owner, service in step.elsewhere if owner == release])
        if step.services:
            self._backend.start(step.release, step.services)

    def _watch(self, step: s.Step) -> None:
        self._lookout.join(self._failures.of_step(step))
        now = self._clock.monotonic()
        until = (self._shifted_at or now) + self._options.watch if step.seconds is None else now + step.seconds
        while True:
            self._lookout.look(force=True)
            if self._judge_traffic:
                self._judge_traffic(step)
            left = until - self._clock.monotonic()
            if left <= 0:
                return
            self._journal.tell("watch", "", {"left": round(left, 1)}, watching=True)
            self._clock.sleep(min(left, LOOK_EVERY))

    def forget(self) -> None:
        """Watch no container any more: what follows undoes the release they belong to."""
        self._lookout.forget()
        self._undoes = True
        self._calm()
