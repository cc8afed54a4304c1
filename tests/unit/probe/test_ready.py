# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The logic of the module ready, and watching a container through docker's command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from unit.probe.fakes import FakeClock, FakeRunner, ScriptedProbe

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import CommandError, GateError, SpecError, SteadyError
from ansible_collections.steady.deploy.plugins.module_utils.probe.base import Answer, Target
from ansible_collections.steady.deploy.plugins.module_utils.probe.ready import hold_ready
from ansible_collections.steady.deploy.plugins.module_utils.probe.watch import Watch, inspect_container, tail_logs

RUNNING = (Path(__file__).parent / "fixtures" / "inspect_running.json").read_text()
ID = json.loads(RUNNING)[0]["Id"]
MISSING = (1, "[]\n", "Error response from daemon: No such container: web\n")
LOGS = ["docker", "logs", "--timestamps", "--tail", "20", "--", "c1"]
OUT = "2026-11-21T03:47:30.300000000Z two\n2026-11-21T03:47:30.500000000Z \n"
ERR = "2026-11-21T03:47:30.100000000Z one\n2026-11-21T03:47:30.400000000Z three  x\n"


def docker(inspect=(0, RUNNING, ""), logs=(0, OUT, ERR)):
    return FakeRunner(lambda argv: inspect if argv[1] == "inspect" else logs)


def ready(gates, address=None, container=None, runner=None, answer=None):
    """hold_ready with probes that always answer the same; returns its result and the targets asked."""
    clock = FakeClock()
    probe = ScriptedProbe(clock, lambda *_: answer or Answer(True, "fine"))
    probes = dict.fromkeys(["http", "tcp", "fastcgi", "exec", "health"], probe)
    gates = [{"success_threshold": 1, "interval": 0.05, "deadline": 0.1, **gate} for gate in gates]
    result = hold_ready(gates, address, container, runner or docker(MISSING), _Ticking(clock), probes)
    return result, [target for _at, target, _gate in probe.asked]


class _Ticking:
    """Each look at the clock costs a little: with real threads, fake time must pass by itself."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock

    def now(self) -> float:
        return self.clock.now()

    def monotonic(self) -> float:
        self.clock.time += 0.0001
        return self.clock.time

    def sleep(self, seconds: float) -> None:
        self.clock.sleep(seconds)


def test_without_a_container_the_address_is_loopback():
    result, targets = ready([{"type": "http", "port": 80}])
    assert targets == [Target("127.0.0.1", 80)]
    assert [entry["held"] for entry in result["gates"]] == [True]
    assert 0 < result["elapsed"] < 1


def test_an_address_of_its_own():
    assert ready([{"type": "tcp", "port": 80}], address="10.0.0.9")[1] == [Target("10.0.0.9", 80)]
    assert ready([{"type": "fastcgi", "socket": "/run/php.sock"}])[1] == [Target("127.0.0.1", socket="/run/php.sock")]


def test_a_container_is_asked_where_it_can_be_reached():
    _result, targets = ready([{"type": "tcp", "port": 8000}], container="web", runner=docker())
    assert targets == [Target("172.22.0.2", 8000, container=ID, health="healthy")]


def test_an_address_wins_over_the_container_s_but_not_for_exec():
    gates = [{"type": "tcp", "port": 8000}, {"type": "exec", "command": ["true"]}]
    _result, targets = ready(gates, address="10.0.0.9", container="web", runner=docker())
    assert sorted(target.address for target in targets) == ["10.0.0.9", "172.22.0.2"]


@pytest.mark.parametrize("gate", [{"type": "health"}, {"type": "exec", "command": ["true"]}])
def test_exec_and_health_need_a_container(gate):
    with pytest.raises(SpecError) as caught:
        ready([{"type": "tcp", "port": 1}, gate])
    assert caught.value.message == f"gate 2: a gate of type {gate['type']} needs `container`"


def test_no_gate_at_all():
    with pytest.raises(SpecError, match="`gates` is empty; give at least one gate"):
        ready([])


def test_a_bad_gate_is_counted():
    with pytest.raises(SpecError, match=r"^gate 2: `port` is missing"):
        ready([{"type": "tcp", "port": 1}, {"type": "tcp"}])


def test_a_container_that_is_missing():
    with pytest.raises(SpecError) as caught:
        ready([{"type": "tcp", "port": 1}], container="web")
    assert caught.value.message == "there is no container web on this host; `docker ps --all` lists those that exist"


def test_a_container_that_goes_away():
    runner = docker()
    calls = []

    def say(argv):
        calls.append(argv)
        return (0, RUNNING, "") if argv[1] == "inspect" and len(calls) < 3 else MISSING

    runner.say = say
    with pytest.raises(GateError, match=r"^service web \(readytest-rec\) was removed"):
        ready([{"type": "tcp", "port": 8000}], container="web", runner=runner)


def test_inspect_asks_for_a_container_and_for_nothing_else():
    runner = docker()
    assert inspect_container(runner, "-web").id == ID
    assert runner.calls == [(("docker", "inspect", "--type", "container", "--", "-web"), 30.0)]


def test_an_engine_that_does_not_answer_is_no_missing_container():
    runner = docker((1, "[]\n", "Cannot connect to the Docker daemon at unix:///var/run/docker.sock.\n"))
    with pytest.raises(CommandError, match="docker can't inspect the container web: Cannot connect to the Docker daemon"):
        Watch(runner, "web")


@pytest.mark.parametrize("printed", ["", "[]", "{}", "[1]", "nonsense", '[{"Id": "1"}]'])
def test_an_inspect_that_prints_something_else(printed):
    with pytest.raises(SteadyError):
        inspect_container(docker((0, printed, "")), "web")


def test_log_lines_of_both_streams_come_in_the_order_of_time():
    runner = docker()
    assert tail_logs(runner, "c1") == ["one", "two", "three  x", ""]
    assert list(runner.calls[0][0]) == LOGS


def test_at_most_the_wanted_number_of_lines():
    assert tail_logs(docker(), "c1", 2) == ["three  x", ""]


def test_a_log_that_cannot_be_read():
    runner = docker(logs=(1, "", "Error response from daemon: configured logging driver does not support reading\n"))
    with pytest.raises(CommandError, match="docker can't read the log of the container c1: "):
        tail_logs(runner, "c1")
