"""What every strategy must keep: any host, any wish, cut off anywhere, and the way back from there.

``walk`` checks each step on the way: users always reach a replica that runs whole with its own release, and the
singleton never runs twice. `recreate` may stop what serves, since requests are held meanwhile.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from unit.rollout.worlds import ALL_RUN, EDGE, LONG_RUNNING, OPTIONS, WISH, closed, options, serving, shares, units, walk, wishes, worlds

from ansible_collections.steady.deploy.plugins.module_utils.rollout import steps as s
from ansible_collections.steady.deploy.plugins.module_utils.rollout.observed import Observed, Release
from ansible_collections.steady.deploy.plugins.module_utils.rollout.spec import Batches
from ansible_collections.steady.deploy.plugins.module_utils.rollout.strategies import STRATEGIES, way_back

each_strategy = pytest.mark.parametrize("strategy", sorted(STRATEGIES))
OLD = Release("old", True, units(ALL_RUN))


def ordinary() -> Observed:
    """Release old serves, new is wanted."""
    return Observed("old", (OLD,), history=("old",), shares=shares(OLD))


def rolled(**how):
    """The wish, with the same batches for all services."""
    return replace(
        WISH, services=tuple(replace(one, update=Batches(**how), way_back=Batches(**how)) if one.port else one for one in WISH.services)
    )


@each_strategy
@given(world=worlds(), wish=wishes(), chosen=options)
@settings(deadline=None)
def test_a_plan_leads_there_and_then_there_is_nothing_left_to_do(strategy, world, wish, chosen):
    steps = STRATEGIES[strategy](wish, world, chosen)
    end = walk(world, steps)[-1]
    assert end.served == "new" and not end.mixed
    assert {share.service: share.replicas for share in end.shares} == EDGE
    assert not end.release("new").lacks(*LONG_RUNNING)
    others = [release for release in end.releases if release.id != "new"]
    assert len(others) <= chosen.keep_releases
    assert all(release.complete and not release.runs(*LONG_RUNNING) for release in others)
    assert STRATEGIES[strategy](wish, closed(end, wish) if steps else end, chosen) == ()


@each_strategy
@given(world=worlds(), wish=wishes(), chosen=options, data=st.data())
@settings(deadline=None)
def test_a_plan_cut_off_anywhere_is_finished_by_the_next(strategy, world, wish, chosen, data):
    way = walk(world, STRATEGIES[strategy](wish, world, chosen))
    again = data.draw(st.sampled_from(sorted(STRATEGIES)))
    cut = replace(data.draw(st.sampled_from(way)), unfinished=True)
    end = walk(cut, STRATEGIES[again](wish, cut, chosen))[-1]
    assert end.served == "new" and not end.mixed
    assert STRATEGIES[again](wish, closed(end, wish), chosen) == ()


@each_strategy
@given(world=worlds(), wish=wishes(), chosen=options)
@settings(deadline=None)
def test_accessories_are_touched_only_when_down_or_changed(strategy, world, wish, chosen):
    touched = {name for step in STRATEGIES[strategy](wish, world, chosen) if step.action == s.BASE_UP for name in step.services}
    assert touched == {one.service for one in world.accessories if not one.running or not one.current}
    assert s.BASE_UP not in [step.action for step in way_back(strategy)(world.served, wish, world)]


@each_strategy
@given(world=worlds(), wish=wishes(), chosen=options)
@settings(deadline=None)
def test_jobs_run_once_and_before_users_see_the_release(strategy, world, wish, chosen):
    steps = STRATEGIES[strategy](wish, world, chosen)
    jobs = [step.services[0] for step in steps if step.action == s.JOB]
    mine = world.release("new")
    if not wish.jobs or world.served == "new" or (mine and mine.complete):
        assert jobs == []
        return
    assert sorted(jobs) == sorted({"early", "late"} - set(mine.jobs_done if mine else ()))
    seen = [place for place, step in enumerate(steps) if step.action == s.SHIFT and _shows(step, "new")]
    for place, step in enumerate(steps):
        assert step.action != s.JOB or place < seen[0]


def _shows(step: s.Step, release: str) -> bool:
    return any(share.release == release for share in step.mix) if step.mix else step.release == release


@each_strategy
@given(world=worlds(), wish=wishes(), chosen=options, data=st.data())
@settings(deadline=None)
def test_the_way_back_leads_back_from_anywhere(strategy, world, wish, chosen, data):
    """A step that fails was done, or was not. The way back may be cut off, too: then the next one goes on from there."""
    original = world.served
    if original == "new" or world.mixed:
        return
    steps = [step for step in STRATEGIES[strategy](wish, world, chosen) if step.rolls_back and step.action != s.PULL]
    failed = replace(data.draw(st.sampled_from(walk(world, tuple(steps)))), unfinished=True)
    # The rerun of a run that was killed may go by another strategy.
    undone_by = data.draw(st.sampled_from([strategy, strategy, *sorted(STRATEGIES)]))
    back = way_back(undone_by)
    seen = data.draw(st.booleans())
    cut = data.draw(st.sampled_from(walk(failed, way_back(strategy)(original, wish, failed, seen))))
    end = walk(cut, back(original, wish, cut, seen))[-1]
    assert end.served == original and not end.mixed
    if original:
        assert not end.release(original).lacks("worker", "singleton")
        assert [release.id for release in end.releases if release.runs("worker", "singleton")] == [original]
        if undone_by == "rolling" and world.shares:
            assert {share.service: share.replicas for share in end.shares} == EDGE
    had, mine = failed.release("new"), end.release("new")
    assert bool(mine) == bool(had and had.complete), "only a release that was complete is kept"
    assert not (mine and mine.runs(*LONG_RUNNING))
    assert {release.id for release in end.releases} - {"new"} == {release.id for release in world.releases} - {"new"}
    assert back(original, wish, end, False) == ()


@given(how=st.builds(Batches, parallelism=st.integers(0, 3)), data=st.data())
@settings(deadline=None)
def test_start_first_never_has_less_than_whole_and_never_more_than_one_batch_beside_it(how, data):
    wish = rolled(parallelism=how.parallelism)
    steps = STRATEGIES["rolling"](wish, ordinary(), OPTIONS)
    way = walk(ordinary(), steps)
    back = walk(way[data.draw(st.integers(0, len(way) - 1))], ())
    for world in [*way, *walk(back[0], way_back("rolling")("old", wish, replace(back[0], unfinished=True)))]:
        for name, replicas in EDGE.items():
            assert serving(world, name) == replicas or serving(world, name) > replicas
            running = sum(unit.running for release in world.releases for unit in release.units if unit.service == name)
            assert running <= replicas + (how.parallelism or replicas)


@given(parallelism=st.integers(0, 3))
def test_stop_first_needs_no_room_where_more_than_one_replica_serves(parallelism):
    for world in walk(ordinary(), STRATEGIES["rolling"](rolled(parallelism=parallelism, order="stop-first"), ordinary(), OPTIONS)):
        assert sum(unit.running for release in world.releases for unit in release.units if unit.service == "web") <= EDGE["web"]


def words(strategy, wish, world, chosen=OPTIONS):
    return [step.text for step in STRATEGIES[strategy](wish, world, chosen)]


def test_an_ordinary_rolling_in_words():
    assert words("rolling", rolled(delay=5.0, monitor=2.0), ordinary()) == [
        "create release new and plug its accessories in",
        "run early of release new to its end",
        "start app of release new",
        "wait until app of release new is ready",
        "start 1 of 2 replicas of web of release new",
        "wait until 1 of 2 replicas of web of release new is ready",
        "run late of release new to its end",
        "serve web from 1 of release new and 1 of release old",
        "let what is in flight to replicas of web that go finish",
        "stop web of release old but for 1",
        "watch web of release new for 5 s before the next batch",
        "start web of release new",
        "wait until web of release new is ready",
        "serve web from 2 of release new",
        "let what is in flight to replicas of web that go finish",
        "stop web of release old",
        "watch web of release new for 2 s",
        "start ws of release new",
        "wait until ws of release new is ready",
        "serve ws from 1 of release new",
        "let what is in flight to replicas of ws that go finish",
        "stop ws of release old",
        "watch ws of release new for 2 s",
        "start queue of release new",
        "hand clock over to release new: stop there, then start here",
        "wait until queue and clock of release new are ready",
        "stop queue of release old: the job in hand is finished",
        "watch release new stay up",
        "stop app of release old, keep it",
    ]


def test_stop_first_in_words():
    said = words("rolling", rolled(order="stop-first"), ordinary())
    first = said.index("serve web from 1 of release old")
    assert said[first : first + 12] == [
        "serve web from 1 of release old",
        "let what is in flight to replicas of web that go finish",
        "stop web of release old but for 1",
        "start 1 of 2 replicas of web of release new",
        "wait until 1 of 2 replicas of web of release new is ready",
        "run late of release new to its end",
        "serve web from 1 of release new and 1 of release old",
        "serve web from 1 of release new",
        "let what is in flight to replicas of web that go finish",
        "stop web of release old",
        "start web of release new",
        "wait until web of release new is ready",
    ]
    assert "start ws of release new, before the old one stops: nothing else serves" in said


def test_what_a_batch_does_when_it_fails_is_said_in_its_steps():
    def gates(**how):
        return [step for step in STRATEGIES["rolling"](rolled(**how), ordinary(), OPTIONS) if step.action == s.GATE and step.replicas]

    assert {step.pauses for step in gates(failure_action="pause")} == {True}
    assert {step.pauses for step in gates()} == {False}
    assert [step.may_fail for step in gates(max_failure_ratio=0.5)] == [1, 1, 0]
    assert [step.may_fail for step in gates(failure_action="continue")] == [2, 2, 1]
