# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plugging accessories into the private networks of releases, and out again before a network goes."""

from __future__ import annotations

import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.compose.cli import RELEASE_LABEL, DockerCli
from ansible_collections.steady.deploy.plugins.module_utils.core.container import ContainerState
from ansible_collections.steady.deploy.plugins.module_utils.core.runner import checked

Plugs = t.Mapping[str, t.Mapping[str, t.Sequence[str]]]


def plugged(project: str, plugs: Plugs, accessories: t.Sequence[ContainerState]) -> bool:
    """Whether each accessory is in each of the project's networks that it belongs to."""
    for network, services in plugs.items():
        for service in services:
            mine = [state for state in accessories if state.service == service]
            if not mine or any(f"{project}_{network}" not in dict(state.networks) for state in mine):
                return False
    return True


def plug(cli: DockerCli, app: str, release: str, plugs: Plugs) -> None:
    """Connect the accessories that are not yet in the release's networks, under the names the app calls them by."""
    accessories = [state for state in cli.containers(app) if not state.label(RELEASE_LABEL)]
    present = {name for names in cli.networks(f"{app}-{release}").values() for name in names} if plugs else set()
    for network, services in plugs.items():
        name = f"{app}-{release}_{network}"
        for service, aliases in services.items():
            for state in accessories:
                if state.service == service and name in present and name not in dict(state.networks):
                    argv = ["docker", "network", "connect", *(part for alias in aliases for part in ("--alias", alias)), name, state.id]
                    checked(cli.runner.run(argv), f"can't plug {service} into network {name}")


def unplug(cli: DockerCli, app: str, project: str) -> None:
    """Disconnect accessories from the project's networks, also stopped ones, which could not start again otherwise; remove the networks."""
    names = {name for networks in cli.networks(project).values() for name in networks}
    if not names:
        return
    for state in cli.containers(app):
        for name in names.intersection(dict(state.networks)):
            cli.runner.run(["docker", "network", "disconnect", "--force", name, state.id])
    for name in sorted(names):
        checked(cli.runner.run(["docker", "network", "rm", name]), f"can't remove network {name}")
