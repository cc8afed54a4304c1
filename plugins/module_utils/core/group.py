# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running a command of the user's, bounded in time, with everything it starts."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import time
import typing as t
import uuid
from dataclasses import dataclass

# Marks the command and all that it starts, in a container too.
MARK = "STEADY_MARK"
# Of a long output the end is kept, in bytes.
_KEPT = 65536
# Seconds between SIGTERM and SIGKILL.
_GRACE = 1.0


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit code, or None where it was killed at the bound, and the end of what it printed."""

    rc: int | None
    output: str


def new_mark() -> str:
    """A value for the variable MARK that no other process has."""
    return uuid.uuid4().hex


def run_group(argv: t.Sequence[str], env: t.Mapping[str, str], timeout: float, mark: str) -> Ended:
    """Run argv without a shell for at most ``timeout`` seconds, then kill its process group and all that carry ``mark``.

    Returns once the command itself has ended, though what it left in the background runs on. Raises OSError where the
    command can't be started.
    """
    until = time.monotonic() + timeout
    process = subprocess.Popen(
        list(argv),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**env, MARK: mark},
        start_new_session=True,
        bufsize=0,
    )
    try:
        rc, output = _follow(process, until)
        if rc is None:
            _kill(process, mark)
        return Ended(rc, output.decode("utf-8", "replace"))
    except BaseException:
        _kill(process, mark)
        raise
    finally:
        if process.stdout:
            process.stdout.close()


def _follow(process: subprocess.Popen[bytes], until: float) -> tuple[int | None, bytes]:
    """Read until the command has ended or time is up. Its pipe may outlive it, held by what it started."""
    output = b""
    stream = process.stdout
    if stream is None:
        return process.wait(), output
    os.set_blocking(stream.fileno(), False)
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        while True:
            rc = process.poll()
            ready = selector.select(0 if rc is not None else max(0.0, min(0.05, until - time.monotonic()))) if selector.get_map() else []
            chunk = stream.read(_KEPT) if ready else None
            if chunk:
                output = (output + chunk)[-_KEPT:]
            elif ready:
                selector.unregister(stream)
            elif rc is not None:
                return rc, output
            elif not selector.get_map():
                time.sleep(0.02)
            if time.monotonic() >= until:
                return process.poll(), output


def _kill(process: subprocess.Popen[bytes], mark: str) -> None:
    """End the group and everything marked, SIGKILL last."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
        for pid in _marked(mark):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE)


def _marked(mark: str) -> list[int]:
    """Processes whose environment carries the mark, as far as we may read it."""
    wanted = f"{MARK}={mark}".encode()
    found = []
    for name in os.listdir("/proc"):
        if name.isdecimal():
            with contextlib.suppress(OSError), open(f"/proc/{name}/environ", "rb") as stream:
                if wanted in stream.read().split(b"\0"):
                    found.append(int(name))
    return found
