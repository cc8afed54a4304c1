"""A contract migration that was asked for comes behind the rollout: what becomes of one that can't be done."""

from __future__ import annotations

import pytest
from unit.rollout.test_rollout import Host

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import MigrateError
from ansible_collections.steady.deploy.plugins.module_utils.edge.base import Served, Upstream
from ansible_collections.steady.deploy.plugins.module_utils.rollout import steps as s
from ansible_collections.steady.deploy.plugins.module_utils.rollout.executor import Executor
from ansible_collections.steady.deploy.plugins.module_utils.rollout.rollout import Rollout
from ansible_collections.steady.deploy.plugins.module_utils.rollout.steps import Step

CONTRACT = Step(s.MIGRATE, "take away what only older releases needed (migrate)", "new", ("migrate",), rolls_back=False, point=s.CONTRACT)


def go(host, failure):
    """A whole rollout with the contract step behind it, which ends in ``failure``. Returns what was done of it."""
    done = []

    def contract(step):
        done.append(step.text)
        if len(done) == 1:
            raise failure

    journal = host.journal()
    host.executor = Executor("hotel", host.backend, host.edge, journal, host.clock, host.options, {s.MIGRATE: contract})
    rollout = Rollout(host.wish, host.options, host.backend, host.edge, journal, host.executor, host.path)
    observed = rollout.observe()
    rollout.run(observed, (*rollout.plan(observed), CONTRACT, CONTRACT))
    return done


def test_one_that_fails_fails_the_run_and_the_new_release_serves(tmp_path):
    host = Host(tmp_path)
    with pytest.raises(MigrateError) as caught:
        go(host, MigrateError("migration m7 of service migrate failed: no such column", migration={"failed": "m7"}))
    assert caught.value.message == (
        "migration m7 of service migrate failed: no such column. Release new serves; the next run with `contract` tries again"
    )
    assert caught.value.facts == {"migration": {"failed": "m7"}, "undone": False}
    assert host.edge.now == Served("hotel", "new", (Upstream("web", (20000, 20001)),))
    assert not host.unfinished
    assert [entry["text"] for entry in host.executor.timeline].count(CONTRACT.text) == 2, "the step behind it was done all the same"


def test_one_that_has_to_wait_is_a_warning(tmp_path):
    host = Host(tmp_path)
    assert len(go(host, MigrateError("contract migration m7 has to wait: release old is still on the host", waits=True))) == 2
    assert host.executor.warnings == [
        f"could not {CONTRACT.text}: contract migration m7 has to wait: release old is still on the host; the next run tries again"
    ]
