# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real threads: side by side, never waited for longer than asked, and no exception is lost."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

from ansible_collections.steady.deploy.plugins.module_utils.core.clock import SystemClock
from ansible_collections.steady.deploy.plugins.module_utils.probe.base import Answer
from ansible_collections.steady.deploy.plugins.module_utils.probe.gate import Gate
from ansible_collections.steady.deploy.plugins.module_utils.probe.poller import hold
from ansible_collections.steady.deploy.plugins.module_utils.probe.track import Check
from ansible_collections.steady.deploy.plugins.module_utils.probe.workers import ThreadWorkers


def test_side_by_side():
    together = threading.Barrier(4, timeout=5)

    def ask() -> Answer:
        together.wait()
        return Answer(True, "")

    workers = ThreadWorkers(SystemClock())
    for key in range(4):
        workers.start(key, ask)
    found = []
    while len(found) < 4:
        ended = workers.wait(5)
        assert ended, "the probes did not run at the same time"
        found += ended
    assert sorted(ended.key for ended in found) == [0, 1, 2, 3]
    assert all(ended.answer == Answer(True, "") and ended.started <= ended.finished for ended in found)


def test_exceptions_come_back():
    workers = ThreadWorkers(SystemClock())
    trouble = ValueError("x")

    def ask() -> Answer:
        raise trouble

    workers.start(7, ask)
    (ended,) = workers.wait(5)
    assert (ended.key, ended.answer, ended.error) == (7, None, trouble)


def test_waiting_is_bounded():
    workers = ThreadWorkers(SystemClock())
    let_go = threading.Event()
    workers.start(0, lambda: Answer(let_go.wait(5), ""))
    started = time.monotonic()
    assert workers.wait(0.05) == []
    assert workers.wait(-1) == []
    assert time.monotonic() - started < 1
    let_go.set()


HANGS = """
import time
from ansible_collections.steady.deploy.plugins.module_utils.core.clock import SystemClock
from ansible_collections.steady.deploy.plugins.module_utils.probe.workers import ThreadWorkers
ThreadWorkers(SystemClock()).start(0, lambda: time.sleep(30))
"""


def test_a_probe_that_hangs_does_not_keep_the_process_from_ending():
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    assert subprocess.run([sys.executable, "-c", HANGS], env=env, timeout=20, check=False).returncode == 0


def test_hold_in_real_time_takes_as_long_as_the_slowest():
    class Slow:
        def probe(self, target, gate):
            time.sleep(0.3 if gate.port == 1 else 0.0)
            return Answer(True, "")

    gates = [Gate("tcp", port=port, success_threshold=2, interval=0.05) for port in (1, 1, 1, 1, 2)]
    started = time.monotonic()
    hold([Check(gate) for gate in gates], SystemClock(), dict, probes={"tcp": Slow()})
    assert 0.6 <= time.monotonic() - started < 1.1
