# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From so many replicas of each release to the ports that the edge asks in the midst of a rolling. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.core.container import ContainerState
from ansible_collections.steady.deploy.plugins.module_utils.core.errors import GateError
from ansible_collections.steady.deploy.plugins.module_utils.edge.base import Drained, Served, Upstream
from ansible_collections.steady.deploy.plugins.module_utils.rollout.steps import Share, Step


def mixture(now: Served, step: Step, states: t.Callable[[str], t.Sequence[ContainerState]]) -> Served:
    """What the edge serves after ``step``. Replicas that it asks ``now`` are kept; ``states`` gives the containers of a release that count.

    Raises GateError where a service would be left without a replica.
    """
    asked = {port for upstream in now.upstreams for port in upstream.ports}
    containers = {release: states(release) for release in dict.fromkeys(share.release for share in step.mix)}
    upstreams = []
    own_first = sorted(step.mix, key=lambda share: share.release != step.release)
    for service in dict.fromkeys(share.service for share in step.mix):
        ports: list[int] = []
        others: list[tuple[int, str]] = []
        for share in own_first:
            if share.service == service:
                some = _ports(share, containers[share.release], asked)
                ports += some
                others += [(port, share.release) for port in some if share.release != step.release]
        if not ports:
            raise GateError(f"no replica of service {service} would be left to serve; look at the log of its containers")
        upstreams.append(Upstream(service, tuple(ports), tuple(others)))
    return Served(now.app, step.release, tuple(upstreams))


def _ports(share: Share, states: t.Sequence[ContainerState], asked: t.Collection[int]) -> list[int]:
    ports = host_ports(states, share.service)
    return sorted(sorted(ports, key=lambda port: (port not in asked, port))[: share.replicas])


def host_ports(states: t.Sequence[ContainerState], service: str) -> list[int]:
    """The host's ports of a service's running replicas: each has one."""
    return sorted(host for state in states if state.service == service and state.running for _inside, host in state.ports[:1])


def shares_of(served: Served, states: t.Callable[[str], t.Sequence[ContainerState]]) -> tuple[Share, ...]:
    """How many running replicas of each release the edge asks."""
    releases = dict.fromkeys(release for release in (served.release, *served.others().values()) if release)
    containers = {release: states(release) for release in releases}
    shares = []
    for upstream in served.upstreams:
        for release in releases:
            mine = {port for port in upstream.ports if served.owner(port) == release}
            count = len(mine.intersection(host_ports(containers[release], upstream.service)))
            if count:
                shares.append(Share(release, upstream.service, count))
    return tuple(shares)


def both(one: Drained | None, other: Drained) -> Drained:
    """Two drains of one rollout, added up."""
    if one is None:
        return other
    return Drained(
        one.requests_finished + other.requests_finished,
        one.requests_cut + other.requests_cut,
        one.streams_finished + other.streams_finished,
        one.streams_cut + other.streams_cut,
        one.seconds + other.seconds,
        one.clients_left + other.clients_left,
    )
