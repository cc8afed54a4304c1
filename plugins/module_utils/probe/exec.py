# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The exec probe: a command in the container, ready when it exits with 0."""

from __future__ import annotations

from ansible_collections.steady.deploy.plugins.module_utils.core.runner import Runner
from ansible_collections.steady.deploy.plugins.module_utils.probe.base import Answer, Target
from ansible_collections.steady.deploy.plugins.module_utils.probe.gate import Gate
from ansible_collections.steady.deploy.plugins.module_utils.probe.wording import one_line

RUNNER_TIMEOUT = 124


class ExecProbe:
    """Runs ``docker exec CONTAINER COMMAND``, without a shell.

    Docker offers no way to end a command that outlasts the timeout; it goes on in the container.
    """

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    def probe(self, target: Target, gate: Gate) -> Answer:
        """See Probe.probe."""
        done = self._runner.run(["docker", "exec", target.container, *gate.command], timeout=gate.timeout)
        if done.rc == 0:
            return Answer(True, "exit code 0")
        if done.rc == RUNNER_TIMEOUT and done.stderr.startswith("no answer within"):
            return Answer(False, f"no answer within {gate.timeout:g} s")
        lines = [line for line in (done.stderr.strip() or done.stdout.strip()).splitlines() if line.strip()]
        said = one_line(lines[-1]) if lines else ""
        return Answer(False, f"exit code {done.rc}: {said}" if said else f"exit code {done.rc}")
