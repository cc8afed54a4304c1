# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judging a new release by what users are answered, while a rollout runs."""

from __future__ import annotations

import typing as t
from collections import deque

from ansible_collections.steady.deploy.plugins.module_utils.core.clock import Clock
from ansible_collections.steady.deploy.plugins.module_utils.core.errors import GateError
from ansible_collections.steady.deploy.plugins.module_utils.rollout.steps import Step
from ansible_collections.steady.deploy.plugins.module_utils.rollout.traffic import Answer, Limits, buckets, judge, summary

# Answers that are remembered of each release, the newest.
_MOST = 20_000
# Seconds between two looks, and before the rollout in which the old release's answers count.
_LOOK_EVERY = 0.25
_BASELINE = 300.0


class Log(t.Protocol):
    """What the edge writes down of its answers to users of one app."""

    @property
    def path(self) -> str:
        """Where it is; empty where there is none."""

    @property
    def missing(self) -> bool:
        """Whether it is not there now."""

    def before(self, since: float) -> list[Answer]:
        """Answers of before the rollout, from ``since`` (seconds since the epoch) on; a bounded number of them."""

    def new(self) -> list[Answer]:
        """Answers since the last call, or since the rollout began."""


class TrafficJudge:
    """Raises GateError once users fare worse with ``release`` than the limits allow. ``before`` is what was served so far."""

    def __init__(self, log: Log, limits: Limits, release: str, before: str | None, clock: Clock) -> None:
        self._log = log
        self._limits = limits
        self._release = release
        self._clock = clock
        self._begun = clock.now()
        self._looked = clock.monotonic() - _LOOK_EVERY
        self._before = before if before != release else None
        self._new: deque[Answer] = deque(maxlen=_MOST)
        self._all: deque[Answer] = deque(maxlen=10 * _MOST)
        self._old: deque[Answer] = deque(maxlen=_MOST)
        self._asked = False

    def __call__(self, _step: Step) -> None:
        """Look, at most every quarter of a second. Raises GateError."""
        now = self._clock.monotonic()
        if now - self._looked < _LOOK_EVERY:
            return
        self._looked = now
        if self._before and not self._asked:
            # Megabytes, which a run that finds nothing to do never looks at. The log is still where it was at the begin.
            answers = self._log.before(self._begun - _BASELINE)
            self._old.extend(answer for answer in answers if answer.release == self._before)
        self._asked = True
        self._read()
        said = judge(tuple(self._new), tuple(self._old), self._limits)
        if said:
            raise GateError(f"release {self._release} {said}", watched=self._watched())

    def _read(self) -> None:
        for answer in self._log.new():
            self._all.append(answer)
            if answer.release == self._release:
                self._new.append(answer)
            elif answer.release == self._before and not self._new:
                # What the old release answers after the shift is only what it has left: the slow ones.
                self._old.append(answer)

    @property
    def warnings(self) -> list[str]:
        """What could not be watched."""
        if not self._asked or not self._log.missing:
            return []
        where = f"the edge's access log {self._log.path} is not there" if self._log.path else "the edge writes no access log"
        return [
            f"{where}, so errors and latency were not watched: set `nginx_access_log` and the rollout's `edge.access_log` to the same file"
        ]

    def outcome(self) -> dict[str, t.Any]:
        """For the module's result: ``traffic`` per second and release, and ``watched``, what was judged."""
        self._read()
        return {"traffic": buckets(self._all, self._begun), "watched": self._watched() if self._asked else {}}

    def _watched(self) -> dict[str, t.Any]:
        seen = {"release": self._release, **summary(self._new), "before": summary(self._old)}
        enough = len(self._new) >= self._limits.requests
        told = (
            f"judged by {len(self._new)} requests"
            if enough
            else f"too few requests for a verdict: {len(self._new)} of {self._limits.requests}"
        )
        return {**seen, "verdict": told}
