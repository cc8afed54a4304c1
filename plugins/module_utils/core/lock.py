# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lock of an app: a lease whose life is the holder's own.

The kernel holds it (``flock``), so it is taken atomically and is free the moment its holder is gone, be it by
SIGKILL, a crash or a reboot: no expiry to wait for and no clock to trust. Commands the holder started inherit
it (see SubprocessRunner.keep_open), so a rerun can't meet a half-finished command of a dead run.
The file's text only tells others who holds it, since when, and when the holder last gave a sign of life.
"""

from __future__ import annotations

import fcntl
import json
import os
import typing as t
from dataclasses import asdict, dataclass

from ansible_collections.steady.deploy.plugins.module_utils.core.clock import Clock
from ansible_collections.steady.deploy.plugins.module_utils.core.errors import LockedError, PreflightError


@dataclass(frozen=True)
class Holder:
    """Who holds a lock. Times are seconds since the epoch."""

    owner: str
    host: str
    pid: int
    since: float
    heartbeat: float


class Lock:
    """The lock of one app. Use as a context manager.

    Raises LockedError when another run holds it, PreflightError where it can't be written.
    """

    def __init__(self, path: str, owner: str, clock: Clock, wait: float = 0.0) -> None:
        self._path = path
        self._owner = owner
        self._clock = clock
        self._wait = wait
        self._since = 0.0
        self.fd = -1

    def __enter__(self) -> Lock:
        self.fd = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        # Somebody who only looks whether the lock is held (see holder) holds it for a moment too.
        deadline = self._clock.monotonic() + max(self._wait, 0.3)
        while True:
            try:
                fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                if self._clock.monotonic() >= deadline:
                    os.close(self.fd)
                    raise LockedError(*_refusal(self._path, self._clock.now())) from None
                self._clock.sleep(0.1)
        self._since = self._clock.now()
        try:
            self.beat()
        except OSError as exc:
            os.close(self.fd)
            raise PreflightError(f"the lock {self._path} can't be written: {exc.strerror}; look at the disk it is on") from exc
        return self

    def __exit__(self, *_exc: t.Any) -> None:
        os.ftruncate(self.fd, 0)
        os.close(self.fd)

    def beat(self) -> None:
        """Give a sign of life."""
        holder = Holder(self._owner, os.uname().nodename, os.getpid(), self._since, self._clock.now())
        text = json.dumps(asdict(holder)).encode()
        os.pwrite(self.fd, text, 0)
        os.ftruncate(self.fd, len(text))


def holder(path: str) -> Holder | None:
    """Who holds the lock now, or None. A text left by a dead holder does not count."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return None
    except OSError:
        return _read(path)
    finally:
        os.close(handle)


def _read(path: str) -> Holder:
    try:
        with open(path, encoding="utf-8") as stream:
            return Holder(**json.load(stream))
    except (ValueError, TypeError):
        # The holder may be between taking the lock and writing its name.
        return Holder("unknown", "unknown", 0, 0.0, 0.0)


def _refusal(path: str, now: float) -> tuple[str]:
    who = _read(path)
    if not who.pid:
        # It has ended and taken its name off, but a command it started still runs.
        return ("another rollout of this app is under way, it left no name; wait for it to end, or set lock_wait to wait here",)
    alive = os.path.exists(f"/proc/{who.pid}") if who.pid else True
    gone = "" if alive else " (it ended, but a command it started still runs)"
    return (
        f"another rollout of this app is under way: {who.owner}, pid {who.pid} on {who.host}, started "
        f"{max(0, now - who.since):.0f} s ago, last sign of life {max(0, now - who.heartbeat):.0f} s ago{gone}; "
        "wait for it to end, or set lock_wait to wait here",
    )
