# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Probes side by side: each asks in a thread of its own, so that a slow one delays no other."""

from __future__ import annotations

import queue
import threading
import typing as t
from dataclasses import dataclass

from ansible_collections.steady.deploy.plugins.module_utils.core.clock import Clock
from ansible_collections.steady.deploy.plugins.module_utils.probe.base import Answer


@dataclass(frozen=True)
class Finished:
    """A probe that ended: with an answer, or with an exception that is no answer. Times of the monotonic clock."""

    key: int
    started: float
    finished: float
    answer: Answer | None = None
    error: Exception | None = None


class Workers(t.Protocol):
    """Runs probes in the background."""

    def start(self, key: int, ask: t.Callable[[], Answer]) -> None:
        """Run ``ask``; its end is told by ``wait`` under ``key``."""

    def wait(self, seconds: float) -> list[Finished]:
        """What ended, as soon as something has; nothing after ``seconds``."""


class ThreadWorkers:
    """One thread for each probe that is under way.

    The threads are daemons: a probe that hangs (a name server that is silent, for one) can't keep the
    module from ending.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ended: queue.Queue[Finished] = queue.Queue()

    def start(self, key: int, ask: t.Callable[[], Answer]) -> None:
        """See Workers.start."""
        threading.Thread(target=self._run, args=(key, ask), daemon=True, name=f"probe-{key}").start()

    def wait(self, seconds: float) -> list[Finished]:
        """See Workers.wait."""
        found = []
        try:
            found.append(self._ended.get(timeout=max(0.001, seconds)))
            while True:
                found.append(self._ended.get_nowait())
        except queue.Empty:
            return found

    def _run(self, key: int, ask: t.Callable[[], Answer]) -> None:
        started = self._clock.monotonic()
        try:
            answer = ask()
        # Whatever it is, it must reach the thread that waits.
        except Exception as exc:  # noqa: BLE001
            self._ended.put(Finished(key, started, self._clock.monotonic(), error=exc))
        else:
            self._ended.put(Finished(key, started, self._clock.monotonic(), answer))
