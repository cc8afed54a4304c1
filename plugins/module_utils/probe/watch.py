# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Watching one container through the docker command: its state and its last log lines."""

from __future__ import annotations

import json
import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.core.container import ContainerState, parse_inspect
from ansible_collections.steady.deploy.plugins.module_utils.core.errors import SpecError, SteadyError
from ansible_collections.steady.deploy.plugins.module_utils.core.runner import Runner, checked

# Docker answers in milliseconds; one that does not answer for this long (in seconds) hangs.
PATIENCE = 30.0


def inspect_container(runner: Runner, container: str) -> ContainerState | None:
    """The state of a container by name or id, or None where there is none. Raises CommandError when docker fails."""
    done = runner.run(["docker", "inspect", "--type", "container", "--", container], timeout=PATIENCE)
    if done.rc != 0 and "no such container" in done.stderr.lower():
        return None
    checked(done, f"docker can't inspect the container {container}")
    try:
        return parse_inspect(json.loads(done.stdout)[0])
    except (ValueError, LookupError, TypeError) as exc:
        raise SteadyError(f"docker inspect {container} printed something that is no list of containers") from exc


def tail_logs(runner: Runner, container: str, lines: int = 20) -> list[str]:
    """The last log lines of a container, both streams in the order of time. Raises CommandError when docker fails."""
    done = runner.run(["docker", "logs", "--timestamps", "--tail", str(lines), "--", container], timeout=PATIENCE)
    checked(done, f"docker can't read the log of the container {container}")
    # The stamps have a fixed width, so that text order is time order; two streams come apart otherwise.
    stamped = sorted(done.stdout.splitlines() + done.stderr.splitlines(), key=lambda line: line.partition(" ")[0])
    return [line.partition(" ")[2] for line in stamped][-lines:]


class Watch:
    """Observes one container for ``hold``."""

    def __init__(self, runner: Runner, container: str) -> None:
        """Raises SpecError where there is no such container."""
        self._runner = runner
        state = inspect_container(runner, container)
        if state is None:
            raise SpecError(f"there is no container {container} on this host; `docker ps --all` lists those that exist")
        self.id = state.id

    def observe(self) -> t.Mapping[str, ContainerState]:
        """The container by its id, or nothing once it is gone."""
        state = inspect_container(self._runner, self.id)
        return {} if state is None else {state.id: state}

    def tail(self, container: str) -> list[str]:
        """Its last log lines."""
        return tail_logs(self._runner, container)
