# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An eye on the containers that have the traffic: none of them may exit, restart or become unhealthy."""

from __future__ import annotations

import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.core.clock import Clock
from ansible_collections.steady.deploy.plugins.module_utils.core.container import ContainerState
from ansible_collections.steady.deploy.plugins.module_utils.core.errors import GateError
from ansible_collections.steady.deploy.plugins.module_utils.core.logs import telling_line
from ansible_collections.steady.deploy.plugins.module_utils.rollout.backend import Backend

# Seconds between two looks while something else is waited for.
LOOK_EVERY = 0.25


class Lookout:
    """Watches the containers of one release, from the moment each was seen ready."""

    def __init__(self, backend: Backend, clock: Clock) -> None:
        self._backend = backend
        self._clock = clock
        self._ready: dict[str, ContainerState] = {}
        self._looked = 0.0

    def __bool__(self) -> bool:
        """Whether any container is watched."""
        return bool(self._ready)

    def ready(self, states: t.Iterable[ContainerState]) -> None:
        """These are ready now: from here on they may neither exit nor restart."""
        self._ready.update({state.id: state for state in states})

    def join(self, states: t.Iterable[ContainerState]) -> None:
        """Watch these too. Those that are watched already are compared with what they were."""
        self._ready = {**{state.id: state for state in states}, **self._ready}

    def forget(self) -> None:
        """Watch none any more."""
        self._ready = {}

    def look(self, force: bool = False) -> None:
        """Look, at most every quarter of a second unless by ``force``. Raises GateError with the last lines of what went wrong."""
        now = self._clock.monotonic()
        if not self._ready or (not force and now - self._looked < LOOK_EVERY):
            return
        self._looked = now
        release = next(iter(self._ready.values())).label("steady.release")
        states = {state.id: state for state in self._backend.states(release)}
        for container, before in self._ready.items():
            state = states.get(container)
            wrong = _worse(before, state)
            if wrong:
                logs = self._backend.logs(container) if state else []
                telling = telling_line(logs)
                raise GateError(
                    f"{before.title} {wrong} after it was ready" + (f"; its log says: {telling}" if telling else ""),
                    service=before.service,
                    container=before.name,
                    logs=logs,
                )


def _worse(before: ContainerState, now: ContainerState | None) -> str:
    if now is None:
        return "was removed"
    if now.status == "exited" or now.status == "dead":
        return f"exited with code {now.exit_code}"
    if now.restarts > before.restarts or now.started_at != before.started_at:
        return "restarted"
    if now.health == "unhealthy" and before.health != "unhealthy":
        return "became unhealthy"
    return "" if now.running else f"is {now.status}"
