# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Holding gates: ask them all side by side until each holds, and give up as soon as one can't."""

from __future__ import annotations

import functools
import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.core.clock import Clock
from ansible_collections.steady.deploy.plugins.module_utils.core.container import ContainerState
from ansible_collections.steady.deploy.plugins.module_utils.core.errors import GateError, SteadyError
from ansible_collections.steady.deploy.plugins.module_utils.core.logs import telling_line
from ansible_collections.steady.deploy.plugins.module_utils.probe.base import Answer, Probe
from ansible_collections.steady.deploy.plugins.module_utils.probe.match import check_jmespath
from ansible_collections.steady.deploy.plugins.module_utils.probe.track import Check, Track
from ansible_collections.steady.deploy.plugins.module_utils.probe.verdict import verdict
from ansible_collections.steady.deploy.plugins.module_utils.probe.wording import one_line
from ansible_collections.steady.deploy.plugins.module_utils.probe.workers import Finished, ThreadWorkers, Workers

States = t.Mapping[str, ContainerState]
OBSERVE_EVERY = 0.5
TAIL_LINES = 20


def hold(
    checks: t.Sequence[Check],
    clock: Clock,
    observe: t.Callable[[], States],
    on_answer: t.Callable[[Check, Answer, float], None] | None = None,
    *,
    probes: t.Mapping[str, Probe],
    tail: t.Callable[[str], t.Sequence[str]] = lambda _container: [],
    workers: Workers | None = None,
    fresh: bool = False,
) -> list[dict[str, t.Any]]:
    """Return once all gates hold at the same time: one entry per gate, with its last answers.

    ``observe`` gives the containers by id and is asked every half second; ``tail`` gives a container's
    last log lines; ``on_answer`` hears each answer with the seconds since the start. ``fresh`` says the
    containers were only just created. Raises GateError when a container exits or restarts, when Docker
    finds it unhealthy, or at a gate's deadline; SpecError where this host lacks what a gate needs.
    """
    poll = _Poll(checks, clock, observe, on_answer, probes, tail, workers or ThreadWorkers(clock), fresh)
    return poll.run()


