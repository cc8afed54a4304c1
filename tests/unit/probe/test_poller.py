# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""hold in fake time: thresholds, resets, min_ready, deadlines, containers that die, gates side by side."""

from __future__ import annotations

from dataclasses import replace

import pytest
from unit.probe.fakes import FakeClock, FakeWorkers, ScriptedProbe, timed

from ansible_collections.steady.deploy.plugins.module_utils.core.container import ContainerState
from ansible_collections.steady.deploy.plugins.module_utils.core.errors import CommandError, GateError, SpecError
from ansible_collections.steady.deploy.plugins.module_utils.probe.base import Answer, Target
from ansible_collections.steady.deploy.plugins.module_utils.probe.gate import Gate
from ansible_collections.steady.deploy.plugins.module_utils.probe.health import HealthProbe
from ansible_collections.steady.deploy.plugins.module_utils.probe.poller import hold
from ansible_collections.steady.deploy.plugins.module_utils.probe.track import Check

OK = Answer(True, "HTTP 200 OK")
BAD = Answer(False, "HTTP 503 Service Unavailable: db down")
WEB = ContainerState("c1", "demo-1f-web-1", "web", started_at="t0", networks=(("n", "172.20.0.2"),), ports=((80, 20010),))
WORKER = ContainerState("c2", "demo-1f-queue-1", "queue", started_at="t0")
GATE = Gate("http", port=80, path="/readyz", success_threshold=2, interval=1.0, deadline=10.0)
CHECK = Check(GATE, "c1")


class World:
    """Fake time with containers whose states are a function of the seconds since the start."""

    def __init__(self, say=lambda at, target, gate: OK, states=lambda at: {"c1": WEB}, tail=lambda container: []):
        self.clock = FakeClock()
        self.start = self.clock.time
        self.workers = FakeWorkers(self.clock)
        self.probe = ScriptedProbe(self.clock, say)
        self.states = states
        self.tail = tail
        self.heard = []
        self.observed = []

    @property
    def elapsed(self) -> float:
        return round(self.clock.time - self.start, 3)

    def observe(self):
        self.observed.append(self.elapsed)
        return self.states(self.elapsed)

    def hold(self, *checks, **more):
        return hold(
            checks,
            self.clock,
            self.observe,
            lambda check, answer, after: self.heard.append((check, answer, after)),
            probes={"http": self.probe, "tcp": self.probe, "exec": self.probe, "health": HealthProbe()},
            tail=self.tail,
            workers=self.workers,
            **more,
        )

    def fails(self, *checks, **more) -> GateError:
        with pytest.raises(GateError) as caught:
            self.hold(*checks, **more)
        return caught.value


def answers(*oks: bool):
    """Says these one after the other, the last for ever."""
    left = list(oks)

    def say(_at, _target, _gate):
        return OK if (left.pop(0) if len(left) > 1 else left[0]) else BAD

    return say


def test_two_successes_in_a_row():
    world = World()
    (entry,) = world.hold(CHECK)
    assert [at for at, _target, _gate in world.probe.asked] == [0.0, 1.0]
    assert entry == {
        "service": "web",
        "container": "demo-1f-web-1",
        "type": "http",
        "gate": "http :80/readyz",
        "held": True,
        "after": 1.01,
        "asked": 2,
        "answers": [{"after": 0.01, "ok": True, "detail": "HTTP 200 OK"}, {"after": 1.01, "ok": True, "detail": "HTTP 200 OK"}],
    }
    assert [(check, answer) for check, answer, _after in world.heard] == [(CHECK, OK)] * 2
    assert world.probe.asked[0][1] == Target("127.0.0.1", 20010, container="c1")


def test_a_failure_takes_successes_back():
    world = World(answers(True, False, True, False, True, True))
    (entry,) = world.hold(CHECK)
    assert entry["asked"] == 6
    assert world.elapsed == pytest.approx(5.01)


def test_threshold_of_one_needs_one():
    world = World()
    world.hold(Check(replace(GATE, success_threshold=1), "c1"))
    assert world.elapsed == pytest.approx(0.01)


