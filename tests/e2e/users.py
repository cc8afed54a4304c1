"""Users of the hotel while something happens to it, and what they may never notice."""

from __future__ import annotations

import json
import time
import typing as t
from dataclasses import replace

from hotel import Host
from load import Load, Result, Shape

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

    def __init__(self, host: Host, rate: float = 60, seconds: float = 900) -> None:
        self._host = host
        config = host.load(rate=rate, seconds=seconds)
        self._load = Load(replace(config, shapes=(*config.shapes, *JOBS)))
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

    def check(self, cuts: int = 1) -> Result:
        """Stop, and assert that nothing was noticed. ``cuts``: how often a stream may have been cut, once a shift."""
        result = self._load.stop()
        assert result.requests > 0 and result.failed == 0, _told(result)
        for stream in result.streams:
            # A stream may be cut at its bound, with or without a good-bye; the client must be back at the first try.
            assert stream.failed == 0, f"{stream.name}: {[(f.time, f.kind, f.detail) for f in stream.failures[:5]]}"
            assert stream.cut + stream.abnormal <= cuts, f"{stream.name} was cut more than once a shift: {dict(stream.closes)}"
            assert stream.messages > 0
        self._bookings(result)
        self._jobs(result)
        self._scheduler()
        return result

    def _bookings(self, result: Result) -> None:
        stored = self._json(f"/bookings?reference={result.run}-")
        booked = result.shapes["book"].ok
        assert booked > 0
        assert (stored["distinct"], stored["total"]) == (booked, booked), f"{booked} bookings were made, stored are {stored}"

    def _jobs(self, result: Result) -> None:
        queued = sum(result.shapes[shape.name].ok for shape in JOBS)
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
        assert counts == {"total": queued, "distinct": queued, "doubled": [], "pending": 0}, f"{queued} jobs were queued"

    def _scheduler(self) -> None:
        trace = self._json(f"/schedule/trace?since={self._since}")
        assert trace["schedulers"], "no scheduler gave a sign of life"
        assert trace["overlaps"] == [], f"two schedulers ran at once: {trace['overlaps']} of {trace['schedulers']}"
        # The one that is not stopped is the one of the version that users see.
        assert [one["version"] for one in trace["schedulers"] if not one["stopped"]] == [self._host.version()], trace["schedulers"]

    def _json(self, path: str) -> dict[str, t.Any]:
        status, _headers, body = self._host.get(path)
        assert status == 200, f"{path} answered {status}: {body[:300]!r}"
        return t.cast("dict[str, t.Any]", json.loads(body))


def _told(result: Result) -> str:
    lines = [f"{result.failed} of {result.requests} requests failed: {result.kinds()}"]
    lines += [f"  {mark.time:.2f} s: {mark.name}" for mark in result.marks]
    lines += [f"  {f.scheduled:.2f} s: {f.shape} {f.kind} {f.detail} {f.first_bytes[:160]!r}" for f in result.failures[:12]]
    return "\n".join(lines)
