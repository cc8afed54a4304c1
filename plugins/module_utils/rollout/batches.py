# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Replacing the replicas that the edge asks, batch by batch: towards any release, from whatever is there. Pure."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace

from ansible_collections.steady.deploy.plugins.module_utils.probe.wording import words
from ansible_collections.steady.deploy.plugins.module_utils.rollout import steps as s
from ansible_collections.steady.deploy.plugins.module_utils.rollout.observed import Observed, Release
from ansible_collections.steady.deploy.plugins.module_utils.rollout.spec import WEB, Batches

Step = s.Step
STOP_FIRST = "stop-first"


@dataclass(frozen=True)
class Line:
    """One service that the edge asks, on its way to ``wanted`` replicas of the release; 0 where that has no such service."""

    service: str
    wanted: int
    how: Batches


class Way:
    """The way of all lines to ``release``, one line after the other. ``steps`` is the plan, ``after`` what it makes of the world.

    ``first`` is put right before the step with which users reach the first replica of the release.
    """

    def __init__(self, release: str, lines: t.Sequence[Line], observed: Observed, first: t.Sequence[Step] = ()) -> None:
        self._release = release
        self._observed = observed
        self._served = observed.served
        self._first = tuple(first)
        names = {line.service for line in lines}
        self._running = {
            (one.id, unit.service): unit.running
            for one in observed.releases
            for unit in one.of(WEB)
            if unit.running and (unit.at_edge or unit.service in names)
        }
        self._asked = {(one.release, one.service): one.replicas for one in observed.shares if one.replicas}
        self.steps: list[Step] = []
        gone = [name for release_, name in self._asked if release_ != release and name not in names]
        for line in [*lines, *(Line(name, 0, Batches()) for name in dict.fromkeys(gone))]:
            self._go(line)

    @property
    def after(self) -> Observed:
        """What is there once all steps are done."""
        return replace(
            self._observed,
            served=self._served,
            edge_matches=True,
            releases=tuple(self._left(release) for release in self._observed.releases),
            shares=tuple(s.Share(release, service, count) for (release, service), count in self._asked.items() if count),
        )

    def _left(self, release: Release) -> Release:
        units = tuple(
            replace(unit, running=self._running.get((release.id, unit.service), 0)) if (release.id, unit.service) in self._running else unit
            for unit in release.units
        )
        return replace(release, units=units)

    def _go(self, line: Line) -> None:
        self._stop(line, self._others(line.service))
        while self._mine(line.service) < line.wanted or self._others(line.service):
            self._batch(line)

    def _mine(self, service: str) -> int:
        return self._asked.get((self._release, service), 0)

    def _others(self, service: str) -> dict[str, int]:
        """How many replicas of this service of other releases the edge asks, by release."""
        return {release: count for (release, name), count in self._asked.items() if name == service and release != self._release and count}

    def _batch(self, line: Line) -> None:
        others = self._others(line.service)
        serving = sum(others.values())
        there, wanted = self._mine(line.service), line.wanted
        # Replicas that run already, for whatever reason, are one batch.
        ready = self._running.get((self._release, line.service), 0) - there
        more = max(0, min(wanted - there, max(line.how.parallelism or wanted, ready)))
        stop_first = line.how.order == STOP_FIRST
        if stop_first and serving and not there + _stay(serving, wanted - there - more):
            more = max(1, wanted - there - 1)
        total = there + more
        left = _reduced(others, _stay(serving, wanted - total), self._observed)
        alone = stop_first and more and serving and not there + sum(left.values())
        if stop_first and not alone and more and left != others:
            self._shift(line, there, left)
            self._stop(line, left)
        if more:
            self._start(line, total, ", before the old one stops: nothing else serves" if alone else "")
        if self._mine(line.service) < total or self._others(line.service) != left or self._served != self._release:
            self._say(*self._first)
            self._first = ()
            self._shift(line, total, left)
        self._stop(line, left)
        last = total >= wanted
        seconds = max(line.how.monitor, 0.0 if last else line.how.delay)
        if more and seconds:
            text = f"watch {line.service} of release {self._release} for {seconds:g} s" + ("" if last else " before the next batch")
            unmoved = line.how.failure_action == s.CONTINUE
            self._say(
                Step(
                    s.WATCH,
                    text,
                    self._release,
                    (line.service,),
                    rolls_back=not unmoved,
                    seconds=seconds,
                    pauses=_pauses(line),
                    replicas=total,
                )
            )

    def _start(self, line: Line, total: int, why: str) -> None:
        key = (self._release, line.service)
        shown = _of(total, line.wanted, line.service)
        if self._running.get(key, 0) < total:
            text = f"start {shown} of release {self._release}{why}"
            self._say(Step(s.START, text, *self._named(line), replicas=total, pauses=_pauses(line)))
            self._running[key] = total
        may_fail = line.wanted if line.how.failure_action == s.CONTINUE else int(line.wanted * line.how.max_failure_ratio + 1e-9)
        text = f"wait until {shown} of release {self._release} {'is' if total in (1, line.wanted) else 'are'} ready"
        self._say(Step(s.GATE, text, *self._named(line), replicas=total, may_fail=may_fail, pauses=_pauses(line)))

    def _named(self, line: Line) -> tuple[str, tuple[str, ...]]:
        return self._release, (line.service,)

    def _shift(self, line: Line, mine: int, others: t.Mapping[str, int]) -> None:
        for release in self._others(line.service):
            self._asked[release, line.service] = others.get(release, 0)
        self._asked[self._release, line.service] = mine
        mix = tuple(s.Share(release, service, count) for (release, service), count in self._asked.items() if count)
        releases = list(dict.fromkeys(share.release for share in mix))
        if self._release in releases:
            self._served = self._release
        elif self._served not in releases:
            self._served = releases[0] if releases else self._release
        parts = [(self._release, mine)] * bool(mine) + [(release, count) for release, count in others.items() if count]
        shown = " and ".join(f"{count} of release {release}" for release, count in parts)
        text = f"serve {line.service} from {shown}" if parts else f"take {line.service} out of the edge: release {self._release} has none"
        self._say(Step(s.SHIFT, text, self._served or "", (line.service,), mix=mix, pauses=_pauses(line)))

    def _stop(self, line: Line, left: t.Mapping[str, int]) -> None:
        """Drain and stop replicas of other releases that the edge does not ask any more."""
        more = {
            release: left.get(release, 0)
            for (release, name), running in self._running.items()
            if name == line.service and release != self._release and running > left.get(release, 0)
        }
        if not more:
            return
        text = f"let what is in flight to replicas of {line.service} that go finish"
        self._say(Step(s.DRAIN, text, self._release, elsewhere=tuple((release, line.service) for release in more), pauses=_pauses(line)))
        for release, stay in more.items():
            text = f"stop {line.service} of release {release}" + (f" but for {stay}" if stay else "")
            self._say(Step(s.STOP, text, release, (line.service,), replicas=stay, pauses=_pauses(line)))
            self._running[release, line.service] = stay

    def _say(self, *steps: Step) -> None:
        self.steps += steps


def way_lines(names: t.Mapping[str, int], how: t.Mapping[str, Batches]) -> tuple[Line, ...]:
    """The lines to so many replicas of each service; one that says nothing goes replica by replica."""
    return tuple(Line(name, wanted, how.get(name, Batches())) for name, wanted in names.items())


def _pauses(line: Line) -> bool:
    return line.how.failure_action == s.PAUSE


def _stay(serving: int, missing: int) -> int:
    """How many of the other releases' replicas go on serving while so many of the release's are missing still."""
    return max(0, min(serving, missing))


def _reduced(others: t.Mapping[str, int], stay: int, observed: Observed) -> dict[str, int]:
    """So many of these replicas, of releases that are whole first."""
    left: dict[str, int] = {}
    for release in sorted(others, key=lambda name: (not getattr(observed.release(name), "complete", False), name)):
        left[release] = min(stay, others[release])
        stay -= left[release]
    return {release: count for release, count in left.items() if count}


def _of(total: int, wanted: int, service: str) -> str:
    return words((service,)) if total == wanted else f"{total} of {wanted} replicas of {service}"
