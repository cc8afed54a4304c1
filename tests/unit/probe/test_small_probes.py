# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tcp, exec and health probes, and where a gate of a container is aimed."""

from __future__ import annotations

import socket
import threading
import time

import pytest
from unit.probe.fakes import FakeRunner, free_port

from ansible_collections.steady.deploy.plugins.module_utils.core.container import ContainerState
from ansible_collections.steady.deploy.plugins.module_utils.probe.base import Answer, Target, container_target
from ansible_collections.steady.deploy.plugins.module_utils.probe.exec import ExecProbe
from ansible_collections.steady.deploy.plugins.module_utils.probe.gate import GATE_TYPES, Gate
from ansible_collections.steady.deploy.plugins.module_utils.probe.health import HealthProbe
from ansible_collections.steady.deploy.plugins.module_utils.probe.real import real_probes
from ansible_collections.steady.deploy.plugins.module_utils.probe.tcp import TcpProbe


def test_tcp_is_ready_for_a_silent_and_for_a_talking_peer():
    with socket.create_server(("127.0.0.1", 0)) as server:
        target = Target("127.0.0.1", server.getsockname()[1])
        assert TcpProbe().probe(target, Gate("tcp", port=1)) == Answer(True, "connection accepted")
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(2)
        target = Target("127.0.0.1", server.getsockname()[1])
        early = socket.create_connection(("127.0.0.1", target.port))
        early.close()
        assert TcpProbe().probe(target, Gate("tcp", port=1)).ok


def hang_up(server: socket.socket) -> None:
    server.accept()[0].close()


def test_tcp_is_not_ready_when_refused_or_hung_up_on():
    assert TcpProbe().probe(Target("127.0.0.1", free_port()), Gate("tcp", port=1)) == Answer(False, "connection refused")

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=hang_up, args=(server,), daemon=True).start()
        answer = TcpProbe().probe(Target("127.0.0.1", server.getsockname()[1]), Gate("tcp", port=1))
    assert answer == Answer(False, "connection closed at once")


def test_tcp_that_is_never_accepted_ends_with_the_timeout():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        target = Target("127.0.0.1", server.getsockname()[1])
        filler = socket.create_connection(("127.0.0.1", target.port))
        started = time.monotonic()
        answer = TcpProbe().probe(target, Gate("tcp", port=1, timeout=0.3))
        assert time.monotonic() - started < 0.7
        assert answer == Answer(False, "no answer within 0.3 s")
        filler.close()


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ((0, "PONG\n", ""), Answer(True, "exit code 0")),
        ((1, "", ""), Answer(False, "exit code 1")),
        ((1, "out\n", "first\nno database\n\n"), Answer(False, "exit code 1: no database")),
        ((2, "only out\n", ""), Answer(False, "exit code 2: only out")),
        ((124, "", "no answer within 2 s"), Answer(False, "no answer within 2 s")),
        ((124, "", ""), Answer(False, "exit code 124")),
        ((127, "", "docker: No such file or directory"), Answer(False, "exit code 127: docker: No such file or directory")),
    ],
)
def test_exec(said, answer):
    runner = FakeRunner(lambda _argv: said)
    assert ExecProbe(runner).probe(Target(container="c1"), Gate("exec", command=("redis-cli", "-x", "ping"))) == answer
    assert runner.calls == [(("docker", "exec", "c1", "redis-cli", "-x", "ping"), 2.0)]


@pytest.mark.parametrize(
    ("health", "answer"),
    [
        ("healthy", Answer(True, "health healthy")),
        ("starting", Answer(False, "health starting")),
        ("unhealthy", Answer(False, "health unhealthy")),
        ("", Answer(False, "the container has no healthcheck")),
    ],
)
def test_health(health, answer):
    assert HealthProbe().probe(Target(health=health), Gate("health")) == answer


WEB = ContainerState("c1", "web-1", networks=(("a", ""), ("b", "172.20.0.2")), ports=((8000, 20010),), health="healthy")


@pytest.mark.parametrize(
    ("state", "gate", "address", "port"),
    [
        (WEB, Gate("http", port=8000), "127.0.0.1", 20010),
        (WEB, Gate("http", port=9000), "172.20.0.2", 9000),
        (WEB, Gate("tcp", port=8000), "172.20.0.2", 8000),
        (WEB, Gate("fastcgi", port=8000), "172.20.0.2", 8000),
        (ContainerState("c", "c", ports=((1, 2),)), Gate("tcp", port=1), "127.0.0.1", 2),
        (ContainerState("c", "c", networks=(("host", ""),)), Gate("http", port=80), "127.0.0.1", 80),
        (ContainerState("c", "c", networks=(("none", ""),)), Gate("http", port=80), "", 80),
    ],
)
def test_where_a_gate_goes(state, gate, address, port):
    target = container_target(state, gate)
    assert (target.address, target.port, target.container) == (address, port, state.id)


def test_a_target_carries_health_and_socket():
    assert container_target(WEB, Gate("health")).health == "healthy"
    assert container_target(WEB, Gate("fastcgi", socket="/run/php.sock")).socket == "/run/php.sock"


def test_each_type_of_gate_has_a_real_probe():
    assert set(real_probes(FakeRunner(lambda _argv: (0, "", "")))) == set(GATE_TYPES)
