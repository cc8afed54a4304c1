"""The strategy recreate: nothing of two releases at once, and requests held whenever nobody serves them."""

from __future__ import annotations

import signal
import time
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from unit.rollout.fakes import FakeBackend, FakeEdge, Faults, RolloutClock
from unit.rollout.worlds import ALL_RUN, EDGE, LONG_RUNNING, OPTIONS, WEB, WISH, apply, closed, options, shares, units, wishes, worlds

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import GateError, SteadyError
from ansible_collections.steady.deploy.plugins.module_utils.core.journal import Journal
from ansible_collections.steady.deploy.plugins.module_utils.edge.base import Held, Served, Upstream
from ansible_collections.steady.deploy.plugins.module_utils.rollout import hurry, recreate
from ansible_collections.steady.deploy.plugins.module_utils.rollout import steps as s
from ansible_collections.steady.deploy.plugins.module_utils.rollout.executor import Executor
from ansible_collections.steady.deploy.plugins.module_utils.rollout.observed import Observed, Release
from ansible_collections.steady.deploy.plugins.module_utils.rollout.rollout import Rollout
from ansible_collections.steady.deploy.plugins.module_utils.rollout.spec import Options, Service, Wish
from ansible_collections.steady.deploy.plugins.module_utils.rollout.strategies import STRATEGIES, way_back

OLD = Release("old", True, units(ALL_RUN))
ORDINARY = Observed("old", (OLD,), history=("old",), shares=shares(OLD))


def step_on(world: Observed, step: s.Step) -> Observed:
    """What a step makes of a world. A hold shows as an edge that does not match."""
    if step.action == s.HOLD:
        return replace(world, edge_matches=False)
    return world if step.action == s.UNHOLD else apply(world, step)


def running(world: Observed) -> set[str]:
    return {release.id for release in world.releases if release.runs(*LONG_RUNNING)}


def walk(world: Observed, steps: tuple[s.Step, ...], held: bool = False) -> list[Observed]:
    """Each world on the way. ``held``: a hold of before stands."""
    way = [world]
    # What overlapped before is not the plan's fault: it may only become less.
    overlap = len(running(world)) > 1
    for step in steps:
        whole = set(EDGE) <= {share.service for share in world.shares}
        if step.action == s.HOLD:
            held = True
        if step.action == s.STOP and set(step.services) & set(WEB) and step.release == world.served and whole:
            assert held, f"{step.text} while users are not held"
        if step.action == s.SHIFT and step.release:
            mine = world.release(step.release)
            assert not mine.lacks("web"), f"{step.text}, which does not run whole"
        if step.action == s.UNHOLD:
            assert world.served == step.release and world.edge_matches, "let through before the shift"
            held = False
        if step.action == s.START:
            assert running(world) <= {step.release}, f"{step.text} beside {running(world)}"
        world = step_on(world, step)
        assert overlap or len(running(world)) <= 1, f"{step.text}: {running(world)} run at once"
        overlap = len(running(world)) > 1
        way.append(world)
    assert not held or not steps, "users are held for ever"
    return way


@given(world=worlds(), wish=wishes(), chosen=options)
@settings(deadline=None)
def test_a_plan_leads_there_and_then_there_is_nothing_left_to_do(world, wish, chosen):
    steps = recreate.plan(wish, world, chosen)
    end = walk(world, steps)[-1]
    assert end.served == "new" and not end.mixed
    assert not end.release("new").lacks(*LONG_RUNNING)
    others = [release for release in end.releases if release.id != "new"]
    assert len(others) <= chosen.keep_releases
    assert all(release.complete and not release.runs(*LONG_RUNNING) for release in others)
    assert recreate.plan(wish, closed(end, wish) if steps else end, chosen) == ()


@given(world=worlds(), wish=wishes(), chosen=options, again=st.sampled_from(sorted(STRATEGIES)), data=st.data())
@settings(deadline=None)
def test_a_plan_cut_off_anywhere_is_finished_by_the_next(world, wish, chosen, again, data):
    cut = replace(data.draw(st.sampled_from(walk(world, recreate.plan(wish, world, chosen)))), unfinished=True)
    steps = STRATEGIES[again](wish, cut, chosen)
    end = cut
    for step in steps:
        end = step_on(end, step)
    assert end.served == "new" and not end.mixed and end.edge_matches
    assert STRATEGIES[again](wish, closed(end, wish), chosen) == ()


