# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is on the host of an app, read from its containers and the records of its releases."""

from __future__ import annotations

import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.compose import split
from ansible_collections.steady.deploy.plugins.module_utils.compose.cli import DEFINITION_LABEL, KIND_LABEL, RELEASE_LABEL, DockerCli
from ansible_collections.steady.deploy.plugins.module_utils.compose.plugs import plugged
from ansible_collections.steady.deploy.plugins.module_utils.compose.record import services_from
from ansible_collections.steady.deploy.plugins.module_utils.compose.store import Store
from ansible_collections.steady.deploy.plugins.module_utils.compose.target import Target
from ansible_collections.steady.deploy.plugins.module_utils.core.container import ContainerState
from ansible_collections.steady.deploy.plugins.module_utils.rollout.observed import Accessory, Release, Unit
from ansible_collections.steady.deploy.plugins.module_utils.rollout.spec import JOB, SINGLETON, WEB, WORKER, Service


def observe(
    cli: DockerCli, store: Store, app: str, target: Target | None, history: t.Sequence[str]
) -> tuple[tuple[Release, ...], tuple[Accessory, ...], tuple[str, ...]]:
    """See Backend.observe."""
    containers = cli.containers(app)
    shared = [state for state in containers if not state.label(RELEASE_LABEL)]
    releases = []
    for release in dict.fromkeys([*store.releases(), *(state.label(RELEASE_LABEL) for state in containers)]):
        if release:
            mine = [state for state in containers if state.label(RELEASE_LABEL) == release]
            record = store.record(release) or {}
            whole = plugged(f"{app}-{release}", record.get("plugs") or {}, shared)
            releases.append(Release(release, release in history, _units(mine, record), whole, _done(mine)))
    if target is None:
        return tuple(releases), (), ()
    accessories = tuple(_accessory(target.model, service, shared) for service in target.accessories)
    return tuple(releases), accessories, tuple(image.reference for image in target.images.values() if not image.present)


def strays(cli: DockerCli, app: str, target: Target | None) -> list[tuple[str, str]]:
    """Service and name of running containers of the project that are neither of a release nor accessories of ours."""
    ours = {service.name for service in target.accessories} if target else set()
    return [
        (state.service, state.name)
        for state in cli.containers(app)
        if state.running and not state.label(RELEASE_LABEL) and not state.label(DEFINITION_LABEL) and state.service not in ours
    ]


def _units(mine: t.Sequence[ContainerState], record: dict[str, t.Any]) -> tuple[Unit, ...]:
    wanted = {service.name: (service.kind, service.replicas, service.port is not None) for service in services_from(record)}
    for state in mine:
        # Without a record the containers themselves say what they are.
        wanted.setdefault(state.service, (state.label(KIND_LABEL), 0, False))
    units = []
    for name, (kind, replicas, at_edge) in wanted.items():
        if kind in (WEB, WORKER, SINGLETON):
            found = [state for state in mine if state.service == name]
            running = sum(state.running for state in found)
            units.append(Unit(name, kind, replicas, running, len(found), at_edge))
    return tuple(units)


def _done(mine: t.Sequence[ContainerState]) -> tuple[str, ...]:
    """The jobs that have run to their end."""
    return tuple(state.service for state in mine if state.label(KIND_LABEL) == JOB and state.status == "exited" and state.exit_code == 0)


def _accessory(model: dict[str, t.Any], service: Service, shared: t.Sequence[ContainerState]) -> Accessory:
    mine = [state for state in shared if state.service == service.name]
    running = sum(state.running for state in mine) >= service.replicas
    current = all(state.label(DEFINITION_LABEL) == split.definition(model, service) for state in mine)
    return Accessory(service.name, running, bool(mine), current)
