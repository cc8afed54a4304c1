# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hotel rolled from version to version in three ways, on the same host under the same load, with bounds on ours.

Writes docs/benchmarks.md before any bound is asserted, so that a miss is on record too.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import time
import typing as t
from collections.abc import Callable, Iterator

import hotel
import pytest
from load import Load, render

from bench import report
from bench.measure import Clocked, Span, Way, bare, switch_of, task, tasks
from bench.peer import HOST_NAME, RELOAD, SERVICES, UP, Peer
from bench.report import Bench

# The host starts at the first version and is rolled to each of the others in turn.
VERSIONS = ("v1", "v2", "v3", "v4")
RATE = 60.0
# Seconds of load: until connections are warm; without any rollout; between two rollouts.
WARM, STEADY, SETTLE = 3.0, 12.0, 3.0
NOOPS = 3
COMPOSE_TASK = "community.docker.docker_compose_v2"
ROLLOUT_TASK = "steady.deploy.rollout"

Roll = Callable[[str], Span]


@pytest.fixture(scope="module")
def host() -> Iterator[hotel.Host]:
    """A host of the bench's own, with the hotel at the first version. Kept for the next run, unless in CI."""
    managed = hotel.Host("steady-bench", 2204, 8084, certificates="")
    try:
        managed.up()
        for version in VERSIONS:
            hotel.build(version)
        # Nothing kept: a version that an earlier run left there would only have to be started.
        played = managed.play("site.yml", hotel_version=VERSIONS[0], app_keep_releases=0)
        assert played.ok, played.output[-4000:]
        for version in VERSIONS:
            managed.run(" && ".join(f"docker pull -q registry.lab:5000/hotel/{name}:{version}" for name in ("app", "web", "ws")))
        yield managed
    finally:
        if os.environ.get("CI"):
            subprocess.run([str(hotel.ROOT / "lab/down.sh"), managed.name], check=True)


@pytest.fixture(scope="module")
def bench(host: hotel.Host) -> Bench:
    """Everything measured, once; the table is written."""
    peer = Peer(host)
    loaded: list[dict[str, t.Any]] = []
    unloaded: list[dict[str, t.Any]] = []
    try:
        peer.up(VERSIONS[0])
        compose = rolled(host, "compose", HOST_NAME, VERSIONS[1:], lambda version: by_compose(host, peer, version))
        # Goes on from the last version to the first, so each version is new to it too.
        module = rolled(host, "module", HOST_NAME, VERSIONS[:-1], lambda version: by_module(host, peer, version))
        steady = rolled(host, "steady", hotel.HOST_NAME, VERSIONS[1:], lambda version: by_steady(host, version, loaded))
        noops: dict[str, list[float]] = {"compose": [], "module": [], "steady": []}
        for _round in range(NOOPS):
            with Clocked() as clocked:
                host.run(UP)
            noops["compose"].append(clocked.span.seconds)
            noops["module"].append(noop(play_module(host), COMPOSE_TASK))
            noops["steady"].append(noop(deploy(host, VERSIONS[-1]).output, ROLLOUT_TASK))
    finally:
        peer.down()
    # The peer is gone and no load runs. As before, no version is one that is kept.
    for version in VERSIONS[:-1]:
        by_steady(host, version, unloaded)
    replicas = {"web-1": ["app-1", "web-1"], "web-2": ["app-2", "web-2"], "ws-1": ["ws-1"]}
    floor = bare(host, "hotel", unloaded[-1]["previous"], "/readyz", replicas)
    switched = Way(steady.name, steady.spans, steady.load, steady.steady, tuple(switch_of(one["journal"]) for one in loaded))
    measured = Bench(
        compose,
        module,
        switched,
        unloaded,
        {name: statistics.median(seconds) for name, seconds in noops.items()},
        floor,
        report.facts(host, RATE),
        status(host),
    )
    report.write(hotel.ROOT / "docs/benchmarks.md", measured)
    return measured


def rolled(host: hotel.Host, name: str, host_name: str, versions: tuple[str, ...], roll: Roll) -> Way:
    """Roll to each version in turn under one load."""
    spans = []
    with Load(host.load(rate=RATE, seconds=300, host=host_name, streams=())) as load:
        time.sleep(WARM)
        with Clocked() as quiet:
            time.sleep(STEADY)
        for version in versions:
            spans.append(roll(version))
            time.sleep(max(0.0, spans[-1].end + SETTLE - time.time()))
        result = load.stop()
    print(f"\n--- {name}\n{render(result)}")
    return Way(name, tuple(spans), result, quiet.span)


