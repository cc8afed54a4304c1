# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a probe is: it asks a target once and gives an answer."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.steady.deploy.plugins.module_utils.core.container import ContainerState
from ansible_collections.steady.deploy.plugins.module_utils.probe.gate import Gate


@dataclass(frozen=True)
class Answer:
    """What came back: ``detail`` is one short line, such as ``HTTP 200 OK`` or ``connection refused``."""

    ok: bool
    detail: str


@dataclass(frozen=True)
class Target:
    """Where a probe goes: an address and port, a unix socket, or a container by its id."""

    address: str = ""
    port: int | None = None
    socket: str = ""
    container: str = ""
    health: str = ""


class Probe(t.Protocol):
    """Asks once, within ``gate.timeout`` seconds in all. Network trouble is an answer, never an exception."""

    def probe(self, target: Target, gate: Gate) -> Answer:
        """Ask."""


def container_target(state: ContainerState, gate: Gate) -> Target:
    """Where a gate of this container goes, as seen from the host.

    http goes through the published port, as the edge will. tcp and fastcgi go to the container's own
    address where it has one: Docker's proxy accepts connections to a published port even while nothing
    listens behind it.
    """
    address, port = state.address, gate.port
    published = state.host_port(gate.port) if gate.port is not None else None
    if any(network == "host" for network, _address in state.networks):
        address = "127.0.0.1"
    elif published is not None and (gate.type == "http" or not address):
        address, port = "127.0.0.1", published
    return Target(address=address, port=port, socket=gate.socket, container=state.id, health=state.health)
