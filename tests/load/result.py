"""What a load saw. All times are seconds since the load's start, unless they say otherwise."""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields

# Every way a request can fail. Each failed request has exactly one kind.
KINDS = (
    "connect_refused",  # nobody listens
    "connect_timeout",  # no connection within connect_timeout
    "connect_failed",  # any other error while connecting
    "keepalive_reset",  # sent on a kept connection that the server closed: not one byte came back
    "empty_reply",  # the same on a new connection
    "reset_midway",  # the response stopped before its end
    "timeout",  # no whole response in time, counted from the scheduled time
    "protocol_error",  # bytes that are not HTTP/1.1
    "bad_status",  # a status the shape does not expect
    "check_failed",  # the shape's check found something, or raised
    "shape_error",  # the shape's path or body function, or `version`, raised
    # and of streams only:
    "handshake_failed",  # the connection broke or made no sense before the WebSocket was open
    "closed",  # a WebSocket close with a code that is no cut
)


@dataclass(frozen=True)
class Failure:
    """One failed request, or one failure of a stream (`shape` is then the stream's name)."""

    time: float  # when it was known
    scheduled: float  # when the request was due
    shape: str
    kind: str
    detail: str
    first_bytes: bytes  # the start of what came back, if anything did
    number: int = -1  # the request's number ({n}); -1 for streams


@dataclass(frozen=True)
class Version:
    """How often a release answered, and when first and last."""

    count: int
    first: float
    last: float


@dataclass(frozen=True)
class Latency:
    """Percentiles in seconds over successful requests; NaN where there are none."""

    count: int
    p50: float
    p95: float
    p99: float
    max: float


@dataclass(frozen=True)
class Second:
    """The requests that were due in one second of the run."""

    second: int
    requests: int
    ok: int
    failed: int
    latency: Latency  # of the mix
    versions: Mapping[str, int]


@dataclass(frozen=True)
class Window:
    """A part of the run: the requests due in [start, end)."""

    start: float
    end: float
    requests: int
    ok: int
    failed: int
    latency: Latency  # of the mix, or of the shapes asked for
    max_gap: float  # longest time in it without a success of these
    failures: tuple[Failure, ...]
    versions: Mapping[str, int]


@dataclass(frozen=True)
class ShapeStats:
    """Totals of one shape."""

    requests: int
    ok: int
    failed: int
    latency: Latency


@dataclass(frozen=True)
class StreamStats:
    """What a WebSocket or SSE client saw.

    `cut`: closed by the server in the orderly way, then back at the first try.
    `abnormal`: the connection broke without a close (WebSocket code 1006, SSE without its end).
    `failed`: everything else, each in `failures`. `closes` counts every close by its code or word.
    """

    name: str
    connects: int
    messages: int  # echoes or events
    pushes: int  # WebSocket messages that were no echo
    unanswered: int  # echoes that a close left open
    cut: int
    abnormal: int
    failed: int
    closes: Mapping[str, int]
    latency: Latency  # of the echoes
    max_gap: float  # longest time without a message
    failures: tuple[Failure, ...]


@dataclass(frozen=True)
class Mark:
    """A named moment, set by the caller."""

    name: str
    time: float


@dataclass(frozen=True)
class Samples:
    """One entry per request in each column, in the order in which they ended."""

    scheduled: array
    done: array
    shape: array  # index into `Result.shape_names`
    ok: array
    version: array  # index into `Result.version_names`, -1: unknown


