# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The edge's JSON access log, read while it grows: what users of one app were answered.

The role nginx writes it. A line that is cut, or of another format, is passed over.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import stat
import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.rollout.traffic import Answer

DEFAULT = "/var/log/nginx/access.json"
# Bytes. The most that is read of the time before the rollout, and in one look; of more, the newest.
_TAIL = 4 << 20
_LOOK = 16 << 20
# The rollout's own questions through the edge.
_OURS = "steady-deploy"


class AccessLog:
    """The log from now on, over rotations by renaming and by truncation. With an empty ``path`` there is none."""

    def __init__(self, path: str, app: str) -> None:
        self.path = path
        self._app = app
        self._file = _open(path)
        # After a rotation Nginx writes to the former file until it is told to reopen.
        self._former: _File | None = None
        if self._file:
            self._file.skip()

    @property
    def missing(self) -> bool:
        """Whether there is no such file now."""
        return self._file is None

    def before(self, since: float) -> list[Answer]:
        """See rollout.traffic_judge.Log.before: at most what the last 4 MiB hold."""
        found = self._answers(self._file.tail(_TAIL)) if self._file else []
        return [answer for answer in found if answer.at >= since]

    def new(self) -> list[Answer]:
        """See rollout.traffic_judge.Log.new."""
        lines = self._former.lines() if self._former else []
        lines += self._file.lines() if self._file else []
        if not self._file or not self._file.is_at(self.path):
            fresh = _open(self.path)
            if fresh:
                if self._former:
                    self._former.close()
                self._former, self._file = self._file, fresh
                lines += fresh.lines()
        return self._answers(lines)

    def _answers(self, lines: t.Iterable[bytes]) -> list[Answer]:
        mark = self._app.encode()
        found = (parse(line, self._app) for line in lines if mark in line)
        return [answer for answer in found if answer]


class _File:
    """An open file, and how far it was read."""

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self._offset = 0
        self._rest = b""

    def skip(self) -> None:
        """Go to the end."""
        self._offset = os.fstat(self._handle).st_size

    def tail(self, most: int) -> list[bytes]:
        """The lines before the place where reading goes on."""
        start = max(0, self._offset - most)
        return os.pread(self._handle, self._offset - start, start).split(b"\n")

    def lines(self) -> list[bytes]:
        """The lines that are whole since the last call."""
        size = os.fstat(self._handle).st_size
        if size < self._offset:
            self._offset, self._rest = 0, b""
        if size - self._offset > _LOOK:
            self._offset, self._rest = size - _LOOK, b""
        data = os.pread(self._handle, size - self._offset, self._offset)
        self._offset += len(data)
        whole, end, rest = (self._rest + data).rpartition(b"\n")
        # No line of an access log is that long.
        self._rest = rest if len(rest) < _LOOK else b""
        return whole.split(b"\n") if end else []

    def is_at(self, path: str) -> bool:
        """Whether this is the file that now has that name."""
        mine = os.fstat(self._handle)
        try:
            there = os.stat(path)
        except OSError:
            # Renamed, and not made anew yet.
            return True
        return (mine.st_dev, mine.st_ino) == (there.st_dev, there.st_ino)

    def close(self) -> None:
        """Let go of it."""
        os.close(self._handle)


def _open(path: str) -> _File | None:
    if not path:
        return None
    try:
        # A pipe would wait for its other end.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    if stat.S_ISREG(os.fstat(handle).st_mode):
        return _File(handle)
    os.close(handle)
    return None


def parse(line: bytes, app: str) -> Answer | None:
    """One line, or None where it is not an answer of ``app`` to a user that one of its replicas was asked for."""
    try:
        said = json.loads(line)
        if said["app"] != app or not said["release"] or said.get("upstream", "-") == "" or said.get("agent") == _OURS:
            return None
        status = int(said["status"])
        # A stream lasts as long as its user likes.
        lasts = status == 101 or bool(said.get("stream"))
        return Answer(_at(said), str(said["release"]), status, None if lasts else _seconds(said.get("upstream_seconds")))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _at(said: t.Mapping[str, t.Any]) -> float:
    if "epoch" in said:
        return float(said["epoch"])
    return datetime.datetime.fromisoformat(said["time"]).timestamp()


def _seconds(said: t.Any) -> float | None:
    """The times of all replicas that were asked, as ``0.005, 0.120 : -``; None where none of them is a number."""
    found = []
    for part in str(said).replace(":", ",").split(","):
        with contextlib.suppress(ValueError):
            found.append(float(part))
    return sum(found) if found else None
