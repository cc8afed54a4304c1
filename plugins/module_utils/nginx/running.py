# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Nginx that runs: which configuration it has taken over, and making it take over the one on the disk."""

from __future__ import annotations

import os
import time
import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.core.clock import Clock
from ansible_collections.steady.deploy.plugins.module_utils.core.errors import EdgeError, PreflightError
from ansible_collections.steady.deploy.plugins.module_utils.core.runner import Runner
from ansible_collections.steady.deploy.plugins.module_utils.edge.nginx_config import Config, problem
from ansible_collections.steady.deploy.plugins.module_utils.edge.nginx_program import NginxProgram
from ansible_collections.steady.deploy.plugins.module_utils.edge.proc import Proc, Worker

# Seconds. Many certificates take their time.
_BOUND = 15.0
_PAUSE = 0.02
# Its last word on a place to listen that somebody else has, after some attempts.
_GIVES_UP = "still could not bind()"


class Running:
    """The running Nginx. ``moment`` gives the wall clock at which a worker began, in seconds since the epoch."""

    def __init__(self, runner: Runner, proc: Proc, clock: Clock, moment: t.Callable[[Worker], float] | None = None) -> None:
        self._program = NginxProgram(runner, proc, "nginx")
        self._proc, self._clock = proc, clock
        self._moment = moment or _began

    def test(self) -> Config:
        """The configuration on the disk. Raises EdgeError where Nginx refuses it."""
        try:
            return self._program.configuration()
        except PreflightError as exc:
            raise EdgeError(f"Nginx refuses its configuration: {problem(exc.facts.get('stderr', ''))}", **exc.facts) from exc

    def master(self, configuration: Config) -> int:
        """The process id of the master, or 0 where Nginx does not run."""
        try:
            return self._program.master(configuration)
        except PreflightError:
            return 0

    def stale(self, master: int, paths: t.Iterable[str]) -> bool:
        """Whether one of these files was written after the workers began: a run that was killed came to no reload."""
        workers = self._workers(master)
        oldest = min(map(self._moment, workers), default=0.0)
        return bool(workers) and any(os.path.exists(path) and os.path.getmtime(path) > oldest for path in paths)

    def reload(self, master: int, configuration: Config) -> None:
        """Let new workers take over, and return once they have. Raises EdgeError where the master keeps the old ones."""
        log = next((one.args[0] for one in configuration.named("error_log") if one.args and not one.blocks), "")
        before = {(one.pid, one.started) for one in self._workers(master)}
        size = os.path.getsize(log) if os.path.isfile(log) else 0
        self._program.reload()
        end = self._clock.monotonic() + _BOUND
        while all((one.pid, one.started) in before for one in self._workers(master)):
            told = _tail(log, size)
            if self._clock.monotonic() >= end or _GIVES_UP in told:
                said = problem(told) if told else f"its error log {log} says why"
                raise EdgeError(f"Nginx did not take over its new configuration: {said}")
            self._clock.sleep(_PAUSE)

    def _workers(self, master: int) -> list[Worker]:
        return [one for one in self._proc.workers() if one.parent == master and not one.shutting_down]


def _tail(path: str, size: int) -> str:
    """What was added to a log beyond ``size`` bytes."""
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            stream.seek(size)
            return stream.read(1 << 16).strip()
    except OSError:
        return ""


def _began(worker: Worker) -> float:
    with open("/proc/uptime", encoding="ascii") as stream:
        up = float(stream.read().split()[0])
    return time.time() - up + worker.started / os.sysconf("SC_CLK_TCK")
