# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running a job of a release to its end."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.steady.deploy.plugins.module_utils.compose.cli import DockerCli
from ansible_collections.steady.deploy.plugins.module_utils.core.clock import Clock
from ansible_collections.steady.deploy.plugins.module_utils.core.container import ContainerState
from ansible_collections.steady.deploy.plugins.module_utils.core.errors import GateError
from ansible_collections.steady.deploy.plugins.module_utils.core.logs import telling_line
from ansible_collections.steady.deploy.plugins.module_utils.core.progress import Tell

_LOOK_EVERY = 0.1


@dataclass(frozen=True)
class Job:
    """A service that runs once, in a container of this name."""

    service: str
    release: str
    container: str


def run(
    cli: DockerCli,
    clock: Clock,
    tell: Tell,
    job: Job,
    start: t.Callable[[], None],
    logs: t.Callable[[str], list[str]],
    timeout: float,
) -> None:
    """Start the job, or go on waiting for one that a former try has started, at most ``timeout`` seconds.

    Raises GateError where it fails, does not end or disappears.
    """
    found = cli.inspect([job.container])
    if found and not found[0].running and found[0].exit_code != 0:
        cli.remove([job.container])
        found = ()
    if not found:
        start()
    state = _ended(cli, clock, tell, job, logs, timeout)
    if state.exit_code != 0:
        lines = logs(job.container)
        said = telling_line(lines) or "nothing"
        raise GateError(
            f"job {job.service} of release {job.release} failed with exit code {state.exit_code}; its log says: {said}",
            service=job.service,
            logs=lines,
        )


def _ended(cli: DockerCli, clock: Clock, tell: Tell, job: Job, logs: t.Callable[[str], list[str]], timeout: float) -> ContainerState:
    begun = clock.monotonic()
    while True:
        tell("job", job.service, {"seconds": round(clock.monotonic() - begun, 1)}, runs=True)
        state = next(iter(cli.inspect([job.container])), None)
        if state is None:
            raise GateError(f"job {job.service} of release {job.release}: its container was removed while it ran")
        if state.status in ("exited", "dead"):
            return state
        if clock.monotonic() > begun + timeout:
            cli.stop([job.container])
            raise GateError(
                f"job {job.service} of release {job.release} did not end within {timeout:g} s and was stopped", logs=logs(job.container)
            )
        clock.sleep(_LOOK_EVERY)
