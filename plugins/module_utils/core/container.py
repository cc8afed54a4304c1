# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the engine knows of one container at one moment: pure data, read from ``docker inspect``."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import SteadyError

SERVICE_LABEL = "com.docker.compose.service"
NUMBER_LABEL = "com.docker.compose.container-number"


@dataclass(frozen=True)
class ContainerState:
    """One container as the engine saw it.

    ``status`` is Docker's State.Status (created, running, paused, restarting, removing, exited, dead).
    ``health`` is empty for a container without a healthcheck. ``ports`` holds published TCP ports only.
    ``started_at`` is Docker's own text: compare it for equality, nothing else.
    """

    id: str
    name: str
    service: str = ""
    number: int = 1
    status: str = "running"
    exit_code: int = 0
    restarts: int = 0
    started_at: str = ""
    health: str = ""
    networks: tuple[tuple[str, str], ...] = ()
    ports: tuple[tuple[int, int], ...] = ()
    image_id: str = ""
    labels: tuple[tuple[str, str], ...] = ()
    oom_killed: bool = False

    @property
    def running(self) -> bool:
        """Whether its process runs (a paused or restarting container does not count)."""
        return self.status == "running"

    @property
    def title(self) -> str:
        """How messages call it: ``service web (demo-1f-web-1)``, or ``container NAME`` outside Compose."""
        return f"service {self.service} ({self.name})" if self.service else f"container {self.name}"

    @property
    def address(self) -> str:
        """Its address on the first network that gave it one, or an empty text."""
        return next((address for _network, address in self.networks if address), "")

    def host_port(self, port: int) -> int | None:
        """The host's port that leads to the container's TCP port, or None."""
        return next((host for inside, host in self.ports if inside == port), None)

    def label(self, name: str) -> str:
        """The value of a label, or an empty text."""
        return dict(self.labels).get(name, "")


def parse_inspect(raw: t.Mapping[str, t.Any]) -> ContainerState:
    """Read one element of what ``docker inspect CONTAINER`` prints; raises SteadyError for anything else."""
    state, config = _mapping(raw, "State"), _mapping(raw, "Config")
    if not state.get("Status") or not raw.get("Id"):
        raise SteadyError("docker inspect did not answer with a container: Id or State.Status is missing")
    labels = {str(key): str(value) for key, value in _mapping(config, "Labels").items()}
    health = str(_mapping(state, "Health").get("Status") or "")
    settings = _mapping(raw, "NetworkSettings")
    number = labels.get(NUMBER_LABEL, "")
    return ContainerState(
        id=str(raw["Id"]),
        name=str(raw.get("Name") or raw["Id"]).lstrip("/"),
        service=labels.get(SERVICE_LABEL, ""),
        number=int(number) if number.isdecimal() else 1,
        status=str(state["Status"]),
        exit_code=int(state.get("ExitCode") or 0),
        restarts=int(raw.get("RestartCount") or 0),
        started_at=str(state.get("StartedAt") or ""),
        # Docker says "none" where the image's healthcheck was switched off.
        health="" if health == "none" else health,
        networks=tuple(
            (name, str(_mapping(_mapping(settings, "Networks"), name).get("IPAddress") or ""))
            for name in sorted(_mapping(settings, "Networks"))
        ),
        ports=_ports(_mapping(settings, "Ports")),
        image_id=str(raw.get("Image") or ""),
        labels=tuple(sorted(labels.items())),
        oom_killed=bool(state.get("OOMKilled")),
    )


def _ports(raw: t.Mapping[str, t.Any]) -> tuple[tuple[int, int], ...]:
    """Published TCP ports. A port bound on IPv4 and IPv6 is told once per host port."""
    found = set()
    for inside, bindings in raw.items():
        port, _slash, protocol = inside.partition("/")
        if protocol in ("", "tcp"):
            for binding in bindings or ():
                if binding.get("HostPort"):
                    found.add((int(port), int(binding["HostPort"])))
    return tuple(sorted(found))


def _mapping(raw: t.Mapping[str, t.Any], key: str) -> t.Mapping[str, t.Any]:
    """``raw[key]``; Docker writes null for an empty mapping, and leaves some out."""
    value = raw.get(key) if isinstance(raw, dict) else None
    return value if isinstance(value, dict) else {}
