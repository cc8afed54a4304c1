# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bench as a page of the documentation."""

from __future__ import annotations

import os
import statistics
import typing as t
from dataclasses import dataclass, field
from pathlib import Path

from hotel import Host

from bench.measure import Way, asked, shifted, steps, total, waited

# The bounds: seconds of a rollout over the floor; p99 during the switch over p99 before.
MOST_OVER_FLOOR = 3.0
MOST_P99 = 2.0
# Seconds that asking what is to be migrated may take over the tool's own command for it.
MOST_OVER_STATUS = 0.5


@dataclass(frozen=True)
class Bench:
    """All that was measured. ``noops`` by way and ``replicas`` (bare start-to-ready) by replica, in seconds.

    ``rollouts`` are results of the module without any load, so that there was nothing to drain. ``status`` is what the migration
    tool's own command takes in a container that runs already, in seconds.
    """

    compose: Way
    module: Way
    steady: Way
    rollouts: list[dict[str, t.Any]] = field(repr=False)
    noops: dict[str, float]
    replicas: dict[str, float]
    facts: dict[str, str]
    status: float

    @property
    def floor(self) -> float:
        """The slowest replica's own time from start to ready."""
        return max(self.replicas.values())

    @property
    def total(self) -> float:
        """Seconds of the median rollout, as the module says."""
        return statistics.median(total(one) for one in self.rollouts)

    @property
    def shifted(self) -> float:
        """Seconds until the median rollout had all users on the new release."""
        return statistics.median(shifted(one) for one in self.rollouts)

    @property
    def watch(self) -> float:
        """Seconds of these that the median rollout did nothing but watch."""
        return statistics.median(waited(one) for one in self.rollouts)

    @property
    def look(self) -> float:
        """Seconds in which the median rollout found that nothing is to be migrated."""
        return statistics.median(asked(one) for one in self.rollouts)

    @property
    def steps(self) -> dict[str, float]:
        """The steps of a rollout and their median seconds."""
        return steps(self.rollouts)


def facts(host: Host, rate: float) -> dict[str, str]:
    """What was measured on: no name and no date."""
    return {
        "CPU cores": f"{os.cpu_count()}, shared by the host, the load and Ansible",
        "Docker Engine": host.run("docker version --format '{{.Server.Version}}'").strip(),
        "Docker Compose": host.run("docker compose version --short").strip(),
        "Nginx": host.run("nginx -v 2>&1").strip().rpartition("/")[2],
        "load": f"open loop, {rate:g} requests/s over 32 keep-alive clients, one in ten on a connection of its own, 30 % POST, "
        "3 s requests beside it, a round trip of 50 ms",
    }


def write(path: Path, bench: Bench) -> None:
    """Write the page."""
    path.write_text(page(bench), encoding="utf-8")


