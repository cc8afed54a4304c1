# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starting some replicas of services, several at a time. Compose itself starts those of a service one after the other."""

from __future__ import annotations

import typing as t
from concurrent.futures import ThreadPoolExecutor

from ansible_collections.steady.deploy.plugins.module_utils.compose.cli import DockerCli
from ansible_collections.steady.deploy.plugins.module_utils.core.container import ContainerState
from ansible_collections.steady.deploy.plugins.module_utils.core.runner import checked


def startable(states: t.Sequence[ContainerState], wanted: t.Mapping[str, int], without: t.Collection[str] = ()) -> list[ContainerState]:
    """The containers to start until so many of each service run. One that was never started goes before one that has ended."""
    found: list[ContainerState] = []
    for service, count in wanted.items():
        mine = [state for state in states if state.service == service and state.id not in without]
        down = sorted((state for state in mine if not state.running), key=lambda state: (state.status != "created", state.number))
        found += down[: max(0, count - (len(mine) - len(down)))]
    return found


def started(
    states: t.Sequence[ContainerState], services: t.Sequence[str], replicas: int | None, without: t.Collection[str] = ()
) -> list[ContainerState]:
    """The containers that a gate asks: all, or the ``replicas`` of each service that were started last or still run."""
    found: list[ContainerState] = []
    for service in services:
        mine = [state for state in states if state.service == service and state.id not in without]
        # One that has ended belongs to them: its gate says so. Docker's moments sort as texts.
        latest = sorted(mine, key=lambda state: (state.running, state.status != "created", state.started_at), reverse=True)
        found += latest[:replicas]
    return found


def joined(document: t.Mapping[str, t.Any]) -> dict[str, set[str]]:
    """Which services of a Compose document each one joins: their containers must run before its own can start."""
    found: dict[str, set[str]] = {}
    for name, made in (document.get("services") or {}).items():
        said = [str(made.get(key) or "") for key in ("network_mode", "pid", "ipc")]
        found[name] = {text.partition(":")[2] for text in said if text.startswith("service:")}
    return found


def start(cli: DockerCli, states: t.Sequence[ContainerState], release: str, parallel: int) -> None:
    """Start these containers, at most ``parallel`` at once. Raises CommandError for the first that can't be started."""

    def one(state: ContainerState) -> None:
        done = cli.runner.run(["docker", "start", state.id])
        checked(done, f"can't start {state.service} of release {release} ({state.name})")

    if not states:
        return
    with ThreadPoolExecutor(max_workers=max(1, parallel)) as pool:
        results = [pool.submit(one, state) for state in states]
        try:
            for result in results:
                result.result()
        finally:
            for result in results:
                result.cancel()
