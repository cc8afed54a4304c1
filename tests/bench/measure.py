# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the bench measures: spans of wall time on one machine, and what users saw in them."""

from __future__ import annotations

import json
import re
import statistics
import time
import typing as t
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from hotel import Host
from load import Failure, Latency, Result
from load.result import latency_of

# Seconds after a rollout in which what fails is still counted as its doing.
TAIL = 2.0


@dataclass(frozen=True)
class Span:
    """A stretch of wall time, as seconds since the epoch."""

    begin: float
    end: float

    @property
    def seconds(self) -> float:
        """How long it was."""
        return self.end - self.begin


@dataclass(frozen=True)
class Task:
    """One task of a playbook on one host: what it returned, and when it ran."""

    action: str
    span: Span
    result: dict[str, t.Any] = field(repr=False)


@dataclass(frozen=True)
class Way:
    """One way to roll, measured under load: one entry of ``spans`` per rollout; ``switches`` from shift to drained, where known."""

    name: str
    spans: tuple[Span, ...]
    load: Result = field(repr=False)
    steady: Span
    switches: tuple[Span, ...] = ()

    @property
    def seconds(self) -> float:
        """Seconds of the median rollout."""
        return statistics.median(span.seconds for span in self.spans)

    def _failures(self) -> list[Failure]:
        windows = [self._window(Span(span.begin, span.end + TAIL)) for span in self.spans]
        return [failure for window in windows for failure in self.load.window(*window).failures]

    @property
    def requests(self) -> int:
        """Requests sent during the rollouts."""
        return sum(self.load.window(*self._window(Span(span.begin, span.end + TAIL))).requests for span in self.spans)

    @property
    def failed(self) -> int:
        """Requests of these that got no right answer."""
        return sum(failure.kind != "check_failed" for failure in self._failures())

    @property
    def mixed(self) -> int:
        """Answers made by two versions: Nginx of one, PHP-FPM of the other."""
        return sum(failure.kind == "check_failed" for failure in self._failures())

    @property
    def dark(self) -> float:
        """The longest time without a successful answer, in seconds."""
        return max(self.load.window(*self._window(Span(span.begin, span.end + TAIL))).max_gap for span in self.spans)

    @property
    def before(self) -> Latency:
        """Latencies while nothing was rolled."""
        return self._latency([self.steady])

    @property
    def during(self) -> Latency:
        """Latencies over all rollouts, from the first command to the last."""
        return self._latency(self.spans)

    @property
    def switching(self) -> Latency:
        """Latencies over all switches alone."""
        return self._latency(self.switches)

    def _latency(self, spans: Iterable[Span]) -> Latency:
        samples, found = self.load.samples, []
        windows = [self._window(span) for span in spans]
        for due, done, shape, good in zip(samples.scheduled, samples.done, samples.shape, samples.ok):
            if good and shape in self.load.mix and any(begin <= due < end for begin, end in windows):
                found.append(done - due)
        return latency_of(found)

    def _window(self, span: Span) -> tuple[float, float]:
        return span.begin - self.load.started_at, span.end - self.load.started_at


class Clocked:
    """Measures a block: ``with Clocked() as clocked: ...``, then ``clocked.span``."""

    def __enter__(self) -> Clocked:
        self._begin = time.time()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.span = Span(self._begin, time.time())


def tasks(output: str) -> list[Task]:
    """The tasks that did something, from what the callback ansible.posix.json printed."""
    # What went to standard error follows.
    run, _end = json.JSONDecoder().raw_decode(output[output.index("{") :])
    found = []
    for play in run["plays"]:
        for task in play["tasks"]:
            stamps = task["task"]["duration"]
            for result in task["hosts"].values():
                if not result.get("skipped") and "end" in stamps:
                    found.append(Task(result.get("action", ""), Span(_epoch(stamps["start"]), _epoch(stamps["end"])), result))
    return found


def task(output: str, action: str) -> Task:
    """The only task of this action."""
    found = [one for one in tasks(output) if one.action == action]
    if len(found) != 1:
        raise AssertionError(f"expected one task {action}, the playbook ran {len(found)}:\n{output[-3000:]}")
    return found[0]


def switch_of(journal: str) -> Span:
    """From the begin of the last rollout's shift to the end of its drain, from the text of a journal."""
    entries = [json.loads(line) for line in journal.splitlines() if line.strip()]
    last = [entry for entry in entries if entry.get("rollout") == entries[-1]["rollout"]]
    begin = next(entry["at"] for entry in last if entry["event"] == "step" and entry["action"] == "shift")
    end = next(entry["at"] for entry in last if entry["event"] == "done" and entry["action"] == "drain")
    return Span(begin, end)


def total(rollout: dict[str, t.Any]) -> float:
    """Seconds from the first step's begin to the last step's end, as the module itself says."""
    last = rollout["timeline"][-1]
    return last["after"] + last["seconds"]


def shifted(rollout: dict[str, t.Any]) -> float:
    """Seconds from the first step's begin to the end of the shift."""
    return next(entry["after"] + entry["seconds"] for entry in rollout["timeline"] if entry["action"] == "shift")


def asked(rollout: dict[str, t.Any]) -> float:
    """Seconds in which a rollout found out what is to be migrated."""
    return sum(entry["seconds"] for entry in rollout["timeline"] if entry["action"] == "look")


def steps(rollouts: Sequence[dict[str, t.Any]]) -> dict[str, float]:
    """The median seconds of each step, by what it does. Ids of releases are left out, so that rollouts can be compared."""
    found: dict[str, list[float]] = {}
    for one in rollouts:
        for entry in one["timeline"]:
            found.setdefault(re.sub(r"\b[0-9a-f]{12}\b", "…", entry["text"]), []).append(entry["seconds"])
    return {text: statistics.median(seconds) for text, seconds in found.items()}


def waited(rollout: dict[str, t.Any]) -> float:
    """Seconds that a rollout did nothing but watch the new release."""
    return sum(entry["seconds"] for entry in rollout["timeline"] if entry["action"] == "watch")


def bare(host: Host, app: str, release: str, path: str, replicas: dict[str, list[str]], rounds: int = 3) -> dict[str, float]:
    """The median seconds from start to ready of each of these replicas by itself: see floor.py. The release must be stopped."""
    script = (Path(__file__).resolve().parent / "floor.py").read_text()
    out = host.run(f"python3 - {app} {release} {rounds} {path} '{json.dumps(replicas)}' <<'FLOOR'\n{script}\nFLOOR")
    return {name: statistics.median(seconds) for name, seconds in json.loads(out).items()}


def _epoch(stamp: str) -> float:
    return datetime.fromisoformat(stamp.rstrip("Z")).replace(tzinfo=UTC).timestamp()
