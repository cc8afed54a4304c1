"""Rollings on a host that exists only here: real steps, real files of the edge's words, something going wrong at each place."""

from __future__ import annotations

from dataclasses import replace

import pytest
from unit.rollout.test_rollout import ALL_OF_NEW, ALL_OF_OLD, LONG_RUNNING, Host

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import Breakdown, GateError
from ansible_collections.steady.deploy.plugins.module_utils.edge.base import Served, Upstream
from ansible_collections.steady.deploy.plugins.module_utils.rollout.spec import Batches


def rolling(folder, replicas=2, **how) -> Host:
    """Release old is served, new is wanted, in batches."""
    host = Host(folder, strategy="rolling")
    web = replace(host.wish.services[0], replicas=replicas, update=Batches(**how), way_back=Batches(parallelism=how.get("parallelism", 1)))
    host.wish = replace(host.wish, services=(web, *host.wish.services[1:]))
    host.backend.wish = host.wish
    host.backend.containers.clear()
    for release in ("older", "old"):
        host.backend.have(release, running=release == "old")
    host.edge.now = served(host, "old")
    return host


def served(host: Host, release: str, *ports: int, others=()) -> Served:
    return Served("hotel", release, (Upstream("web", ports or host.backend.ports(release)["web"], others),))


@pytest.fixture
def host(tmp_path) -> Host:
    return rolling(tmp_path)


ORDER = [
    "create new",
    "job new migrate",
    "start new web 1",
    "hold new web 1",
    "job new warm",
    "shift new",
    "drain web 20101",
    "stop old web but 20100",
    "start new web 2",
    "hold new web 2",
    "shift new",
    "drain web 20100",
    "stop old web",
    "start new queue",
    "stop old clock",
    "start new clock",
    "hold new queue clock",
    "stop old queue",
]


def test_a_rolling_then_nothing_left_to_do(host):
    host.go()
    assert host.faults.log == [*ORDER, "remove older"]
    assert host.edge.now == served(host, "new")
    assert host.backend.running(*LONG_RUNNING) == ALL_OF_NEW
    assert not host.unfinished
    assert host.executor.drained.requests_finished == 2
    host.faults.log.clear()
    assert host.go() == ()


def test_in_the_midst_of_it_the_edge_asks_both(host):
    seen = []
    host.edge.on_shift = seen.append
    host.go()
    assert seen == [served(host, "new", 20000, 20100, others=((20100, "old"),)), served(host, "new")]


@pytest.mark.parametrize("fault", [GateError("it broke"), ValueError("it broke")], ids=["error", "bug"])
@pytest.mark.parametrize("call", range(len(ORDER)))
def test_whatever_fails_the_old_release_serves_as_before(host, call, fault):
    # The second of two equal calls.
    nth = ORDER[:call].count(ORDER[call])
    host.faults.wrong[ORDER[call]] = fault
    host.faults.skip = nth
    failure = host.fails()
    assert failure.message.endswith("Undone: release old serves as before")
    assert host.edge.now == served(host, "old")
    assert host.backend.running(*LONG_RUNNING) == ALL_OF_OLD
    assert "new" not in host.backend.plans and not host.unfinished


@pytest.mark.parametrize("call", range(len(ORDER)))
def test_a_run_that_was_killed_is_finished_by_the_next(host, call):
    host.faults.wrong[ORDER[call]] = KeyboardInterrupt()
    host.faults.skip = ORDER[:call].count(ORDER[call])
    with pytest.raises(KeyboardInterrupt):
        host.go()
    host.go()
    assert host.edge.now == served(host, "new")
    assert host.backend.running(*LONG_RUNNING) == ALL_OF_NEW


@pytest.mark.parametrize("call", ["shift new", "stop old web but 20100", "hold new web 2"])
def test_a_killed_run_whose_rerun_fails_goes_back_to_what_served_first(host, call):
    host.faults.wrong[call] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        host.go()
    host.faults.wrong["start new queue"] = GateError("it broke")
    host.fails()
    assert host.edge.now == served(host, "old")
    assert host.backend.running(*LONG_RUNNING) == ALL_OF_OLD


def test_pause_leaves_both_and_says_how_to_go_on(tmp_path):
    host = rolling(tmp_path, failure_action="pause")
    host.faults.wrong["hold new web 2"] = GateError("web is not ready")
    failure = host.fails()
    assert failure.message == (
        "web is not ready. Paused there, as failure_action says: users reach replicas of both releases; "
        "run the play again to go on, or with `state: previous` to go back"
    )
    assert not failure.facts["undone"] and host.unfinished
    assert host.edge.now == served(host, "new", 20000, 20100, others=((20100, "old"),))
    host.go()
    assert host.backend.running(*LONG_RUNNING) == ALL_OF_NEW and not host.unfinished


def test_an_interruption_undoes_although_batches_pause(tmp_path):
    host = rolling(tmp_path, failure_action="pause")
    host.faults.wrong["hold new web 2"] = Breakdown("interrupted by SIGTERM")
    assert host.fails().facts["undone"]
    assert host.edge.now == served(host, "old")


def test_what_fails_before_the_first_batch_is_undone_although_batches_pause(tmp_path):
    host = rolling(tmp_path, failure_action="pause")
    host.faults.wrong["job new migrate"] = GateError("it broke")
    assert host.fails().facts["undone"]


def test_as_many_replicas_may_fail_as_the_ratio_allows(tmp_path):
    host = rolling(tmp_path, replicas=4, parallelism=2, max_failure_ratio=0.25)
    host.backend.never_ready = {"new-web-1"}
    host.go()
    assert host.edge.now == served(host, "new", 20000, 20002, 20003)
    assert not host.backend.containers["new-web-1"].running
    assert host.executor.warnings == ["new-web-1 is not ready; it was left out and stopped, as max_failure_ratio and failure_action allow"]
    # It is not as wished yet, so the next run tries again.
    host.backend.never_ready = set()
    host.go()
    assert host.edge.now == served(host, "new")


def test_one_more_than_the_ratio_allows_undoes(tmp_path):
    host = rolling(tmp_path, replicas=4, parallelism=2, max_failure_ratio=0.25)
    host.backend.never_ready = {"new-web-1", "new-web-2"}
    host.fails()
    assert host.edge.now == served(host, "old")


def test_continue_goes_on_as_long_as_a_replica_serves(tmp_path):
    host = rolling(tmp_path, failure_action="continue")
    host.backend.never_ready = {"new-web-0"}
    host.go()
    assert host.edge.now == served(host, "new", 20001)


def test_continue_never_leaves_nobody(tmp_path):
    host = rolling(tmp_path, failure_action="continue")
    host.backend.never_ready = {"new-web-0", "new-web-1"}
    failure = host.fails()
    assert "no replica of service web would be left to serve" in failure.message
    assert host.edge.now == served(host, "old")


def test_monitor_and_delay_pass_and_a_replica_that_exits_meanwhile_undoes(tmp_path):
    host = rolling(tmp_path, delay=30.0, monitor=5.0)
    begun = host.clock.time
    host.go()
    assert 35 <= host.clock.time - begun < 45
    (tmp_path / "again").mkdir()
    again = rolling(tmp_path / "again", delay=30.0)
    again.clock.after.append((again.clock.time + 10, lambda: again.backend.change("new-web-0", status="exited", exit_code=3)))
    assert "exited with code 3 after it was ready" in again.fails().message
    assert again.edge.now == served(again, "old")