def test_min_ready_counts_from_the_threshold_and_does_not_wait_for_an_interval_more():
    world = World()
    world.hold(Check(replace(GATE, min_ready=2.5), "c1"))
    assert [at for at, _target, _gate in world.probe.asked] == pytest.approx([0.0, 1.0, 2.0, 3.0, 3.51])
    assert world.elapsed == pytest.approx(3.52)


def test_a_failure_in_min_ready_starts_it_anew():
    world = World(lambda at, _target, _gate: BAD if 2 <= at < 3 else OK)
    (entry,) = world.hold(Check(replace(GATE, min_ready=2.0), "c1"))
    assert entry["after"] == pytest.approx(6.01)


def test_the_deadline_with_the_last_answer_and_log_lines():
    asked = []

    def tail(container):
        asked.append(container)
        return [f"line {number}" for number in range(30)] + ["boom", ""]

    world = World(answers(False), tail=tail)
    error = world.fails(CHECK)
    assert world.elapsed == pytest.approx(10.0)
    assert error.message == (
        "service web (demo-1f-web-1): gate http :80/readyz did not hold within 10 s;"
        " last answer: HTTP 503 Service Unavailable: db down; its log says: boom"
    )
    assert asked == ["c1"]
    assert len(error.facts["logs"]) == 20
    assert error.facts["logs"][-2:] == ["boom", ""]
    assert (error.facts["service"], error.facts["container"], error.facts["elapsed"]) == ("web", "demo-1f-web-1", 10.0)
    (entry,) = error.facts["gates"]
    assert (entry["held"], entry["after"], entry["asked"], len(entry["answers"])) == (False, None, 10, 5)
    assert entry["answers"][-1] == {"after": 9.01, "ok": False, "detail": BAD.detail}


@pytest.mark.parametrize(
    ("say", "gate", "progress"),
    [
        (lambda at, *_: OK if at >= 9 else BAD, GATE, "HTTP 200 OK (1 of 2 successes in a row)"),
        (lambda at, *_: OK if at >= 6 else BAD, replace(GATE, min_ready=8.0), "HTTP 200 OK (ready for 3.0 of 8 s)"),
        (lambda at, *_: timed(True, "late", 11.0), GATE, "no answer yet"),
    ],
)
def test_the_deadline_tells_how_far_it_had_come(say, gate, progress):
    error = World(say).fails(Check(gate, "c1"))
    assert error.message == f"service web (demo-1f-web-1): gate http :80/readyz did not hold within 10 s; last answer: {progress}"


def test_the_deadline_does_not_wait_for_a_probe_that_hangs():
    world = World(lambda *_: timed(True, "late", 500.0))
    world.fails(Check(replace(GATE, timeout=600.0), "c1"))
    assert world.elapsed == pytest.approx(10.0)
    assert world.probe.asked[0][2].timeout == 10.0


def test_a_slow_gate_delays_no_other():
    slow, quick = replace(GATE, port=1, interval=0.1, timeout=5.0), replace(GATE, port=2, interval=0.1)
    world = World(lambda _at, target, _gate: timed(True, "slow", 3.0) if target.port == 1 else OK)
    first, second = world.hold(Check(slow, "c1"), Check(quick, "c1"))
    assert (first["after"], second["after"]) == (6.0, 0.11)
    assert world.elapsed == pytest.approx(6.0)
    assert world.workers.most == 2


def test_many_gates_take_as_long_as_the_slowest():
    checks = [Check(replace(GATE, port=port, interval=0.1, timeout=5.0), "c1") for port in range(1, 13)]
    world = World(lambda _at, target, _gate: timed(True, "", target.port / 10))
    world.hold(*checks)
    assert world.elapsed == pytest.approx(2.4)
    assert world.workers.most == 12


