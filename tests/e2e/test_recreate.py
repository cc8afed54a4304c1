"""The strategy recreate on the hotel: the old release stops first, and its users wait instead of failing."""

from __future__ import annotations

import json
import signal
import subprocess
import typing as t

import pytest
from e2e.inside import look
from e2e.killer import Killer, Moment
from e2e.users import Users
from full import FULL, only_full
from hotel import Host, build

OPTIONS = {"app_strategy": "recreate", "app_stream_drain_timeout": 1, "app_hold_timeout": 55}
# Longer than anybody is held.
PATIENCE = 75
HOLD = "/etc/nginx/steady/hotel.hold"

# Runs on the host until its input ends: of which releases containers run, whenever that changes.
_WATCH = r"""
import json, select, subprocess, sys, time
form = '{{.Label "steady.release"}} {{.Label "steady.kind"}}'
seen, looks = [], 0
print("watching", flush=True)
while not select.select([sys.stdin], [], [], 0.1)[0]:
    lines = subprocess.run(["docker", "ps", "--format", form], capture_output=True, text=True, check=True).stdout.splitlines()
    now = sorted({line.split()[0] for line in lines if line.split() and line.split()[-1] in ("web", "worker", "singleton")})
    looks += 1
    if not seen or seen[-1] != now:
        seen.append(now)
print(json.dumps({"seen": seen, "looks": looks}))
"""


class Watch:
    """Which releases had running containers while the ``with`` lasted, one list of their ids after the other."""

    def __init__(self, host: Host) -> None:
        self._argv = ["docker", "exec", "-i", host.name, "python3", "-c", _WATCH]
        self.seen: list[list[str]] = []
        self.looks = 0

    def __enter__(self) -> Watch:
        self._process = subprocess.Popen(self._argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout and self._process.stdout.readline() == "watching\n"
        return self

    def __exit__(self, *_exc: t.Any) -> None:
        out, _err = self._process.communicate("\n", timeout=30)
        found = json.loads(out)
        self.seen, self.looks = found["seen"], found["looks"]


def test_users_wait_and_none_fails(host: Host, unseen: str) -> None:
    before = look(host)
    with Users(host, rate=25, patience=PATIENCE) as users, Watch(host) as watch:
        done = host.deploy(unseen, **OPTIONS)
        result = users.check(cuts=1)
    assert done.ok, done.rollout.get("msg", done.output[-4000:])
    after = look(host)
    assert host.version() == unseen and after.leftovers() == [] and HOLD not in after.files
    held = done.rollout["held"]
    assert held["requests"] > 0 and held["failed"] == 0
    assert 0 < held["longest_seconds"] < OPTIONS["app_hold_timeout"]
    # Users waited as long as nothing was up, and were served right after.
    assert result.latency.max < held["longest_seconds"] + 5
    # The old release alone, nothing, the new one alone: at no moment both.
    assert watch.looks > 20 and watch.seen[0] == [before.served] and watch.seen[-1] == [after.served]
    assert all(len(releases) <= 1 for releases in watch.seen), watch.seen
    if FULL:
        noop = host.deploy(unseen, **OPTIONS)
        assert (noop.ok, noop.changed) == (True, 0), noop.rollout.get("plan", noop.output[-2000:])


@only_full
def test_a_release_that_never_gets_ready_is_undone_before_anybody_gave_up(host: Host) -> None:
    build("broken-never-ready", "never-ready")
    before, version = look(host), host.version()
    services = {name: {"gates": [{"type": "http", "path": "/readyz", "deadline": 8}]} for name in ("web", "ws")}
    with Users(host, rate=15, patience=PATIENCE) as users, Watch(host) as watch:
        done = host.deploy("broken-never-ready", app_services=services, **OPTIONS)
        result = users.check(cuts=1)
    assert not done.ok
    assert done.rollout["msg"].endswith(f"Undone: release {before.served} serves as before")
    assert done.rollout["held"]["requests"] > 0 and done.rollout["held"]["failed"] == 0
    assert set(result.versions) == {version}
    after = look(host)
    assert after.leftovers() == [] and HOLD not in after.files
    assert (after.served, after.kept) == (before.served, before.kept)
    assert all(len(releases) <= 1 for releases in watch.seen), watch.seen


@only_full
@pytest.mark.parametrize(
    "moment", [Moment("hold", after=True), Moment("stop", 0.2, 2), Moment("start", 0.3), Moment("shift", 0.1)], ids=str
)
def test_killed_in_a_hold_a_rerun_finishes(host: Host, unseen: str, moment: Moment) -> None:
    """Whoever asks while nothing is up fails, and nobody else does: a run that is dead holds nobody."""
    before = look(host)
    with Users(host, rate=15, patience=PATIENCE) as users:
        with Killer(host, moment, signal.SIGKILL) as killer:
            users.mark("begin")
            assert not host.deploy(unseen, app_lock_wait=120, **OPTIONS).ok
            killer.wait()
        rerun = host.deploy(unseen, app_lock_wait=120, **OPTIONS)
        assert rerun.ok, rerun.output[-4000:]
        users.mark("end")
        users.check(cuts=2, dark=("begin", "end"))
    after = look(host)
    assert host.version() == unseen and after.leftovers() == [] and HOLD not in after.files
    assert after.kept == [before.served]
