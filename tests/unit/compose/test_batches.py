"""What a Compose file says of batches and strategies, and which containers a batch starts."""

from __future__ import annotations

import threading
import time

import pytest
from unit.compose.compose_models import model_of

from ansible_collections.steady.deploy.plugins.module_utils.compose.batches import batches_of
from ansible_collections.steady.deploy.plugins.module_utils.compose.cli import DockerCli
from ansible_collections.steady.deploy.plugins.module_utils.compose.record import services_from, to_record
from ansible_collections.steady.deploy.plugins.module_utils.compose.services import services_of
from ansible_collections.steady.deploy.plugins.module_utils.compose.starting import joined, start, startable, started
from ansible_collections.steady.deploy.plugins.module_utils.core.container import ContainerState
from ansible_collections.steady.deploy.plugins.module_utils.core.errors import CommandError, SpecError
from ansible_collections.steady.deploy.plugins.module_utils.core.runner import Completed
from ansible_collections.steady.deploy.plugins.module_utils.rollout.spec import Batches

SAID = {
    "parallelism": 2,
    "delay": "1m30s",
    "failure_action": "pause",
    "monitor": "500ms",
    "max_failure_ratio": 0.3,
    "order": "stop-first",
}


def test_every_field_is_honoured_and_what_is_left_out_has_a_default():
    assert batches_of("web", "update_config", SAID) == Batches(2, 90.0, "stop-first", "pause", 0.5, 0.3)
    assert batches_of("web", "update_config", None) == Batches(1, 0.0, "start-first", "rollback", 0.0, 0.0)
    assert batches_of("web", "update_config", {"parallelism": 0}).parallelism == 0


@pytest.mark.parametrize(
    ("section", "raw", "said"),
    [
        ("update_config", {"order": "first"}, "service web: `deploy.update_config.order` is one of start-first, stop-first, not 'first'"),
        (
            "update_config",
            {"failure_action": "stop"},
            "service web: `deploy.update_config.failure_action` is one of rollback, pause, continue, not 'stop'",
        ),
        (
            "rollback_config",
            {"failure_action": "rollback"},
            "service web: `deploy.rollback_config.failure_action` is one of pause, continue, not 'rollback'",
        ),
        (
            "update_config",
            {"parallelism": -1},
            "service web: `deploy.update_config.parallelism` is a number of replicas, or 0 for all of them, not -1",
        ),
        ("update_config", {"max_failure_ratio": 3}, "service web: `deploy.update_config.max_failure_ratio` is a share from 0 to 1, not 3"),
    ],
)
def test_what_nothing_can_be_done_with_is_refused(section, raw, said):
    with pytest.raises(SpecError) as caught:
        batches_of("web", section, raw)
    assert caught.value.message == said


def test_a_release_remembers_its_batches_and_strategy():
    web = {
        "x-steady": {"kind": "web", "port": 80, "strategy": "rolling"},
        "deploy": {"update_config": SAID, "rollback_config": {"parallelism": 3}},
    }
    (service,) = services_of(model_of(web=web), {})
    assert (service.strategy, service.update.parallelism, service.way_back.parallelism) == ("rolling", 2, 3)
    record = to_record("a", (service,), {}, {}, {}, 0.0)
    assert services_from(record) == (service,)
    for name in ("strategy", "update", "way_back"):
        del record["services"][0][name]
    (older,) = services_from(record)
    assert (older.strategy, older.update) == ("", Batches())


@pytest.mark.parametrize(
    ("extension", "said"),
    [
        (
            {"kind": "web", "port": 80, "strategy": "roling"},
            "service x: `strategy` is one of blue_green, rolling, recreate, not 'roling'; did you mean rolling?",
        ),
        (
            {"kind": "worker", "strategy": "rolling"},
            "service x: `strategy` is for services that take traffic through the edge; set it there, or for the whole app",
        ),
    ],
)
def test_a_strategy_that_cant_be_is_refused(extension, said):
    with pytest.raises(SpecError) as caught:
        services_of(model_of(x={"x-steady": extension}), {})
    assert caught.value.message == said


def container(number, status, started_at=""):
    return ContainerState(f"c{number}", f"c{number}", "web", number, status, started_at=started_at)


def test_a_batch_goes_on_from_what_runs_and_takes_what_never_ran_first():
    states = [container(1, "exited"), container(2, "running"), container(3, "created"), container(4, "created")]
    assert [one.id for one in startable(states, {"web": 2})] == ["c3"]
    assert [one.id for one in startable(states, {"web": 4})] == ["c3", "c4", "c1"]
    assert [one.id for one in startable(states, {"web": 2}, {"c3"})] == ["c4"]
    assert startable(states, {"web": 1}) == []


def test_a_gate_asks_the_replica_that_has_just_exited_and_none_that_never_ran():
    states = [container(1, "running", "2026-01-01T00:00:01Z"), container(2, "exited", "2026-01-01T00:00:02Z"), container(3, "created")]
    assert {one.id for one in started(states, ["web"], 2)} == {"c1", "c2"}
    kept = [container(1, "exited", "2025-01-01T00:00:01Z"), container(2, "exited", "2026-01-01T00:00:02Z")]
    assert [one.id for one in started(kept, ["web"], 1)] == ["c2"]
    assert len(started(kept, ["web"], None)) == 2


class CountingRunner:
    """A ``docker start`` that waits for as many others as may run beside it."""

    def __init__(self, parallel: int) -> None:
        self.barrier = threading.Barrier(parallel)
        self.now = self.most = 0
        self.lock = threading.Lock()

    def run(self, argv, **_options):
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        self.barrier.wait(timeout=10)
        time.sleep(0.01)
        with self.lock:
            self.now -= 1
        return Completed(tuple(argv), int(argv[-1] == "c7"), "", "no room")


def test_starts_are_side_by_side_and_bounded():
    runner = CountingRunner(4)
    start(DockerCli(runner), [container(number, "created") for number in range(11, 19)], "new", 4)
    assert runner.most == 4


def test_a_container_that_cant_be_started_is_named():
    with pytest.raises(CommandError) as caught:
        start(DockerCli(CountingRunner(1)), [container(7, "created")], "new", 1)
    assert caught.value.message == "can't start web of release new (c7): no room"


def test_what_joins_another_container_starts_after_it():
    document = {"services": {"web": {"network_mode": "bridge"}, "sidecar": {"network_mode": "service:web", "pid": "service:app"}}}
    assert joined(document) == {"web": set(), "sidecar": {"web", "app"}}
