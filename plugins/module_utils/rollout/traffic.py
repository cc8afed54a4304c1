# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How users fare with a release, from the answers they were given. Pure.

Few requests say little, and a verdict is asked for several times a second. So a bound counts as broken only where
chance hardly explains it: not where 3 of 20 requests failed or were slow, but where 4 were, or 30 of 300.
"""

from __future__ import annotations

import math
import typing as t
from dataclasses import dataclass

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import SpecError

# What one verdict in a hundred would exceed by chance, in standard deviations.
_SURE = 2.33
# Of 100 requests, those that may be slower than the 95th percentile.
_TAIL = 0.05
# Seconds. What went wrong lately must not hide behind a long good time before.
_LATELY = 10.0
# Slowness must last: for these seconds at the least, in each of so many parts of the time. A busy moment of the host, as a
# rollout itself makes them, is no fault of a release.
_LASTING, _PARTS = 5.0, 5


class Answer(t.NamedTuple):
    """One answer to a user. ``at``: seconds since the epoch when it ended; ``seconds`` is None for a stream, which has no latency."""

    at: float
    release: str
    status: int
    seconds: float | None

    @property
    def failed(self) -> bool:
        """Whether the server is to blame."""
        return self.status >= 500


@dataclass(frozen=True)
class Limits:
    """What a new release may do to users before it is taken back. Times in seconds.

    ``error_ratio`` is the share of 5xx answers it may have more than the old release had. ``p95`` bounds its 95th
    percentile as such; ``slowdown`` in multiples of the old release's, where that is more than ``slow``.
    There is no verdict before ``requests`` answers.
    """

    error_ratio: float = 0.05
    p95: float | None = None
    slowdown: float = 5.0
    slow: float = 0.3
    requests: int = 20


def limits_from(said: t.Mapping[str, t.Any]) -> Limits:
    """The limits of a rollout's parameters. Raises SpecError for one that no number of requests could keep or break."""
    limits = Limits(**said)
    for name, fits, how in (
        ("error_ratio", 0 <= limits.error_ratio <= 1, "a share from 0 to 1"),
        ("p95", limits.p95 is None or limits.p95 > 0, "seconds above 0"),
        ("slowdown", limits.slowdown >= 1, "1 or more, in multiples of the release before"),
        ("slow", limits.slow >= 0, "seconds"),
        ("requests", limits.requests >= 1, "1 or more"),
    ):
        if not fits:
            raise SpecError(f"parameter limits: `{name}` must be {how}, not {said[name]}")
    return limits


def judge(new: t.Sequence[Answer], old: t.Sequence[Answer], limits: Limits) -> str:
    """Which bound the release ``new`` breaks, as a sentence after its name. Empty while it breaks none, or too little is known.

    ``new`` is in the order of time; ``old`` is what the release before answered before the shift, possibly nothing.
    """
    if len(new) < max(1, limits.requests):
        return ""
    lately = _lately(new, limits.requests)
    return _errors(new, old, limits) or _errors(lately, old, limits) or _latency(lately, old, limits)


def _lately(new: t.Sequence[Answer], least: int) -> t.Sequence[Answer]:
    """The newest answers: those of the last seconds, and ``least`` of them at the least."""
    first = len(new) - 1
    while first > 0 and (len(new) - first < least or new[first - 1].at >= new[-1].at - _LATELY):
        first -= 1
    return new[first:]


def _errors(new: t.Sequence[Answer], old: t.Sequence[Answer], limits: Limits) -> str:
    failed = sum(answer.failed for answer in new)
    usual = sum(answer.failed for answer in old) / len(old) if old else 0.0
    if _at_least(failed, len(new)) <= limits.error_ratio + usual:
        return ""
    on_top = f" on top of the {_percent(usual)} of the release before" if usual else ""
    share = _percent(failed / len(new))
    return f"answered {failed} of {len(new)} requests with a 5xx status ({share}), the bound is {_percent(limits.error_ratio)}{on_top}"


def _latency(new: t.Sequence[Answer], old: t.Sequence[Answer], limits: Limits) -> str:
    timed = [answer for answer in new if answer.seconds is not None]
    if len(timed) < max(_PARTS, limits.requests) or timed[-1].at - timed[0].at < _LASTING:
        return ""
    now = durations(timed)
    if limits.p95 is not None and _slower(now, limits.p95, _TAIL):
        return f"has a p95 of {percentile(now):.3f} s over {len(now)} requests, the bound is {limits.p95:g} s"
    before = durations(old)
    if len(before) < max(1, limits.requests):
        return ""
    bound = max(limits.slow, limits.slowdown * percentile(before))
    usual = sum(value > bound for value in before) / len(before)
    if not _slower(now, bound, _TAIL + usual):
        return ""
    return (
        f"has a p95 of {percentile(now):.3f} s over {len(now)} requests, the bound is {bound:.3f} s: "
        f"the release before had {percentile(before):.3f} s over {len(before)}"
    )


def _slower(values: t.Sequence[float], bound: float, allowed: float) -> bool:
    """Whether surely more than the ``allowed`` share takes longer than ``bound``, and did all the time.

    Shares are compared, not percentiles: with few requests a percentile is the time of one of them, and endpoints that
    are slow by design would decide by chance.
    """
    slower = [value > bound for value in values]
    cuts = [len(values) * number // _PARTS for number in range(_PARTS + 1)]
    lasting = all(sum(slower[first:last]) > allowed * (last - first) for first, last in zip(cuts, cuts[1:]))
    return lasting and _at_least(sum(slower), len(slower)) > allowed


def _at_least(hits: int, total: int) -> float:
    """The share that ``hits`` of ``total`` prove: the lower end of Wilson's interval, which holds for small numbers too."""
    share = hits / total
    square = _SURE * _SURE
    spread = _SURE * math.sqrt(share * (1 - share) / total + square / (4 * total * total))
    return max(0.0, (share + square / (2 * total) - spread) / (1 + square / total))


def durations(answers: t.Iterable[Answer]) -> list[float]:
    """How long those took that have a latency, in their order."""
    return [answer.seconds for answer in answers if answer.seconds is not None]


def percentile(values: t.Iterable[float], share: float = 0.95) -> float:
    """The smallest value that ``share`` of all do not exceed; 0 without values."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else 0.0


def _percent(share: float) -> str:
    return f"{share * 100:.1f} %"


def summary(answers: t.Sequence[Answer]) -> dict[str, t.Any]:
    """Requests, failed, and p50 and p95 in seconds (null without a request that has a latency)."""
    values = durations(answers)
    return {
        "requests": len(answers),
        "failed": sum(answer.failed for answer in answers),
        "p50": round(percentile(values, 0.5), 3) if values else None,
        "p95": round(percentile(values), 3) if values else None,
    }


def buckets(answers: t.Iterable[Answer], begun: float, most: int = 900) -> list[dict[str, t.Any]]:
    """Per second since ``begun`` and release: ``second``, ``release`` and its summary. Of a long rollout the last ``most`` seconds."""
    found: dict[tuple[float, str], list[Answer]] = {}
    for answer in answers:
        found.setdefault((float(math.floor(answer.at - begun)), answer.release), []).append(answer)
    last = max((second for second, dummy in found), default=0.0)
    return [
        {"second": second, "release": release, **summary(found[second, release])}
        for second, release in sorted(found)
        if second > last - most
    ]