def page(bench: Bench) -> str:
    """The page as Markdown."""
    ways = (bench.compose, bench.module, bench.steady)
    count = len(bench.steady.spans)
    over = bench.total - bench.floor
    p99 = bench.steady.switching.p99 / bench.steady.before.p99
    lines = [
        "# Benchmarks",
        "",
        "Written by `make bench`, which measures anew. Numbers of one machine: compare the columns,",
        "not the seconds.",
        "",
        "The example app (`examples/hotel`: 2 replicas of web and app, a worker, a scheduler, a WebSocket service) is rolled",
        f"{count} times in a row by each way, on the same host, under the same load. Seconds are medians; failed requests are sums;",
        "dark is the worst.",
        "",
        *_table(
            ("", "`docker compose up -d --wait`, reload", "`docker_compose_v2`, reload", "`steady.deploy.rollout`"),
            [
                ("failed requests", *(f"{way.failed} of {way.requests}" for way in ways)),
                ("answers made by two versions", *(str(way.mixed) for way in ways)),
                ("dark: longest time without a success", *(f"{way.dark:.2f} s" for way in ways)),
                ("rollout, as the command or task takes", *(f"{way.seconds:.1f} s" for way in ways)),
                ("… over the floor", *(f"{way.seconds - bench.floor:.1f} s" for way in ways)),
                ("p99 before the rollouts", *(f"{way.before.p99 * 1000:.0f} ms" for way in ways)),
                (
                    "p99 of what succeeded during the whole rollouts",
                    *(f"{way.during.p99 * 1000:.0f} ms ({way.during.p99 / way.before.p99:.1f}x)" for way in ways),
                ),
                ("run without change", *(f"{bench.noops[name]:.2f} s" for name in ("compose", "module", "steady"))),
            ],
        ),
        "",
        "The first two do not look after the database; the rollout does. The first is run on the host itself, the others through",
        "Ansible over SSH.",
        "",
        "## Aims",
        "",
        "`make bench` fails where one that is marked *asserted* is missed. This app migrates, tries scenarios and hands over, without",
        "load; an app with nothing of that is [below](#against-the-number-of-replicas).",
        "",
        *_table(
            ("`steady.deploy.rollout`", "aim", "measured", ""),
            [
                ("failed requests, asserted", "0", str(bench.steady.load.failed), _mark(bench.steady.load.failed == 0)),
                (
                    "rollout over the floor, without load, by the module's own clock",
                    f"≤ {MOST_OVER_FLOOR:g} s",
                    f"{over:.1f} s ({bench.total:.1f} - {bench.floor:.1f})",
                    _mark(over <= MOST_OVER_FLOOR),
                ),
                ("… less the seconds it only watched", "", f"{over - bench.watch:.1f} s", ""),
                (
                    "… until all users are on the new release, asserted",
                    f"≤ {MOST_OVER_FLOOR:g} s",
                    f"{bench.shifted - bench.floor:.1f} s",
                    _mark(bench.shifted - bench.floor <= MOST_OVER_FLOOR),
                ),
                (
                    "run without change, against `docker_compose_v2`'s, asserted",
                    "≤ 1x",
                    f"{bench.noops['steady'] / bench.noops['module']:.2f}x",
                    _mark(bench.noops["steady"] <= bench.noops["module"]),
                ),
                (
                    "finding that nothing is to be migrated, over the tool's own `migrate:status`, asserted",
                    f"≤ {MOST_OVER_STATUS:g} s",
                    f"{bench.look - bench.status:.2f} s ({bench.look:.2f} - {bench.status:.2f})",
                    _mark(bench.look - bench.status <= MOST_OVER_STATUS),
                ),
                (
                    "p99 during the switch, against before, asserted",
                    f"≤ {MOST_P99:g}x",
                    f"{p99:.2f}x ({bench.steady.switching.p99 * 1000:.0f} ms over {bench.steady.switching.count} requests)",
                    _mark(p99 <= MOST_P99),
                ),
            ],
        ),
        "",
        "The switch lasts from the begin of the shift to the end of the drain. The tool's own command is run in a container that runs",
        "already; the rollout asks the new release, in a container that it starts for that.",
        "",
        "## Where a rollout's seconds go",
        "",
        "Medians of rollouts without load, by the module's own clock. The watch ends 2 s after the shift (`watch`), whatever else",
        "was done meanwhile. The floor is the slowest replica's own time from `docker start` until `/readyz` answers, each started",
        "by itself: " + ", ".join(f"{name} {seconds:.2f} s" for name, seconds in bench.replicas.items()) + ".",
        "",
        *_table(("step", "seconds"), [(name, f"{seconds:.2f}") for name, seconds in bench.steps.items()]),
        "",
        "## Measured on",
        "",
        *_table(("what", "value"), list(bench.facts.items())),
        "",
    ]
    return "\n".join(lines)


def _mark(good: bool) -> str:
    return "met" if good else "**missed**"


def _table(head: tuple[str, ...], rows: t.Sequence[tuple[str, ...]]) -> list[str]:
    return ["| " + " | ".join(row) + " |" for row in (head, ("---",) * len(head), *rows)]
