# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ContainerState from what docker inspect really printed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ansible_collections.steady.deploy.plugins.module_utils.core.container import ContainerState, parse_inspect
from ansible_collections.steady.deploy.plugins.module_utils.core.errors import SteadyError

FIXTURES = Path(__file__).parent / "fixtures"


def recorded(name: str) -> ContainerState:
    return parse_inspect(json.loads((FIXTURES / f"inspect_{name}.json").read_text())[0])


def test_running_with_two_networks_and_published_ports():
    state = recorded("running")
    assert state.name == "readytest-rec"
    assert (state.service, state.number) == ("web", 2)
    assert (state.status, state.running, state.health) == ("running", True, "healthy")
    assert state.networks == (("readytest-a", "172.22.0.2"), ("readytest-b", "172.23.0.2"))
    assert state.address == "172.22.0.2"
    assert state.started_at == "2026-11-21T04:18:59.539394267Z"
    assert state.image_id.startswith("sha256:248c61c7")
    assert state.label("com.docker.compose.project") == "demo-0123456789ab"
    assert state.label("absent") == ""
    assert state.title == "service web (readytest-rec)"


def test_ports_hold_tcp_once_per_host_port_and_neither_udp_nor_merely_exposed_ones():
    state = recorded("running")
    assert state.ports == ((8000, 20931), (8000, 20932), (9001, 20934))
    assert state.host_port(8000) == 20931
    assert state.host_port(9000) is None
    assert state.host_port(7000) is None


def test_restarting_and_exited():
    crashing = recorded("restarting")
    assert (crashing.status, crashing.exit_code, crashing.restarts, crashing.running) == ("restarting", 3, 5, False)
    gone = recorded("exited")
    assert (gone.status, gone.exit_code, gone.running, gone.health, gone.address) == ("exited", 7, False, "", "")
    assert gone.title == "container readytest-rec"


def test_nulls_where_docker_writes_them():
    raw = {"Id": "1", "Name": "/a", "State": {"Status": "created", "Health": None}, "Config": {"Labels": None}, "NetworkSettings": None}
    assert parse_inspect(raw) == ContainerState(id="1", name="a", status="created")


def test_a_switched_off_healthcheck_is_none():
    assert parse_inspect({"Id": "1", "State": {"Status": "running", "Health": {"Status": "none"}}}).health == ""


@pytest.mark.parametrize("raw", [{}, {"Id": "1"}, {"State": {"Status": "running"}}, {"Id": "1", "State": "running"}])
def test_what_is_no_container_is_refused(raw):
    with pytest.raises(SteadyError, match=r"Id or .* is missing"):
        parse_inspect(raw)