@given(world=worlds(), wish=wishes(), chosen=options, data=st.data())
@settings(deadline=None)
def test_the_way_back_leads_back_from_anywhere(world, wish, chosen, data):
    original = world.served
    if original == "new" or world.mixed:
        return
    steps = [step for step in recreate.plan(wish, world, chosen) if step.rolls_back and step.action != s.PULL]
    place = data.draw(st.integers(0, len(steps)))
    failed = replace(walk_to(world, steps[:place]), unfinished=True)
    held = any(step.action == s.HOLD for step in steps[:place]) and not any(step.action == s.UNHOLD for step in steps[:place])
    back = recreate.restore(original, wish, failed, data.draw(st.booleans()))
    end = walk(failed, back, held)[-1]
    assert end.served == original and not end.mixed
    assert "new" not in running(end)
    if original:
        assert not end.release(original).lacks("worker", "singleton")
        assert running(end) == {original}
        assert end.edge_matches or not held
    had, mine = failed.release("new"), end.release("new")
    assert bool(mine) == bool(had and had.complete), "only a release that was complete is kept"
    assert recreate.restore(original, wish, end, False) == ()


def walk_to(world: Observed, steps: list[s.Step]) -> Observed:
    for step in steps:
        world = step_on(world, step)
    return world


def test_an_ordinary_rollout_in_words():
    assert [step.text for step in recreate.plan(WISH, ORDINARY, OPTIONS)] == [
        "create release new and plug its accessories in",
        "run early of release new to its end",
        "stop queue and clock of release old: the job in hand is finished",
        "hold requests at the edge until release new is ready",
        "let what is in flight to release old finish",
        "stop web, ws and app of release old",
        "run late of release new to its end",
        "start web, ws and app of release new",
        "wait until web, ws and app of release new are ready",
        "shift traffic from old to release new",
        "let the requests through that were held",
        "start queue of release new",
        "hand clock over to release new: stop there, then start here",
        "wait until queue and clock of release new are ready",
        "watch release new stay up",
    ]


def test_the_first_rollout_holds_nobody():
    assert s.HOLD not in [step.action for step in recreate.plan(WISH, Observed(), OPTIONS)]


def test_a_replica_that_is_down_is_started_without_a_hold():
    mine = Release("new", True, units({**ALL_RUN, "web": 1}))
    world = Observed("new", (mine,), history=("new",), shares=shares(mine))
    assert [step.text for step in recreate.plan(WISH, world, OPTIONS)] == [
        "start web of release new",
        "wait until web, ws and app of release new are ready",
        "watch release new stay up",
    ]


def test_back_from_a_release_that_users_saw():
    new = Release("new", False, units(ALL_RUN))
    world = Observed("new", (replace(OLD, units=units({})), new), history=("old",), shares=shares(new), unfinished=True)
    assert [step.text for step in way_back("recreate")("old", WISH, world)] == [
        "stop queue and clock of release new: the job in hand is finished",
        "hold requests at the edge until release old is ready",
        "let what is in flight to release new finish",
        "stop web, ws and app of release new",
        "start web, ws and app of release old",
        "wait until web, ws and app of release old are ready",
        "shift traffic back to release old",
        "let the requests through that were held",
        "start queue of release old",
        "hand clock over to release old: stop there, then start here",
        "wait until queue and clock of release old are ready",
        "remove release new",
    ]


# --- the whole of it, on a host that exists only here ---------------------------------------------

SMALL = Wish(
    "hotel",
    "new",
    (
        Service("web", "web", "", "app:1", replicas=2, port=8000),
        Service("clock", "singleton", "", "app:1"),
    ),
)


