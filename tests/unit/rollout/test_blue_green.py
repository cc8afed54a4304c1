"""Whatever is there: what a plan, a plan cut short anywhere, and the way back do to it, for a whole release beside the old one."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import example, given, settings
from hypothesis import strategies as st
from unit.rollout.worlds import ALL_RUN, LONG_RUNNING, OPTIONS, WISH, closed, options, units, walk, wishes, worlds

from ansible_collections.steady.deploy.plugins.module_utils.rollout import blue_green
from ansible_collections.steady.deploy.plugins.module_utils.rollout import steps as s
from ansible_collections.steady.deploy.plugins.module_utils.rollout.observed import Accessory, Observed, Release
from ansible_collections.steady.deploy.plugins.module_utils.rollout.restore import restore


@given(worlds(), wishes(), options)
# A run cut short after it had copied files and before it wrote the release down.
@example(Observed(releases=(Release("new", False),)), WISH, OPTIONS)
@settings(deadline=None)
def test_a_plan_leads_there_and_then_there_is_nothing_left_to_do(world, wish, chosen):
    steps = blue_green.plan(wish, world, chosen)
    end = walk(world, steps)[-1]
    assert end.served == "new"
    assert not end.release("new").lacks(*LONG_RUNNING)
    others = [release for release in end.releases if release.id != "new"]
    assert len(others) <= chosen.keep_releases
    assert all(release.complete and not release.runs(*LONG_RUNNING) for release in others)
    assert blue_green.plan(wish, closed(end, wish) if steps else end, chosen) == ()


@given(worlds(), wishes(), options)
# A run cut short right after it had written the edge's file.
@example(Observed("new", (Release("new", False, units(ALL_RUN)),), unfinished=True), WISH, OPTIONS)
@settings(deadline=None)
def test_until_the_shift_the_served_release_is_left_alone(world, wish, chosen):
    steps = blue_green.plan(wish, world, chosen)
    actions = [step.action for step in steps]
    before = steps[: actions.index(s.SHIFT)] if s.SHIFT in actions else ()
    assert {step.action for step in before} <= {s.PULL, s.BASE_UP, s.CREATE, s.JOB, s.START, s.GATE}
    assert all(step.release in ("", "new") for step in before)
    # The edge of a run cut short may not do what its configuration says.
    assert (s.SHIFT in actions) == (world.served != "new" or world.unfinished or not world.edge_matches)
    if world.served != "new":
        assert actions.index(s.SHIFT) > actions.index(s.GATE)
    # Nothing that can't be undone comes before something whose failure is undone.
    undone = [step.rolls_back for step in steps]
    assert undone == sorted(undone, reverse=True)


@given(worlds(), wishes(), options)
@settings(deadline=None)
def test_accessories_are_touched_only_when_down_or_changed(world, wish, chosen):
    touched = {name for step in blue_green.plan(wish, world, chosen) if step.action == s.BASE_UP for name in step.services}
    assert touched == {one.service for one in world.accessories if not one.running or not one.current}
    way_back = restore(world.served, wish, world)
    assert s.BASE_UP not in [step.action for step in way_back]


@given(worlds(), wishes(), options)
@settings(deadline=None)
def test_jobs_run_once_before_the_shift_and_never_in_a_rollback(world, wish, chosen):
    steps = blue_green.plan(wish, world, chosen)
    actions = [step.action for step in steps]
    jobs = [step.services[0] for step in steps if step.action == s.JOB]
    mine = world.release("new")
    if not wish.jobs or world.served == "new" or (mine and mine.complete):
        assert jobs == []
        return
    assert set(jobs) == {"early", "late"} - set(mine.jobs_done if mine else ())
    assert len(jobs) == len(set(jobs))
    for place, step in enumerate(steps):
        if step.action == s.JOB:
            assert place < actions.index(s.SHIFT)
            limit = s.START if step.services == ("early",) and s.START in actions[: actions.index(s.GATE)] else s.SHIFT
            assert place < actions.index(limit)
            assert step.services != ("late",) or place > actions.index(s.GATE), "a late job sees a release that is ready"


@given(worlds(), options, st.data())
@settings(deadline=None)
def test_the_way_back_leads_back_from_anywhere(world, chosen, data):
    """A step that fails was done, or was not: the way back must lead from both."""
    original = world.served
    if original == "new":
        return
    steps = [step for step in blue_green.plan(WISH, world, chosen) if step.rolls_back and step.action != s.PULL]
    way = walk(world, tuple(steps))
    failed = data.draw(st.sampled_from(way))
    failed = replace(failed, unfinished=True)
    way_back = restore(original, WISH, failed, seen=data.draw(st.booleans()))
    end = walk(failed, way_back)[-1]
    assert end.served == original
    if original:
        assert not end.release(original).lacks("worker", "singleton")
        assert [release.id for release in end.releases if release.runs("worker", "singleton")] == [original]
    had, mine = failed.release("new"), end.release("new")
    assert bool(mine) == bool(had and had.complete), "only a release that was complete is kept"
    assert not (mine and mine.runs(*LONG_RUNNING))
    assert {release.id for release in end.releases} - {"new"} == {release.id for release in world.releases} - {"new"}
    assert restore(original, WISH, end, seen=False) == ()


def test_an_ordinary_rollout_in_words():
    world = Observed("old", (Release("old", True, units(ALL_RUN)),), (Accessory("db", True, True, True),), history=("old",))
    assert [step.text for step in blue_green.plan(WISH, world, OPTIONS)] == [
        "create release new and plug its accessories in",
        "run early of release new to its end",
        "start web, ws and app of release new",
        "wait until web, ws and app of release new are ready",
        "run late of release new to its end",
        "shift traffic from old to release new",
        "let what is in flight to release old finish",
        "start queue of release new",
        "hand clock over to release new: stop there, then start here",
        "wait until queue and clock of release new are ready",
        "stop queue of release old: the job in hand is finished",
        "watch release new stay up",
        "stop web, ws and app of release old, keep it",
    ]


def test_a_first_rollout_that_fails_leaves_nothing():
    world = Observed("new", (Release("new", False, units(ALL_RUN)),), unfinished=True)
    assert [step.text for step in restore(None, WISH, world)] == [
        "take the release out of the edge again",
        "let what is in flight to release new finish",
        "remove release new",
    ]


def test_users_who_saw_a_shift_that_was_taken_back_are_drained_too():
    world = Observed("old", (Release("old", True, units(ALL_RUN)), Release("new", False, units({"web": 2, "app": 1}))))
    drained = [step.elsewhere for step in restore("old", WISH, world, seen=True) if step.action == s.DRAIN]
    assert drained == [(("new", "web"), ("new", "app"))]
    assert s.DRAIN not in [step.action for step in restore("old", WISH, world, seen=False)]


def test_traffic_goes_back_only_to_a_release_that_was_started_again():
    world = Observed("new", (Release("old", True, units({"queue": 2, "clock": 1})), Release("new", False, units({"web": 2, "app": 1}))))
    actions = [(step.action, step.release) for step in restore("old", WISH, world)]
    assert actions[:3] == [(s.START, "old"), (s.GATE, "old"), (s.SHIFT, "old")]
