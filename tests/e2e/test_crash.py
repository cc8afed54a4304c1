"""Rollouts that are killed or ended early, and what is wished then. Every moment of a kill is in tests/faults."""

from __future__ import annotations

import signal
import typing as t

import pytest
from e2e.inside import journal, look
from e2e.killer import Killer, Moment
from e2e.users import Users
from full import FULL, only_full
from hotel import Host

# A watch that lasts, so that there is a middle of it, and streams that are cut soon.
OPTIONS: dict[str, t.Any] = {"app_stream_drain_timeout": 1, "app_watch": 6}
# A command of the killed run may still be at work, and keeps the app locked until it ends.
RERUN: dict[str, t.Any] = {"app_stream_drain_timeout": 1, "app_lock_wait": 90}


# A kill is among the faults that are tried in every run.
@only_full
def test_killed_in_the_middle_another_release_can_be_wished(host: Host, unseen: str) -> None:
    before = look(host)
    with Users(host, rate=30) as users:
        with Killer(host, Moment("gate", 0.5)) as killer:
            killed = host.deploy(unseen, **OPTIONS)
            seen = killer.wait()
        assert not killed.ok and seen["under_way"], seen
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
        with Killer(host, moment, signal.SIGTERM) as killer:
            done = host.deploy(unseen, **OPTIONS)
            seen = killer.wait()
        after = look(host)
        users.check(cuts=2)
    assert not done.ok and seen["under_way"], seen
    assert done.rollout["msg"] == f"interrupted by SIGTERM. Undone: release {before.served} serves as before"
    assert done.rollout["undone"] is True
    assert after.leftovers() == []
    assert (after.served, after.kept) == (before.served, before.kept)
    assert journal(host)[-1].get("outcome") == "undone"
