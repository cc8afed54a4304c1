"""Collects what happens during a run and turns it into a `Result`."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

from .config import Config
from .result import Failure, Mark, Result, Samples, Second, ShapeStats, StreamStats, Version, count, latency_of, max_gap

FIRST_BYTES = 200


class Recorder:
    """The mutable side of a run. `record` is called exactly once for each request."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.requests = 0  # handed out; each ends in `record`
        self.ok = 0
        self.failures: list[Failure] = []
        self.connections: dict[str, int] = {}
        self.lags = array("d")
        self._samples = Samples(array("d"), array("d"), array("H"), array("b"), array("h"))
        self._versions: dict[str, int] = {}

    def note(self, event: str) -> None:
        """Count something that happened to a connection."""
        self.connections[event] = self.connections.get(event, 0) + 1

    def record(self, scheduled: float, done: float, shape: int, version: str | None, failure: Failure | None) -> None:
        """Book the end of one request."""
        s = self._samples
        s.scheduled.append(scheduled)
        s.done.append(done)
        s.shape.append(shape)
        s.ok.append(failure is None)
        s.version.append(-1 if version is None else self._version_index(version))
        if failure is None:
            self.ok += 1
        else:
            self.failures.append(failure)

    def _version_index(self, version: str) -> int:
        # A "version" that differs in every answer (a wrong pattern) must not fill the memory.
        if version not in self._versions and len(self._versions) >= 1000:
            version = "(more than 1000 versions)"
        return self._versions.setdefault(version, len(self._versions))

    def result(
        self,
        started_at: float,
        seconds: float,
        streams: Sequence[StreamStats],
        cpu_seconds: float,
        marks: Sequence[Mark] = (),
    ) -> Result:
        """The frozen result of the run."""
        s, names = self._samples, tuple(shape.name for shape in self.config.shapes)
        if len(s.ok) != self.requests:
            raise AssertionError(f"{self.requests} requests were handed out but {len(s.ok)} were booked")
        versions = tuple(self._versions)
        mix = frozenset(i for i, shape in enumerate(self.config.shapes) if shape.rate is None)
        rows = list(zip(s.scheduled, s.done, s.shape, s.ok, s.version))
        successes = [done for dummy, done, shape, ok, dummy in rows if ok and shape in mix and done <= seconds]
        return Result(
            started_at=started_at,
            seconds=seconds,
            rate=self.config.total_rate(),
            requests=self.requests,
            ok=self.ok,
            failed=len(self.failures),
            failures=tuple(self.failures),
            latency=latency_of([done - due for due, done, shape, ok, dummy in rows if ok and shape in mix]),
            max_gap=max_gap(successes, 0.0, seconds),
            timeline=_timeline(rows, mix, versions),
            versions=_versions(rows, versions),
            shapes={name: _shape(rows, index) for index, name in enumerate(names)},
            streams=tuple(streams),
            marks=tuple(marks),
            connections=dict(self.connections),
            lag_p99=latency_of(list(self.lags)).p99,
            cpu_seconds=cpu_seconds,
            run=self.config.run,
            samples=s,
            shape_names=names,
            mix=mix,
            version_names=versions,
        )


def _timeline(rows, mix: frozenset[int], versions: tuple[str, ...]) -> tuple[Second, ...]:
    seconds: dict[int, list] = {}
    for row in rows:
        seconds.setdefault(int(row[0]), []).append(row)
    timeline = []
    # Every second has its entry, also one in which nothing was due.
    for second in range(max(seconds, default=-1) + 1):
        part = seconds.get(second, [])
        ok = sum(row[3] for row in part)
        timeline.append(
            Second(
                second,
                len(part),
                ok,
                len(part) - ok,
                latency_of([done - due for due, done, shape, good, dummy in part if good and shape in mix]),
                count(versions[row[4]] for row in part if row[4] >= 0),
            )
        )
    return tuple(timeline)


def _versions(rows, versions: tuple[str, ...]) -> dict[str, Version]:
    found: dict[str, Version] = {}
    for dummy, done, dummy, dummy, version in rows:
        if version >= 0:
            seen = found.get(versions[version], Version(0, done, done))
            found[versions[version]] = Version(seen.count + 1, min(seen.first, done), max(seen.last, done))
    return found


def _shape(rows, index: int) -> ShapeStats:
    part = [row for row in rows if row[2] == index]
    good = [done - due for due, done, dummy, ok, dummy in part if ok]
    return ShapeStats(len(part), len(good), len(part) - len(good), latency_of(good))
