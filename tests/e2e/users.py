"""Users of the hotel while something happens to it, and what they may never notice."""

from __future__ import annotations

import json
import time
import typing as t
from dataclasses import replace

from hotel import Host
from load import Config, Load, Result, Shape

# Queue jobs on their own schedules: short ones, and some still in hand when the worker is asked to stop. Together they
# keep one worker busy half of the time, so that two workers are never far behind.
JOBS = tuple(
    Shape(f"job {seconds} s", "POST", "/jobs", f'{{"id": "{{run}}-job-{{n}}", "seconds": {seconds}}}', rate=rate, expect=frozenset({202}))
    for seconds, rate in ((0.1, 0.4), (1, 0.15), (3, 0.1))
)


class Users:
    """32 keep-alive clients and some fresh ones, bookings, slow requests, streams and queue jobs, as long as the ``with`` lasts.

    ``check`` stops them and asserts that no request failed, no booking or job was lost or doubled, no page was made of
    two releases, and at no moment two schedulers ran.
    """

    def __init__(self, host: Host, rate: float = 60, seconds: float = 900, patience: float | None = None, http2: bool = False) -> None:
        """``patience``: how many seconds they wait for an answer, where a test makes them wait longer than usual."""
        self._host = host
        config = host.load(rate=rate, seconds=seconds, http2=http2)
        config = replace(config, shapes=(*config.shapes, *JOBS))
        self._load = Load(_patient(config, patience) if patience else config)
        self._since = 0

    def __enter__(self) -> Users:
        self._since = int(time.time() * 1000)
        self._load.start()
        time.sleep(1)
        return self

    def __exit__(self, *_exc: t.Any) -> None:
        self._load.close()

    def mark(self, name: str) -> None:
        """Remember this moment."""
        self._load.mark(name)

    def check(self, cuts: int = 1, dark: tuple[str, str] | None = None, hard: bool = False) -> Result:
        """Stop, and assert that nothing was noticed. ``cuts``: how often a stream may have been cut, once a shift.

        Between the two marks of ``dark`` requests and streams may fail. ``hard``: workers and the scheduler were killed
        with it, so jobs in hand may run again and the scheduler may go without a good-bye.
        """
        result = self._load.stop()
        assert result.requests > 0
        begin, end = (result.time_of(dark[0]), result.time_of(dark[1])) if dark else (0.0, 0.0)
        late = [f for f in result.failures if not (dark and begin <= f.time and f.scheduled <= end)]
        assert not late, _told(result)
        if not dark:
            self._streams(result, cuts)
        self._bookings(result)
        if not hard:
            self._jobs(result)
        self._scheduler(hard)
        return result

    def _streams(self, result: Result, cuts: int) -> None:
        for stream in result.streams:
            # A stream may be cut at its bound, with or without a good-bye; the client must be back at the first try.
            assert stream.failed == 0, f"{stream.name}: {[(f.time, f.kind, f.detail) for f in stream.failures[:5]]}"
            assert stream.cut + stream.abnormal <= cuts, f"{stream.name} was cut more than once a shift: {dict(stream.closes)}"
            assert stream.messages > 0

    def _bookings(self, result: Result) -> None:
        stored = self._json(f"/bookings?reference={result.run}-")
        booked, lost = result.shapes["book"].ok, result.shapes["book"].failed
        assert booked > 0
        # One whose answer was lost may have been stored, and none was stored twice.
        assert stored["distinct"] == stored["total"] and booked <= stored["total"] <= booked + lost, (
            f"{booked} bookings were made, the answers to {lost} were lost, stored are {stored}"
        )

    def _jobs(self, result: Result) -> None:
        queued = sum(result.shapes[shape.name].ok for shape in JOBS)
        lost = sum(result.shapes[shape.name].failed for shape in JOBS)
        deadline = time.monotonic() + 30
        trace = self._json(f"/jobs/trace?prefix={result.run}-job-")
        while trace["total"] < queued and time.monotonic() < deadline:
            time.sleep(0.5)
            trace = self._json(f"/jobs/trace?prefix={result.run}-job-")
        if trace["total"] >= queued:
            # A second run of the same job would come now.
            time.sleep(0.5)
            trace = self._json(f"/jobs/trace?prefix={result.run}-job-")
        assert queued > 0
        counts = {key: trace[key] for key in ("total", "distinct", "doubled", "pending")}
        done = min(max(queued, trace["total"]), queued + lost)
        assert counts == {"total": done, "distinct": done, "doubled": [], "pending": 0}, f"{queued} jobs were queued"

    def _scheduler(self, hard: bool) -> None:
        trace = self._json(f"/schedule/trace?since={self._since}")
        assert trace["schedulers"], "no scheduler gave a sign of life"
        assert trace["overlaps"] == [], f"two schedulers ran at once: {trace['overlaps']} of {trace['schedulers']}"
        # The one that is not stopped is the one of the version that users see.
        alive = [one["version"] for one in trace["schedulers"] if not one["stopped"]]
        assert alive == [self._host.version()] or (hard and self._host.version() in alive), trace["schedulers"]

    def _json(self, path: str) -> dict[str, t.Any]:
        status, _headers, body = self._host.get(path)
        assert status == 200, f"{path} answered {status}: {body[:300]!r}"
        return t.cast("dict[str, t.Any]", json.loads(body))


def _patient(config: Config, seconds: float) -> Config:
    shapes = tuple(replace(shape, timeout=seconds) for shape in config.shapes)
    streams = tuple(replace(stream, open_timeout=seconds) for stream in config.streams)
    return replace(config, shapes=shapes, timeout=seconds, streams=streams)


def _told(result: Result) -> str:
    lines = [f"{result.failed} of {result.requests} requests failed: {result.kinds()}"]
    lines += [f"  {mark.time:.2f} s: {mark.name}" for mark in result.marks]
    lines += [f"  {f.scheduled:.2f} s: {f.shape} {f.kind} {f.detail} {f.first_bytes[:160]!r}" for f in result.failures[:12]]
    return "\n".join(lines)