@dataclass(frozen=True)
class Result:
    """A whole run."""

    started_at: float  # Unix time
    seconds: float  # how long requests were sent; the last answers came up to a timeout later
    rate: float
    requests: int
    ok: int
    failed: int
    failures: tuple[Failure, ...]
    latency: Latency  # of the mix: shapes with a rate of their own are in `shapes`
    max_gap: float  # longest time without a success of the mix
    timeline: tuple[Second, ...]
    versions: Mapping[str, Version]
    shapes: Mapping[str, ShapeStats]
    streams: tuple[StreamStats, ...]
    marks: tuple[Mark, ...]
    connections: Mapping[str, int]  # what happened to connections, failures or not
    lag_p99: float  # how late the generator itself was; above some ms, distrust the latencies
    cpu_seconds: float  # used by the load's process during the run
    run: str
    samples: Samples = field(repr=False)
    shape_names: tuple[str, ...] = ()
    mix: frozenset[int] = frozenset()
    version_names: tuple[str, ...] = ()

    @property
    def clean(self) -> bool:
        """True when no request failed and no stream failed or broke."""
        return self.requests > 0 and self.failed == 0 and not any(s.failed or s.abnormal for s in self.streams)

    def kinds(self) -> dict[str, int]:
        """Failed requests by kind."""
        return count(failure.kind for failure in self.failures)

    def time_of(self, mark: str) -> float:
        """The time of the last mark of that name. Raises KeyError."""
        for entry in reversed(self.marks):
            if entry.name == mark:
                return entry.time
        raise KeyError(f"no mark {mark!r}; there are: {', '.join(m.name for m in self.marks) or 'none'}")

    def between(self, first: str, last: str | None = None, shapes: Sequence[str] | None = None) -> Window:
        """The window between two marks (to the end without `last`)."""
        return self.window(self.time_of(first), None if last is None else self.time_of(last), shapes)

    def window(self, start: float = 0.0, end: float | None = None, shapes: Sequence[str] | None = None) -> Window:
        """The part of the run in [start, end), by the time at which requests were due.

        With `shapes`, only requests of those count; without, all count, and the
        percentiles are the mix's. `max_gap` goes by the time of the successes, and
        includes the time from `start` to the first and from the last to `end`.
        """
        end = self.seconds if end is None else end
        wanted = None if shapes is None else {self.shape_names.index(name) for name in shapes}
        timed = self.mix if wanted is None else wanted
        s, ok, latencies, successes, versions = self.samples, 0, [], [], []
        requests = 0
        for scheduled, done, shape, good, version in zip(s.scheduled, s.done, s.shape, s.ok, s.version):
            if wanted is not None and shape not in wanted:
                continue
            if good and shape in timed and start <= done < end:
                successes.append(done)
            if not start <= scheduled < end:
                continue
            requests += 1
            if version >= 0:
                versions.append(self.version_names[version])
            if good:
                ok += 1
                if shape in timed:
                    latencies.append(done - scheduled)
        failures = tuple(f for f in self.failures if start <= f.scheduled < end and (shapes is None or f.shape in shapes))
        return Window(
            start,
            end,
            requests,
            ok,
            requests - ok,
            latency_of(latencies),
            max_gap(successes, start, end),
            failures,
            count(versions),
        )

    def to_dict(self) -> dict:
        """Everything but the samples as plain data for JSON (NaN becomes None, bytes become text)."""
        return _plain(self)


def latency_of(values: list[float]) -> Latency:
    """Percentiles of `values` (nearest rank)."""
    values = sorted(values)
    if not values:
        return Latency(0, math.nan, math.nan, math.nan, math.nan)
    ranks = (values[max(0, math.ceil(share * len(values)) - 1)] for share in (0.5, 0.95, 0.99))
    return Latency(len(values), *ranks, values[-1])


def max_gap(times: list[float], start: float, end: float) -> float:
    """The longest distance between two neighbours of `times` and the two borders."""
    longest, last = 0.0, start
    for time in sorted(times):
        longest, last = max(longest, time - last), time
    return max(longest, end - last, 0.0)


def count(words) -> dict[str, int]:
    """How often each word comes, in order of first sight."""
    found: dict[str, int] = {}
    for word in words:
        found[word] = found.get(word, 0) + 1
    return found


def _plain(value):
    if isinstance(value, float):
        return round(value, 6) if math.isfinite(value) else None
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(entry) for entry in value]
    if hasattr(value, "__dataclass_fields__"):
        skip = {"samples", "shape_names", "mix", "version_names"}
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value) if f.name not in skip}
    return value