def test_gates_must_hold_at_the_same_time():
    fragile, slow = replace(GATE, port=1), replace(GATE, port=2, deadline=30.0)

    def say(at, target, _gate):
        # Ready at once, lost for a moment beyond its own deadline, back soon.
        return BAD if (target.port == 1 and 11 <= at < 14) or (target.port == 2 and at < 12) else OK

    world = World(say)
    first, second = world.hold(Check(fragile, "c1"), Check(slow, "c1"))
    assert first["held"]
    assert second["held"]
    assert world.elapsed == pytest.approx(15.01)


def test_a_gate_that_is_lost_for_good_fails_at_the_longest_deadline():
    world = World(lambda at, target, _gate: BAD if target.port == 2 or at > 3 else OK)
    error = world.fails(Check(replace(GATE, port=1), "c1"), Check(replace(GATE, port=2, deadline=20.0), "c1"))
    assert world.elapsed == pytest.approx(20.0)
    assert "did not hold within 20 s" in error.message


def later(at: float, **change):
    return lambda now: {"c1": replace(WEB, **change) if now >= at else WEB}


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"status": "exited", "exit_code": 1}, "exited with code 1"),
        ({"status": "exited", "exit_code": 0}, "exited with code 0"),
        ({"status": "exited", "exit_code": 137, "oom_killed": True}, "exited with code 137 (killed, out of memory)"),
        ({"status": "restarting", "exit_code": 3, "restarts": 1}, "crashed with code 3 and is restarting"),
        ({"restarts": 1, "started_at": "t1"}, "restarted 1 time"),
        ({"restarts": 2, "started_at": "t1"}, "restarted 2 times"),
        ({"started_at": "t1"}, "was restarted"),
        ({"status": "paused"}, "is paused"),
        ({"status": "created"}, "was created but never started"),
    ],
)
def test_a_container_that_dies_fails_at_once(change, what):
    world = World(answers(False), states=later(3.2, **change), tail=lambda _container: ["Fatal error", " "])
    error = world.fails(CHECK)
    assert 3.2 <= world.elapsed <= 3.2 + 0.55
    assert error.message == (
        f"service web (demo-1f-web-1) {what}, {world.elapsed:.1f} s into its readiness gates;"
        " http :80/readyz: HTTP 503 Service Unavailable: db down; its log says: Fatal error"
    )
    assert error.facts["logs"] == ["Fatal error", " "]


def test_a_container_that_is_removed():
    error = World(answers(False), states=lambda at: {} if at >= 1 else {"c1": WEB}).fails(CHECK)
    assert error.message.startswith("service web (demo-1f-web-1) was removed, 1.")
    assert error.facts["container"] == "demo-1f-web-1"


def test_a_container_that_was_never_there():
    assert World(states=lambda _at: {}).fails(CHECK).message == "container c1 does not exist"


def test_a_container_dead_from_the_beginning_is_not_probed():
    world = World(states=later(0, status="exited", exit_code=2))
    assert (
        world.fails(CHECK).message
        == "service web (demo-1f-web-1) exited with code 2, 0.0 s into its readiness gates; http :80/readyz: no answer yet"
    )
    assert world.probe.asked == []


def test_a_restart_just_after_the_last_success_is_still_seen():
    world = World(states=later(1.005, restarts=1, started_at="t1"))
    world.fails(CHECK)
    assert world.elapsed == pytest.approx(1.01)


def test_earlier_restarts_count_only_for_fresh_containers():
    old = replace(WEB, restarts=4)
    World(states=lambda _at: {"c1": old}).hold(CHECK)
    error = World(states=lambda _at: {"c1": old}).fails(CHECK, fresh=True)
    assert error.message.startswith("service web (demo-1f-web-1) restarted 4 times, 0.0 s into")


def test_log_lines_that_cannot_be_read_hide_nothing():
    def tail(_container):
        raise CommandError("docker can't read the log: none", ["docker"], 1, "", "")

    error = World(answers(False), tail=tail).fails(CHECK)
    assert "db down" in error.message
    assert error.facts["logs"] == ["no log lines: docker can't read the log: none"]


