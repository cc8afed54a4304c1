# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A client process at the other end of two pipes."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import time
import typing as t

# Seconds that a client has to leave by itself once nothing more can be asked of it.
_LEAVES = 3.0


class Late(Exception):
    """The time given was over."""


class Pipe(t.Protocol):
    """Bytes to a client and back. ``deadline`` is a time of time.monotonic; Late is raised when it has passed."""

    def send(self, data: bytes, deadline: float) -> None:
        """All of ``data``. BrokenPipeError where the client has ended."""

    def receive(self, deadline: float) -> bytes:
        """What has come, or b"" where the client has ended."""

    def descriptors(self) -> tuple[int, ...]:
        """What a process that inherits it keeps the client alive by, also when this one is gone."""

    def close(self) -> None:
        """End the client."""


class ProcessPipe:
    """The real one. The client is in a process group of its own, so that Ctrl-C does not end it before whoever holds it.

    When this process dies, whatever way, the kernel closes the pipe, and a client that finds its input at an end leaves.
    """

    def __init__(self, argv: t.Sequence[str], env: t.Mapping[str, str]) -> None:
        """Raises OSError where the program can't be started."""
        self._process = subprocess.Popen(
            list(argv),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            bufsize=0,
            env={**env, "LC_ALL": "C"},
            start_new_session=True,
        )
        self._in = t.cast("t.IO[bytes]", self._process.stdin)
        self._out = t.cast("t.IO[bytes]", self._process.stdout)
        os.set_blocking(self._in.fileno(), False)

    def send(self, data: bytes, deadline: float) -> None:
        """See Pipe.send."""
        rest = memoryview(data)
        while rest:
            if not select.select([], [self._in], [], max(0.0, deadline - time.monotonic()))[1]:
                raise Late
            rest = rest[os.write(self._in.fileno(), rest) :]

    def receive(self, deadline: float) -> bytes:
        """See Pipe.receive."""
        if not select.select([self._out], [], [], max(0.0, deadline - time.monotonic()))[0]:
            raise Late
        return os.read(self._out.fileno(), 65536)

    def descriptors(self) -> tuple[int, ...]:
        """See Pipe.descriptors."""
        return (self._in.fileno(),)

    def close(self) -> None:
        """See Pipe.close."""
        with contextlib.suppress(OSError):
            self._in.close()
        try:
            self._process.wait(_LEAVES)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._out.close()