def by_compose(host: hotel.Host, peer: Peer, version: str) -> Span:
    """`docker compose up -d --wait`, then a reload."""
    peer.wants(version)
    with Clocked() as clocked:
        host.run(f"{UP} && {RELOAD}")
    return clocked.span


def by_module(host: hotel.Host, peer: Peer, version: str) -> Span:
    """community.docker.docker_compose_v2, then a reload."""
    peer.wants(version)
    output = play_module(host)
    first, last = task(output, COMPOSE_TASK), tasks(output)[-1]
    assert first.result["changed"] and last.action == "ansible.builtin.command", (
        f"{version} changed nothing or Nginx was not reloaded:\n{output[-3000:]}"
    )
    return Span(first.span.begin, last.span.end)


def by_steady(host: hotel.Host, version: str, rollouts: list[dict[str, t.Any]]) -> Span:
    """The module of this collection, by its playbook."""
    done = task(deploy(host, version).output, ROLLOUT_TASK)
    assert done.result["changed"], f"{version} was served already"
    rollouts.append({**done.result, "journal": host.run("cat /var/lib/steady/hotel/journal.jsonl")})
    return done.span


def deploy(host: hotel.Host, version: str) -> hotel.Played:
    """Run playbooks/deploy.yml, which must succeed."""
    played = host.deploy(version)
    assert played.ok, played.output[-4000:]
    return played


def play_module(host: hotel.Host) -> str:
    """Run the peer's playbook, which must succeed; what it printed."""
    played = host.play("tests/bench/peer.yml", bench_services=list(SERVICES))
    assert played.ok, played.output[-4000:]
    return played.output


def status(host: hotel.Host) -> float:
    """Median seconds of the migration tool's own answer to what is pending, by the host's clock."""
    app = host.run("docker ps -q -f label=steady.app=hotel -f label=com.docker.compose.service=app").split()[0]
    clock = f"date +%s.%N && docker exec {app} php artisan migrate:status >/dev/null && date +%s.%N"
    found = [[float(moment) for moment in host.run(clock).split()] for _round in range(NOOPS)]
    return statistics.median(end - begin for begin, end in found)


def noop(output: str, action: str) -> float:
    """Seconds of a task that found nothing to do."""
    done = task(output, action)
    assert not done.result["changed"], f"{action} was to find nothing to do, but changed something"
    return done.span.seconds


def test_the_load_is_real(bench: Bench) -> None:
    for way in (bench.compose, bench.module, bench.steady):
        assert way.before.count > 0.9 * RATE * STEADY, f"{way.name}: too few requests before the rollouts to compare with"
        assert way.load.lag_p99 < 0.05, f"{way.name}: the load was {way.load.lag_p99 * 1000:.0f} ms late: too busy a machine"
        assert len(way.spans) == len(VERSIONS) - 1


def test_no_request_fails(bench: Bench) -> None:
    assert (bench.steady.load.failed, bench.steady.failed, bench.steady.mixed) == (0, 0, 0), bench.steady.load.kinds()


def test_users_are_on_the_new_release_3_s_after_the_slowest_replica_could_be_ready(bench: Bench) -> None:
    """The whole rollout, which also hands over, watches and tidies up, is longer: the page tells by how much."""
    over = bench.shifted - bench.floor
    assert over <= report.MOST_OVER_FLOOR, f"{over:.2f} s over the floor of {bench.floor:.2f} s: {bench.steps}"


def test_a_run_without_change_is_no_slower_than_docker_compose_v2(bench: Bench) -> None:
    assert bench.noops["steady"] <= bench.noops["module"], bench.noops


def test_finding_nothing_to_migrate_costs_half_a_second_at_most(bench: Bench) -> None:
    over = bench.look - bench.status
    assert over <= report.MOST_OVER_STATUS, f"{over:.2f} s over the tool's own {bench.status:.2f} s"


def test_users_hardly_wait_longer_during_the_switch(bench: Bench) -> None:
    ratio = bench.steady.switching.p99 / bench.steady.before.p99
    assert ratio <= report.MOST_P99, (
        f"p99 {bench.steady.switching.p99 * 1000:.0f} ms during, {bench.steady.before.p99 * 1000:.0f} ms before"
    )
