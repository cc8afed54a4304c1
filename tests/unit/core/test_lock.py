"""The lock, between real processes."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ansible_collections.steady.deploy.plugins.module_utils.core.clock import SystemClock
from ansible_collections.steady.deploy.plugins.module_utils.core.errors import LockedError, PreflightError
from ansible_collections.steady.deploy.plugins.module_utils.core.lock import Lock, holder

ROOT = Path(__file__).resolve().parents[3]
NODE = os.uname().nodename


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "lock")


@contextlib.contextmanager
def held_elsewhere(path, *args):
    """Another process that holds the lock, and the pid of the command it started."""
    argv = [sys.executable, str(Path(__file__).with_name("lock_holder.py")), path, *args]
    env = {**os.environ, "PYTHONPATH": str(ROOT / ".lab")}
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env) as process:
        child = int(process.stdout.readline().split()[1])
        try:
            yield process, child
        finally:
            process.kill()
            if child:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)


def take(path, wait=0.0):
    with Lock(path, "bert", SystemClock(), wait) as lock:
        return holder(path), lock.fd


def test_the_second_is_refused_with_who_and_since_when(path):
    with held_elsewhere(path) as (process, _child):
        with pytest.raises(LockedError) as caught:
            take(path)
        assert re.fullmatch(
            f"another rollout of this app is under way: anna, pid {process.pid} on {re.escape(NODE)}, started [0-5] s ago, "
            "last sign of life [0-5] s ago; wait for it to end, or set lock_wait to wait here",
            caught.value.message,
        )
        found = holder(path)
        assert (found.owner, found.pid, found.host) == ("anna", process.pid, NODE)
        process.communicate("\n")
        assert holder(path) is None
        assert take(path)[0].owner == "bert"


def test_a_killed_holder_frees_the_lock_at_once(path):
    with held_elsewhere(path) as (process, _child):
        process.kill()
        process.wait()
        assert Path(path).read_text(), "its name still stands there"
        assert holder(path) is None
        began = time.monotonic()
        take(path)
        assert time.monotonic() - began < 0.2


def test_a_command_of_a_killed_holder_keeps_the_app_locked(path):
    with held_elsewhere(path, "60") as (process, child):
        process.kill()
        process.wait()
        with pytest.raises(LockedError, match=r"anna, pid \d+ on .* \(it ended, but a command it started still runs\); wait for it"):
            take(path)
        os.kill(child, signal.SIGKILL)
        assert take(path, wait=5.0)[0].owner == "bert"


def test_a_command_that_outlives_its_holder_has_no_name(path):
    with held_elsewhere(path, "60") as (process, _child):
        process.communicate("\n")
        with pytest.raises(LockedError) as caught:
            take(path)
        assert caught.value.message == (
            "another rollout of this app is under way, it left no name; wait for it to end, or set lock_wait to wait here"
        )
        assert holder(path).owner == "unknown"


def test_waiting_ends_when_the_lock_is_free(path):
    with held_elsewhere(path, "0.5") as (process, _child):
        process.kill()
        process.wait()
        began = time.monotonic()
        take(path, wait=10.0)
        assert 0.2 < time.monotonic() - began < 5


def test_nobody_holds_what_does_not_exist_or_was_let_go(path):
    assert holder(path) is None
    _held, fd = take(path)
    assert Path(path).read_text() == ""
    with pytest.raises(OSError):
        os.fstat(fd)


def test_a_sign_of_life_moves_only_the_heartbeat(path):
    class Clock(SystemClock):
        at = 1000.1234567

        def now(self):
            return self.at

    clock = Clock()
    with Lock(path, "bert with quite a long name", clock) as lock:
        clock.at = 1005.5
        lock.beat()
        found = holder(path)
        assert (found.since, found.heartbeat) == (1000.1234567, 1005.5)


def test_looking_does_not_hinder_a_rollout(path):
    with Lock(path, "bert", SystemClock()):
        pass
    for dummy in range(20):
        assert holder(path) is None
        take(path)


def test_a_full_disk_is_told_and_the_lock_is_free_again(path, monkeypatch):
    def full(*_args):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", full)
        with pytest.raises(PreflightError) as caught:
            take(path)
    assert caught.value.message == f"the lock {path} can't be written: No space left on device; look at the disk it is on"
    assert take(path)[0] is not None