class _Poll:
    """One call of hold."""

    def __init__(
        self,
        checks: t.Sequence[Check],
        clock: Clock,
        observe: t.Callable[[], States],
        on_answer: t.Callable[[Check, Answer, float], None] | None,
        probes: t.Mapping[str, Probe],
        tail: t.Callable[[str], t.Sequence[str]],
        workers: Workers,
        fresh: bool,
    ) -> None:
        self._clock, self._observe, self._on_answer, self._tail = clock, observe, on_answer, tail
        self._probes, self._workers, self._fresh = probes, workers, fresh
        gates = [check.gate for check in checks if check.gate is not None]
        limit = max([gate.deadline for gate in gates], default=0.0)
        self._tracks = [Track(check, check.gate, limit) for check in checks if check.gate is not None]
        self._containers = list(dict.fromkeys(check.container for check in checks if check.container))
        self._with_health = {track.check.container for track in self._tracks if track.gate.type == "health"}
        self._settle = max([check.settle for check in checks if check.gate is None], default=0.0)
        # A health gate learns nothing between two observations.
        self._every = min([OBSERVE_EVERY] + [gate.interval for gate in gates if gate.type == "health"])
        self._start = clock.monotonic()
        self._observed_at = 0.0
        self._before: States = {}
        self._states: States = {}

    def run(self) -> list[dict[str, t.Any]]:
        for track in self._tracks:
            if track.gate.jmespath is not None:
                check_jmespath(track.gate.jmespath, f"gate {track.gate.title}")
        self._before = self._look()
        while True:
            now = self._now()
            held = all(track.held_at is not None for track in self._tracks) and now >= self._settle
            if held or now >= self._observed_at + self._every:
                self._look()
            if held:
                return self._facts()
            self._refuse_late()
            self._ask_due()
            for ended in self._workers.wait(self._next_event() - self._now()):
                self._take(ended)

    def _now(self) -> float:
        return self._clock.monotonic() - self._start

    def _look(self) -> States:
        """Observe, and give up where a container has lost its chance."""
        self._states = self._observe()
        self._observed_at = self._now()
        before = self._before or self._states
        for container in self._containers:
            now, then = self._states.get(container), before.get(container)
            if then is None:
                raise self._error(container, f"container {container[:12]}", "does not exist", "")
            trouble = verdict(then, now, container in self._with_health, self._fresh)
            if trouble:
                asked = [
                    f"{track.gate.title}: {track.progress(self._now())}" for track in self._tracks if track.check.container == container
                ]
                raise self._error(container, then.title, f"{trouble}, {self._now():.1f} s into its readiness gates", "; ".join(asked))
        return self._states

    def _refuse_late(self) -> None:
        now = self._now()
        for track in self._tracks:
            if track.late(now):
                what = f"gate {track.gate.title} did not hold within {track.deadline:g} s"
                raise self._error(track.check.container, self._subject(track.check), what, f"last answer: {track.progress(now)}")

    def _ask_due(self) -> None:
        now = self._now()
        for key, track in enumerate(self._tracks):
            if not track.busy and track.due <= now:
                track.busy = True
                target = track.check.aim(self._states.get(track.check.container))
                self._workers.start(key, functools.partial(self._probes[track.gate.type].probe, target, track.gate))

    def _next_event(self) -> float:
        """When something is to be done even if no probe ends before."""
        events = [self._observed_at + self._every] if self._containers else []
        events += [track.due for track in self._tracks if not track.busy]
        events += [track.deadline for track in self._tracks if track.held_at is None]
        return min([*events, self._settle] if self._now() < self._settle else events)

    def _take(self, ended: Finished) -> None:
        track = self._tracks[ended.key]
        if isinstance(ended.error, SteadyError):
            raise ended.error
        if ended.answer is None:
            what = f"the probe of gate {track.gate.title} failed in itself: {type(ended.error).__name__}: {one_line(str(ended.error))}"
            raise self._error(track.check.container, self._subject(track.check), what, "")
        track.take(ended.answer, ended.started - self._start, ended.finished - self._start)
        if self._on_answer is not None:
            self._on_answer(track.check, ended.answer, ended.finished - self._start)

    def _subject(self, check: Check) -> str:
        state = self._states.get(check.container)
        if state is not None:
            return state.title
        return f"address {check.target.address}" if check.target and check.target.address else "the host"

    def _facts(self) -> list[dict[str, t.Any]]:
        """One entry per gate, for results and errors."""
        found = []
        for track in self._tracks:
            state = self._states.get(track.check.container) or self._before.get(track.check.container)
            answers = [{"after": round(at, 3), "ok": answer.ok, "detail": answer.detail} for at, answer in track.answers]
            found.append(
                {
                    "service": state.service if state else "",
                    "container": state.name if state else "",
                    "type": track.gate.type,
                    "gate": track.gate.title,
                    "held": track.held_at is not None,
                    "after": None if track.held_at is None else round(track.held_at, 3),
                    "asked": track.asked,
                    "answers": answers,
                }
            )
        return found

    def _error(self, container: str, subject: str, what: str, answers: str) -> GateError:
        """One sentence, and the log lines of the container it is about."""
        logs: list[str] = []
        if container:
            try:
                logs = list(self._tail(container))[-TAIL_LINES:]
            except SteadyError as exc:
                logs = [f"no log lines: {exc.message}"]
        message = f"{subject}: {what}" if what.startswith(("gate", "the probe")) else f"{subject} {what}"
        message += f"; {answers}" if answers else ""
        telling = telling_line(logs)
        message += f"; its log says: {telling}" if telling else ""
        state = self._states.get(container) or self._before.get(container)
        return GateError(
            message,
            service=state.service if state else "",
            container=state.name if state else "",
            elapsed=round(self._now(), 3),
            gates=self._facts(),
            logs=logs,
        )
