"""Rollouts that are killed in the middle, ended early or started twice: a rerun converges, and users notice nothing."""

from __future__ import annotations

import os
import signal
import threading
import typing as t
from dataclasses import dataclass

import pytest
from e2e.inside import journal, look
from e2e.killer import Killer
from e2e.users import Users
from hotel import Host, Played


@dataclass(frozen=True)
class Moment:
    """In the middle of the ``nth`` step of this action, ``delay`` seconds after it began. ``usual`` ones are always tested."""

    action: str
    delay: float
    nth: int = 1
    usual: bool = False

    def __str__(self) -> str:
        return f"{self.action}{'' if self.nth == 1 else self.nth}+{self.delay:g}s"


MOMENTS = (
    Moment("create", 0.05),
    Moment("create", 0.25),
    Moment("start", 0.3),
    Moment("gate", 0.5, usual=True),
    Moment("job", 0.3, usual=True),
    Moment("shift", 0.0),
    Moment("shift", 0.06),
    Moment("shift", 0.12, usual=True),
    Moment("drain", 0.4),
    # The worker of the new release, beside the old one.
    Moment("start", 0.1, nth=2),
    Moment("gate", 0.3, nth=2),
    # The old worker is asked to stop.
    Moment("stop", 0.1),
    # The old scheduler is being stopped, or the new one started.
    Moment("hand_over", 0.1),
    Moment("hand_over", 0.4, usual=True),
    Moment("watch", 0.5),
    Moment("remove", 0.15),
    # The old release, kept.
    Moment("stop", 0.1, nth=2),
)
FULL = bool(os.environ.get("STEADY_FULL"))
# A watch that lasts, so that there is a middle of it, and streams that are cut soon.
OPTIONS: dict[str, t.Any] = {"app_stream_drain_timeout": 1, "app_watch": 6}
# A command of the killed run may still be at work, and keeps the app locked until it ends.
RERUN: dict[str, t.Any] = {"app_stream_drain_timeout": 1, "app_lock_wait": 90}


@pytest.mark.parametrize("moment", [moment for moment in MOMENTS if FULL or moment.usual], ids=str)
def test_killed_in_the_middle_a_rerun_finishes_it(host: Host, unseen: str, moment: Moment) -> None:
    before = look(host)
    with Users(host, rate=30) as users:
        killed = _killed(host, unseen, moment)
        users.mark("killed")
        assert not killed.ok
        between = look(host)
        # Half-way, but what users reach is all of one release.
        assert between.incomplete() == []
        assert between.served in (before.served, *between.folders)
        rerun = host.deploy(unseen, **RERUN)
        users.mark("rerun")
        assert rerun.ok, rerun.output[-4000:]
        after = look(host)
        users.check(cuts=2)
    assert host.version() == unseen
    assert after.versions[after.served] == unseen
    assert after.leftovers() == []
    assert after.kept == [before.served]
    assert [one["exit_code"] for one in after.of(after.served) if one["kind"] == "job"] == [0], "its migration did not run to its end"
    assert _outcome(host) == "ok"
    if FULL or moment.action == "shift":
        noop = host.deploy(unseen)
        assert (noop.ok, noop.changed) == (True, 0), noop.rollout.get("plan", noop.output[-2000:])


def test_killed_in_the_middle_another_release_can_be_wished(host: Host, unseen: str) -> None:
    before = look(host)
    with Users(host, rate=30) as users:
        assert not _killed(host, unseen, Moment("gate", 0.5)).ok
        rerun = host.deploy(before.versions[before.served], **RERUN)
        assert rerun.ok, rerun.output[-4000:]
        after = look(host)
        users.check()
    # Nothing of the one that was given up is left, and the old one was not touched.
    assert after.leftovers() == []
    assert (after.served, after.kept, after.lives()) == (before.served, before.kept, before.lives())


@pytest.mark.parametrize("moment", [Moment("gate", 0.3), *([Moment("drain", 0.3), Moment("hand_over", 0.3)] if FULL else [])], ids=str)
def test_asked_to_end_it_undoes_what_it_did(host: Host, unseen: str, moment: Moment) -> None:
    before = look(host)
    with Users(host, rate=30) as users:
        with Killer(host, moment.action, moment.nth, moment.delay, signal.SIGTERM) as killer:
            done = host.deploy(unseen, **OPTIONS)
            seen = killer.wait()
        after = look(host)
        users.check(cuts=2)
    assert not done.ok and seen["under_way"], seen
    assert done.rollout["msg"] == f"interrupted by SIGTERM. Undone: release {before.served} serves as before"
    assert done.rollout["undone"] is True
    assert after.leftovers() == []
    assert (after.served, after.kept) == (before.served, before.kept)
    assert _outcome(host) == "undone"


def test_of_two_runs_at_once_the_second_is_refused(host: Host, unseen: str) -> None:
    before = look(host)
    first: list[Played] = []
    with Users(host, rate=30) as users:
        with Killer(host, "opened", number=0) as opened:
            run = threading.Thread(target=lambda: first.append(host.deploy(unseen, app_stream_drain_timeout=1, app_watch=15)))
            run.start()
            opened.wait()
            second = host.deploy(unseen, app_stream_drain_timeout=1)
            under_way = run.is_alive()
            run.join()
        after = look(host)
        users.check()
    assert under_way, "the first run ended before the second: nothing was tested"
    assert not second.ok
    message = second.rollout["msg"]
    assert message.startswith("another rollout of this app is under way: ansible, pid "), message
    assert f" on {host.name}, started " in message and message.endswith("wait for it to end, or set lock_wait to wait here")
    (one,) = first
    assert one.ok, one.output[-4000:]
    assert host.version() == unseen
    assert after.leftovers() == []
    assert after.kept == [before.served]
    noop = host.deploy(unseen)
    assert (noop.ok, noop.changed) == (True, 0), noop.output[-2000:]


def _killed(host: Host, version: str, moment: Moment) -> Played:
    with Killer(host, moment.action, moment.nth, moment.delay) as killer:
        done = host.deploy(version, **OPTIONS)
        seen = killer.wait()
    assert seen["under_way"], f"the step ended before it could be killed: {seen['last']}"
    return done


def _outcome(host: Host) -> str:
    """How the last rollout ended, by its journal."""
    return str(journal(host)[-1].get("outcome"))
