# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a rollout concerns others: the hooks it runs, and who is told how it goes."""

from __future__ import annotations

import json
import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.compose.backend import ComposeBackend
from ansible_collections.steady.deploy.plugins.module_utils.compose.cli import RELEASE_LABEL, DockerCli
from ansible_collections.steady.deploy.plugins.module_utils.compose.store import Store
from ansible_collections.steady.deploy.plugins.module_utils.compose.target import Target
from ansible_collections.steady.deploy.plugins.module_utils.core.clock import Clock
from ansible_collections.steady.deploy.plugins.module_utils.core.errors import SteadyError
from ansible_collections.steady.deploy.plugins.module_utils.core.files import read_text
from ansible_collections.steady.deploy.plugins.module_utils.core.notify import FAILED, STARTED, SUCCEEDED, UNDONE, Notifier
from ansible_collections.steady.deploy.plugins.module_utils.env.text import values_in
from ansible_collections.steady.deploy.plugins.module_utils.rollout.hooks import Hooks, check_hooks
from ansible_collections.steady.deploy.plugins.module_utils.rollout.spec import Hook, Wish


def hooks_of(
    hooks: t.Sequence[Hook],
    wish: Wish,
    previous: str | None,
    backend: ComposeBackend,
    cli: DockerCli,
    store: Store,
    target: Target | None,
    env_files: t.Sequence[str],
    env: t.Mapping[str, str],
) -> Hooks:
    """The hooks, bound to the containers of this rollout. Raises SpecError for one that can't run where it should."""
    check_hooks(hooks, wish.services)

    def container(release: str, service: str) -> str | None:
        """Of the release, or else an accessory."""
        accessories = (state for state in cli.containers(wish.app) if not state.label(RELEASE_LABEL))
        found = [state for state in (*backend.states(release), *accessories) if state.service == service and state.running]
        return found[0].id if found else None

    def secrets() -> list[str]:
        """All values of the app's environment."""
        model = target.model if target else json.loads(read_text(store.compose_file(wish.release)) or "{}")
        found = [str(value) for service in model.get("services", {}).values() for value in (service.get("environment") or {}).values()]
        return found + [value for path in env_files for value in values_in(read_text(path) or "")]

    return Hooks(hooks, wish.app, wish.release, previous, container, env, secrets)


class Herald:
    """Tells the start and the end of one rollout. ``warnings`` has what did not arrive."""

    def __init__(self, notifier: Notifier, clock: Clock, app: str, release: str, previous: str | None) -> None:
        self._notifier = notifier
        self._clock = clock
        self._facts = {"app": app, "release": release, "previous": previous}
        self._begun = clock.monotonic()
        self.warnings: list[str] = []

    def started(self, steps: int) -> None:
        """A rollout of so many steps begins."""
        self._send(STARTED, f"{self._facts['app']} is to be brought to release {self._facts['release']}, {steps} steps")

    def succeeded(self) -> None:
        """The release is served."""
        self._send(SUCCEEDED, f"{self._facts['app']} serves release {self._facts['release']}")

    def stopped(self, failure: SteadyError) -> None:
        """The rollout failed, and was undone or not."""
        self._send(UNDONE if failure.facts.get("undone") else FAILED, failure.message)

    def _send(self, event: str, message: str) -> None:
        seconds = round(self._clock.monotonic() - self._begun, 3)
        warning = self._notifier.send(event, **self._facts, message=message, seconds=seconds)
        if warning:
            self.warnings.append(warning)