class Small:
    def __init__(self, folder) -> None:
        self.faults = Faults()
        self.clock = RolloutClock()
        self.backend = FakeBackend(SMALL, self.faults)
        self.backend.have("old")
        self.edge = FakeEdge(self.backend, self.clock, self.faults, Served("hotel", "old", (Upstream("web", (20100, 20101)),)))
        self.path = str(folder / "journal.jsonl")
        first = Journal(self.path, "r0", self.clock)
        first.write("opened", release="old", before=None)
        first.write("closed", release="old", outcome="ok")

    def roll(self, haste: hurry.Hurry | None = None) -> Executor:
        chosen = Options(strategy="recreate")
        journal = Journal(self.path, "r1", self.clock)
        self.executor = Executor("hotel", self.backend, self.edge, journal, self.clock, chosen, hurry=haste)
        rollout = Rollout(SMALL, chosen, self.backend, self.edge, journal, self.executor, self.path)
        observed = rollout.observe()
        rollout.run(observed, rollout.plan(observed))
        return self.executor


@pytest.fixture
def small(tmp_path):
    return Small(tmp_path)


def test_the_old_release_is_drained_while_requests_are_held(small):
    executor = small.roll()
    log = [line for line in small.faults.log if line != "observe"]
    assert log[:5] == ["create new", "stop old clock", "hold_requests new", "drain web 20100", "stop old web"]
    assert log.index("shift new") < log.index("unhold") < log.index("start new clock")
    assert executor.held.requests == 1
    assert small.backend.running("web", "clock") == {"new web", "new clock"}


def test_a_release_that_never_gets_ready_makes_way_before_the_old_one_starts(small):
    small.faults.wrong["hold new web"] = GateError("web is not ready")
    with pytest.raises(SteadyError) as caught:
        small.roll()
    assert caught.value.message == "web is not ready. Undone: release old serves as before"
    log = [line for line in small.faults.log if line != "observe"]
    after = log[log.index("hold new web") :]
    assert after.index("stop new web") < after.index("start old web") < after.index("shift old") < after.index("unhold")
    assert small.backend.running("web", "clock") == {"old web", "old clock"}
    assert not small.edge.held


def test_requests_that_can_not_be_held_stop_nobody(small):
    small.faults.wrong["hold_requests new"] = SteadyError("requests can't be held")
    with pytest.raises(SteadyError) as caught:
        small.roll()
    assert caught.value.message == "requests can't be held. Undone: release old serves as before"
    assert "stop old web" not in small.faults.log
    assert small.backend.running("web", "clock") == {"old web", "old clock"}


def test_a_run_that_was_killed_in_a_hold_is_finished_by_the_next(small):
    small.faults.wrong["start new web"] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        small.roll()
    assert small.edge.held
    small.roll()
    assert small.edge.served().release == "new" and not small.edge.held
    assert small.backend.running("web", "clock") == {"new web", "new clock"}


def test_a_release_that_takes_too_long_is_undone_while_users_can_still_be_held(small, monkeypatch):
    monkeypatch.setattr(hurry, "SHARE", 0.01)
    ready = small.backend.hold

    def slow(release, *rest):
        if release == "new":
            time.sleep(20)
        return ready(release, *rest)

    small.backend.hold = slow
    begun = time.monotonic()
    with pytest.raises(SteadyError) as caught:
        small.roll(hurry.Hurry())
    assert time.monotonic() - begun < 15
    assert caught.value.message == (
        "release new was not ready within 0.3 s of holding requests; the rest of hold_timeout (30 s) is for the way back: "
        "find out what takes so long, or set hold_timeout higher. Undone: release old serves as before"
    )
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0


def test_nothing_is_interrupted_once_users_are_let_through(small, monkeypatch):
    monkeypatch.setattr(hurry, "SHARE", 1.0)
    small.roll(hurry.Hurry())
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0


def test_who_could_not_be_held_in_time_is_counted_and_told(small, monkeypatch):
    monkeypatch.setattr(small.edge, "unhold", lambda: Held(5, 31.5, 2))
    executor = small.roll()
    assert executor.held == Held(5, 31.5, 2)
    assert executor.warnings == [
        "2 of 5 held requests had to be let through before a release was ready: hold_timeout (30 s) had passed",
    ]


def test_a_release_that_is_served_and_down_comes_up_while_users_are_held_and_they_are_let_through():
    mine = Release("new", True, units({"queue": 2, "clock": 1}))
    actions = [step.action for step in recreate.plan(WISH, Observed("new", (mine,), history=("new",)), OPTIONS)]
    assert actions == [s.HOLD, s.START, s.GATE, s.SHIFT, s.UNHOLD, s.WATCH]