def test_a_container_without_a_gate_must_run_all_the_time():
    both = {"c1": WEB, "c2": WORKER}
    world = World(states=lambda _at: both)
    assert len(world.hold(CHECK, Check(None, "c2"))) == 1
    world = World(states=lambda at: both if at < 0.7 else {**both, "c2": replace(WORKER, status="exited", exit_code=255)})
    error = world.fails(CHECK, Check(None, "c2"))
    assert error.message.startswith("service queue (demo-1f-queue-1) exited with code 255, 1.0 s into its readiness gates")
    assert error.facts["service"] == "queue"


def test_settle_is_how_long_a_container_without_a_gate_must_run():
    world = World(states=lambda _at: {"c2": WORKER})
    assert world.hold(Check(None, "c2", settle=2.0)) == []
    assert world.elapsed == pytest.approx(2.0, abs=0.01)
    world = World(states=lambda at: {"c2": WORKER if at < 1.2 else replace(WORKER, status="exited")})
    world.fails(Check(None, "c2", settle=2.0))
    assert world.elapsed < 2.0


def test_nothing_to_hold():
    world = World(states=lambda _at: {})
    assert world.hold() == []


def test_health_is_docker_s_verdict():
    gate = Gate("health", deadline=10.0)
    world = World(states=lambda at: {"c1": replace(WEB, health="starting" if at < 2 else "healthy")})
    (entry,) = world.hold(Check(gate, "c1"))
    assert 2.0 <= entry["after"] <= 3.6


def test_unhealthy_fails_early_but_only_a_health_gate():
    world = World(states=lambda at: {"c1": replace(WEB, health="starting" if at < 2 else "unhealthy")})
    error = world.fails(Check(Gate("health"), "c1"))
    assert world.elapsed < 2.6
    assert "service web (demo-1f-web-1) is unhealthy, 2." in error.message
    World(states=lambda _at: {"c1": replace(WEB, health="unhealthy")}).hold(CHECK)


def test_a_health_gate_without_healthcheck_fails_at_once():
    error = World().fails(Check(Gate("health"), "c1"))
    trouble = "has no healthcheck for its health gate to look at, 0.0 s into its readiness gates"
    assert error.message == f"service web (demo-1f-web-1) {trouble}; health: no answer yet"


def test_the_address_is_looked_up_anew_each_round():
    moved = replace(WEB, ports=((80, 20099),))
    world = World(states=lambda at: {"c1": WEB if at < 0.9 else moved})
    world.hold(CHECK)
    assert [target.port for _at, target, _gate in world.probe.asked] == [20010, 20099]


def test_a_fixed_target_without_a_container():
    world = World(answers(False), states=lambda _at: {})
    error = world.fails(Check(GATE, target=Target("10.0.0.9", 80)))
    assert error.message.startswith("address 10.0.0.9: gate http :80/readyz did not hold within 10 s; ")
    assert error.facts["logs"] == []
    assert world.observed[:1] == [0.0]


def test_containers_are_observed_twice_a_second_not_more():
    world = World(answers(False))
    world.fails(CHECK)
    steps = [after - before for before, after in zip(world.observed, world.observed[1:])]
    assert len(world.observed) >= 19
    assert min(steps) >= 0.49


def test_a_bug_in_a_probe_is_one_clear_sentence():
    def say(*_):
        raise KeyError("oops")

    error = World(say).fails(CHECK)
    assert error.message == "service web (demo-1f-web-1): the probe of gate http :80/readyz failed in itself: KeyError: 'oops'"


def test_a_bad_jmespath_is_told_before_anything_is_asked():
    world = World()
    with pytest.raises(SpecError, match="gate http :80/readyz: `jmespath` 'a\\['"):
        world.hold(Check(replace(GATE, jmespath="a["), "c1"))
    assert world.probe.asked == []
    assert world.observed == []


def test_an_engine_that_stops_answering_is_passed_on():
    def states(at):
        if at > 1:
            raise CommandError("docker can't inspect", ["docker"], 1, "", "")
        return {"c1": WEB}

    with pytest.raises(CommandError):
        World(answers(False), states=states).hold(CHECK)
