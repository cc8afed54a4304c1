"""A result as a short table for people."""

from __future__ import annotations

import math

from .result import Latency, Result, count

LATE = 0.02  # seconds; above, the generator itself was starved


def render(result: Result) -> str:
    """Lines of text: shapes, streams, failures, versions, and what the generator itself cost."""
    head = ("shape", "requests", "failed", "p50 ms", "p95 ms", "p99 ms", "max ms")
    rows = [head]
    rows += [(name, str(s.requests), str(s.failed), *_milliseconds(s.latency)) for name, s in result.shapes.items()]
    rows.append(("all (times: mix)", str(result.requests), str(result.failed), *_milliseconds(result.latency)))
    lines = _columns(rows)
    for s in result.streams:
        lines.append(
            f"{s.name}: {s.messages} messages, {s.connects} connects, {s.cut} cut, {s.abnormal} abnormal, "
            f"{s.failed} failed, longest silence {s.max_gap:.2f} s"
        )
    gap = result.max_gap * 1000
    lines.append(f"sent for {result.seconds:.1f} s at {result.rate:g}/s, longest gap between successes {gap:.0f} ms")
    if result.connections:
        lines.append("connections: " + ", ".join(f"{n} {what}" for what, n in sorted(result.connections.items())))
    for version, seen in result.versions.items():
        lines.append(f"version {version}: {seen.count} answers, from {seen.first:.2f} s to {seen.last:.2f} s")
    failures = [*result.failures, *(f for s in result.streams for f in s.failures)]
    for kind, number in count(f.kind for f in failures).items():
        first = next(f for f in failures if f.kind == kind)
        lines.append(f"{kind}: {number}, first at {first.time:.2f} s, {first.shape}: {first.detail}")
    load = result.cpu_seconds / result.seconds if result.seconds else math.nan
    lines.append(f"the load itself: {load:.0%} of one CPU, {result.lag_p99 * 1000:.1f} ms late (p99)")
    if result.lag_p99 > LATE:
        lines.append("WARNING: the load itself was late; the machine is too busy for these latencies to mean much")
    return "\n".join(lines)


def _milliseconds(latency: Latency) -> tuple[str, ...]:
    values = (latency.p50, latency.p95, latency.p99, latency.max)
    return tuple("-" if math.isnan(value) else f"{value * 1000:.1f}" for value in values)


def _columns(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows)]
    return [
        "  ".join(cell.ljust(width) if i == 0 else cell.rjust(width) for i, (cell, width) in enumerate(zip(row, widths))) for row in rows
    ]
