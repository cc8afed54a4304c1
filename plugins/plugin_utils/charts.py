# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The charts of a rollout's picture, as SVG: steps over time, requests and latency per release around the shift. Pure."""

from __future__ import annotations

import math
import typing as t

from ansible_collections.steady.deploy.plugins.plugin_utils.markup import Markup, el, join

Json = t.Mapping[str, t.Any]


def number(value: t.Any, default: float = 0.0) -> float:
    """``value`` if it is a number that can be drawn."""
    fine = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value) and abs(value) < 1e9
    return float(value) if fine else default


def listed(value: t.Any) -> list[Json]:
    """The mappings in a list; nothing for anything else."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def seconds(value: float) -> str:
    """``0.31 s``, ``12.5 s``, ``4 min 10 s``."""
    if value >= 119.5:
        whole = round(value)
        return f"{whole // 60} min {whole % 60} s"
    return f"{value:.2f} s" if value < 1 else f"{value:.1f} s"


class Scale:
    """From seconds since the rollout began to percent of a chart's width."""

    def __init__(self, begin: float, end: float) -> None:
        self.begin = begin
        self.end = max(end, begin + 0.1)

    def at(self, moment: float) -> float:
        """Where a moment is, between 0 and 100."""
        return min(100.0, max(0.0, 100 * (moment - self.begin) / (self.end - self.begin)))

    def ticks(self, most: int = 5) -> list[float]:
        """Round moments, a handful."""
        span = self.end - self.begin
        rough = 10 ** math.floor(math.log10(span / most))
        step = next(rough * factor for factor in (1, 2, 5, 10) if span / (rough * factor) <= most)
        first = math.ceil(self.begin / step)
        return [index * step for index in range(first, math.floor(self.end / step) + 1)]


def axis(scale: Scale) -> Markup:
    """The seconds along the top."""
    labels = []
    for tick in scale.ticks():
        at = scale.at(tick)
        anchor = "start" if at < 4 else "end" if at > 94 else "middle"
        labels.append(el("text", f"{tick:g} s", x=f"{at:.2f}%", y="11", text_anchor=anchor))
    return el("svg", *labels, class_="axis", height="14", aria_hidden="true")


def timespan(scale: Scale, begin: float, length: float, kind: str, shift: float | None, thin: bool = False) -> Markup:
    """One bar in a row of its own, with a mark where the traffic was shifted."""
    height = 8 if thin else 14
    left = scale.at(begin)
    width = max(0.7, scale.at(begin + length) - left)
    left = min(left, 100 - width)
    mark = (
        el("line", x1=f"{scale.at(shift):.2f}%", x2=f"{scale.at(shift):.2f}%", y1="0", y2="100%", class_="shifted")
        if shift is not None
        else None
    )
    rail = el("line", x1="0", x2="100%", y1="50%", y2="50%", class_="rail")
    rect = el("rect", x=f"{left:.2f}%", width=f"{width:.2f}%", y="0", height="100%", rx="3", class_=f"bar {kind}")
    return el("svg", rail, mark, rect, height=str(height), role="img", aria_label=f"from {seconds(max(0.0, begin))}, {seconds(length)}")


def traffic_chart(traffic: t.Sequence[Json], shift: float | None) -> Markup:
    """Requests a second as columns, one colour a release, failed ones on top in red; below it the latency's 95th percentile."""
    rows = sorted(traffic, key=lambda row: number(row.get("second")))
    releases = list(dict.fromkeys(str(row.get("release")) for row in rows))
    colour = {release: f"r{min(index, 2)}" for index, release in enumerate(releases)}
    moments = sorted({number(row.get("second")) for row in rows})
    scale = Scale(moments[0], moments[-1] + 1)
    totals = {moment: sum(number(row.get("requests")) for row in rows if number(row.get("second")) == moment) for moment in moments}
    most = max([*totals.values(), 1.0])
    slowest = max([number(row.get("p95")) for row in rows] + [0.001])
    width = max(0.2, scale.at(scale.begin + 1) * 0.86)
    mark = (
        el("line", x1=f"{scale.at(shift):.2f}%", x2=f"{scale.at(shift):.2f}%", y1="0", y2="100%", class_="shifted")
        if shift is not None
        else None
    )
    columns: list[Markup] = []
    for moment in moments:
        base = 100.0
        for row in [row for row in rows if number(row.get("second")) == moment]:
            failed = min(number(row.get("failed")), number(row.get("requests")))
            for count, kind in ((number(row.get("requests")) - failed, colour[str(row.get("release"))]), (failed, "bad")):
                if count > 0:
                    # A single failed request among thousands is to be seen.
                    height = max(100 * count / most, 2.0 if kind == "bad" else 0.0)
                    base = max(0.0, base - height)
                    columns.append(
                        el(
                            "rect",
                            x=f"{scale.at(moment):.2f}%",
                            width=f"{width:.2f}%",
                            y=f"{base:.2f}%",
                            height=f"{height:.2f}%",
                            class_=f"column {kind}",
                        )
                    )
    lines = []
    for release in releases:
        points = [
            (scale.at(number(row.get("second")) + 0.5), 100 - 92 * number(row.get("p95")) / slowest)
            for row in rows
            if str(row.get("release")) == release
        ]
        path = " ".join(f"{x:.2f},{y:.2f}" for x, y in points)
        lines.append(el("polyline", points=path, class_=f"line {colour[release]}"))
    inner = el("svg", *lines, viewBox="0 0 100 100", preserveAspectRatio="none", width="100%", height="100%")
    return join(
        axis(scale),
        el(
            "figure",
            el("figcaption", f"requests a second, at most {most:.0f}"),
            el("svg", mark, *columns, height="110", class_="chart", role="img", aria_label="requests a second by release"),
        ),
        el(
            "figure",
            el("figcaption", f"95th percentile of latency, at most {slowest * 1000:.0f} ms"),
            el("svg", mark, inner, height="70", class_="chart", role="img", aria_label="latency by release"),
        ),
    )
