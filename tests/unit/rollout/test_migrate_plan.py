"""Where migrations stand in a plan, whichever the strategy."""

from __future__ import annotations

from dataclasses import replace

import pytest
from unit.rollout.worlds import ALL_RUN, SERVICES, WISH, shares, units

from ansible_collections.steady.deploy.plugins.module_utils.migrate.database.where import Where
from ansible_collections.steady.deploy.plugins.module_utils.migrate.wish import MigrateWish
from ansible_collections.steady.deploy.plugins.module_utils.rollout import steps as s
from ansible_collections.steady.deploy.plugins.module_utils.rollout.observed import Observed, Release
from ansible_collections.steady.deploy.plugins.module_utils.rollout.spec import Options
from ansible_collections.steady.deploy.plugins.module_utils.rollout.strategies import STRATEGIES

OLD = Release("old", True, units(ALL_RUN))
NOW = Observed("old", (OLD,), history=("old",), shares=shares(OLD))
MIGRATE = MigrateWish("artisan", Where("mariadb", "db"))
MIGRATES = replace(WISH, services=tuple(replace(one, migrate=MIGRATE) if one.name == "late" else one for one in SERVICES))

each_strategy = pytest.mark.parametrize("strategy", sorted(STRATEGIES))


def migrations(steps):
    return [(step.services, step.point, step.rolls_back) for step in steps if step.action == s.MIGRATE]


@each_strategy
def test_before_the_shift_and_instead_of_the_job(strategy):
    steps = STRATEGIES[strategy](MIGRATES, NOW, Options())
    assert migrations(steps) == [(("late",), s.EXPAND, True)]
    assert "late" not in [name for step in steps if step.action == s.JOB for name in step.services]
    actions = [step.action for step in steps]
    assert actions.index(s.MIGRATE) < actions.index(s.SHIFT)


@each_strategy
def test_a_job_that_web_waits_for_migrates_before_the_release_starts(strategy):
    early = replace(WISH, services=tuple(replace(one, migrate=MIGRATE) if one.name == "early" else one for one in SERVICES))
    actions = [step.action for step in STRATEGIES[strategy](early, NOW, Options())]
    assert actions.index(s.MIGRATE) < actions.index(s.START)


@each_strategy
def test_a_rollback_migrates_nothing(strategy):
    assert migrations(STRATEGIES[strategy](replace(MIGRATES, jobs=False), NOW, Options(contract=True))) == []


@each_strategy
@pytest.mark.parametrize("asked, waiting, steps", [(True, ("late",), 1), (True, (), 0), (False, ("late",), 0)])
def test_contract_is_the_last_step_and_only_where_it_was_asked_for(strategy, asked, waiting, steps):
    plan = STRATEGIES[strategy](MIGRATES, replace(NOW, contracts=waiting), Options(contract=asked))
    assert migrations(plan)[1:] == [(("late",), s.CONTRACT, False)] * steps
    if steps:
        assert plan[-1].action == s.MIGRATE


@each_strategy
def test_a_release_that_is_served_may_still_have_its_contract_step(strategy):
    new = Release("new", True, units(ALL_RUN))
    served = Observed("new", (new,), history=("new",), shares=shares(new))
    assert STRATEGIES[strategy](MIGRATES, served, Options(contract=True)) == ()
    plan = STRATEGIES[strategy](MIGRATES, replace(served, contracts=("late",)), Options(contract=True))
    assert [step.action for step in plan] == [s.MIGRATE]
