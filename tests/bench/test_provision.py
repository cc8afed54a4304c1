"""How long `playbooks/provision.yml` takes over a host that is as it should be already, and where the time goes.

The result is written to docs/provisioning-speed.md. The aim, for a host with everything on it: 15 s, and nothing changed.
"""

from __future__ import annotations

import collections
import json
import subprocess
import typing as t
from dataclasses import dataclass
from datetime import datetime

import hotel
import pytest

AIM = 15.0
RUNS = 3
PAGE = hotel.ROOT / "docs/provisioning-speed.md"


@dataclass(frozen=True)
class Part:
    """What one role cost in one run. Tasks that were skipped are not counted, their time is."""

    seconds: float
    tasks: int
    skipped: int


@dataclass(frozen=True)
class Run:
    """One run of the playbook."""

    seconds: float
    changed: tuple[str, ...]
    parts: dict[str, Part]


@pytest.fixture(scope="module")
def host() -> t.Iterator[hotel.Host]:
    managed = hotel.Host("steady-whole", 2206, 8086)
    managed.up()
    yield managed
    subprocess.run([str(hotel.ROOT / "lab/down.sh"), managed.name], check=True)


@pytest.fixture(scope="module")
def runs(host: hotel.Host) -> list[Run]:
    """Some runs without anything to do."""
    play(host)
    play(host)
    found = [play(host) for dummy in range(RUNS)]
    PAGE.write_text(page(found), encoding="utf-8")
    return found


def test_nothing_is_changed(runs: list[Run]) -> None:
    assert [run.changed for run in runs] == [()] * RUNS


def test_it_is_as_quick_as_it_is_meant_to_be(runs: list[Run]) -> None:
    assert middle(runs).seconds <= AIM, {role: round(part.seconds, 1) for role, part in middle(runs).parts.items()}


def middle(runs: list[Run]) -> Run:
    """The run that took the median time."""
    return sorted(runs, key=lambda run: run.seconds)[len(runs) // 2]


def play(host: hotel.Host) -> Run:
    """Run the playbook once."""
    argv = host.command("playbooks/provision.yml", "-i", str(hotel.ROOT / "tests/bench/whole.yml"), "-e", json.dumps(EVERYTHING))
    done = subprocess.run(
        argv, env=host.environment(ANSIBLE_STDOUT_CALLBACK="ansible.posix.json"), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    return read(json.loads(done.stdout[done.stdout.index("{") :]))


# The lab's host sees the memory of the whole machine, so the sizes are given.
EVERYTHING: dict[str, t.Any] = {
    "database_memory_mb": 256,
    "database_databases": [{"name": "desk"}],
    "database_users": [{"name": "desk", "password": "only-for-this-test", "access": {"desk": "owner"}}],
    "redis_memory_mb": 64,
    "redis_password": "only-for-this-test-as-well",
}


def read(run: dict[str, t.Any]) -> Run:
    """A run from what Ansible's JSON callback printed."""
    seconds: dict[str, float] = collections.defaultdict(float)
    tasks: dict[str, int] = collections.defaultdict(int)
    skipped: dict[str, int] = collections.defaultdict(int)
    changed = []
    begin, end = [], []
    for one in run["plays"]:
        begin.append(moment(one["play"]["duration"]["start"]))
        end.append(moment(one["play"]["duration"]["end"]))
        for task in one["tasks"]:
            name = task["task"]["name"]
            role = name.split(" : ")[0].rpartition(".")[2] if " : " in name else "(facts)"
            duration = task["task"]["duration"]
            seconds[role] += (moment(duration["end"]) - moment(duration["start"])).total_seconds() if "end" in duration else 0.0
            for result in task["hosts"].values():
                tasks[role] += not result.get("skipped", False)
                skipped[role] += result.get("skipped", False)
                if result.get("changed"):
                    changed.append(name)
    parts = {role: Part(seconds[role], tasks[role], skipped[role]) for role in seconds}
    return Run((max(end) - min(begin)).total_seconds(), tuple(changed), parts)


def moment(text: str) -> datetime:
    """A time as the callback prints it."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def page(runs: list[Run]) -> str:
    """The page of the documentation."""
    run = middle(runs)
    lines = [f"| {role} | {part.tasks} | {part.skipped} | {part.seconds:.1f} s |" for role, part in run.parts.items()]
    total = sum(part.tasks for part in run.parts.values())
    return TEXT.format(seconds=run.seconds, total=total, rows="\n".join(lines), runs=", ".join(f"{one.seconds:.1f} s" for one in runs))


TEXT = """\
# How long provisioning takes when there is nothing to do

Written by `make bench ARGS='-k provision'`: `playbooks/provision.yml` over one host with everything on it, by SSH with pipelining,
run until nothing changes and then three times more ({runs}). This is the median: {seconds:.1f} s, {total} tasks, none changed.

| role | tasks run | skipped | time |
| --- | --- | --- | --- |
{rows}

The time includes what the controller itself takes. What keeps it low:

- Few tasks: what a role has to know about a host it asks for in one command, and a file with all items replaces one file each.
- Packages are looked up by one `dpkg-query`; the APT modules run only where one is missing.
- Tasks are imported, not included, except where that saves many skipped ones.
- Only facts that a role asks for are gathered, and certificates that are settled are not asked for twice.
"""
