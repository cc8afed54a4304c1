# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel's tables of connections and processes: parsed purely, and read from ``/proc``."""

from __future__ import annotations

import os
import re
import typing as t
from dataclasses import dataclass

_ESTABLISHED, _LISTEN = "01", "0A"
# Local and remote address, state and inode stand in fixed order. Other states (TIME_WAIT: often tens of thousands) do
# not match, so they cost no object.
_ROW = re.compile(
    r"^ *\d+: ([0-9A-F]+):([0-9A-F]{4}) ([0-9A-F]+):([0-9A-F]{4}) (01|0A) ([0-9A-F]{8}):[0-9A-F]{8} \S+ \S+ +\d+ +\d+ (\d+)",
    re.M,
)
_UNIX_ROW = re.compile(r"^\S+: \S+ \S+ \S+ \S+ 03 +(\d+)", re.M)
_SHUTTING_DOWN = "nginx: worker process is shutting down"
_WORKER = "nginx: worker process"


class Connection(t.NamedTuple):
    """One established connection. Addresses as the kernel prints them (hexadecimal); ``unsent`` bytes wait to be sent."""

    local: str
    local_port: int
    remote: str
    remote_port: int
    unsent: int
    inode: int


@dataclass(frozen=True)
class Table:
    """What ``/proc/net/tcp`` and ``tcp6`` show."""

    established: tuple[Connection, ...]
    listening: frozenset[int]


def parse_tcp(text: str) -> Table:
    """The established connections and the listening ports in the text of one or more kernel tables."""
    established = []
    listening = set()
    for local, local_port, remote, remote_port, state, unsent, inode in _ROW.findall(text):
        if state == _LISTEN:
            listening.add(int(local_port, 16))
        else:
            established.append(Connection(local, int(local_port, 16), remote, int(remote_port, 16), int(unsent, 16), int(inode)))
    return Table(tuple(established), frozenset(listening))


def parse_unix(text: str) -> frozenset[int]:
    """The inodes of connected Unix sockets in the text of ``/proc/net/unix``."""
    return frozenset(int(inode) for inode in _UNIX_ROW.findall(text))


class Worker(t.NamedTuple):
    """One Nginx worker process. ``started`` tells it from a later process with the same id."""

    pid: int
    started: int
    parent: int
    shutting_down: bool


class Proc:
    """Reads ``/proc``. What can't be read because it just ended is as if it were not there."""

    def __init__(self, root: str = "/proc") -> None:
        self._root = root

    def tcp(self) -> Table:
        """The TCP connections of this network namespace."""
        return parse_tcp(self._text("net/tcp") + self._text("net/tcp6"))

    def unix(self) -> frozenset[int]:
        """The connected Unix sockets of this network namespace."""
        return parse_unix(self._text("net/unix"))

    def title(self, pid: int) -> str:
        """A process's command line, empty where there is no such process."""
        return self._text(f"{pid}/cmdline").replace("\0", " ").strip()

    def worker(self, pid: int) -> Worker | None:
        """The Nginx worker with that process id, or None."""
        title = self.title(pid)
        if not title.startswith(_WORKER):
            return None
        # The second field is the program's name in parentheses and may hold anything.
        fields = self._text(f"{pid}/stat").rpartition(")")[2].split()
        if len(fields) < 20 or fields[0] in ("Z", "X"):
            return None
        return Worker(pid, int(fields[19]), int(fields[1]), title.startswith(_SHUTTING_DOWN))

    def owner(self, pid: int) -> tuple[int, int] | None:
        """The effective user and group id of a process, or None where there is no such process."""
        found = re.findall(r"(?m)^[UG]id:\t\d+\t(\d+)", self._text(f"{pid}/status"))
        return (int(found[0]), int(found[1])) if len(found) == 2 else None

    def workers(self) -> list[Worker]:
        """All Nginx workers that share this process's network, and so not those inside containers."""
        here = self._network("self")
        found = [self.worker(int(name)) for name in os.listdir(self._root) if name.isdigit()]
        return [one for one in found if one and self._network(str(one.pid)) in (here, "")]

    def _network(self, pid: str) -> str:
        try:
            return os.readlink(f"{self._root}/{pid}/ns/net")
        except OSError:
            return ""

    def sockets(self, pid: int) -> frozenset[int] | None:
        """The inodes of a process's sockets; empty where it has ended, None where that may not be seen."""
        folder = f"{self._root}/{pid}/fd"
        inodes = set()
        try:
            for name in os.listdir(folder):
                try:
                    target = os.readlink(f"{folder}/{name}")
                except (FileNotFoundError, ProcessLookupError):
                    continue
                if target.startswith("socket:["):
                    inodes.add(int(target[8:-1]))
        except PermissionError:
            return None
        except (FileNotFoundError, ProcessLookupError):
            return frozenset()
        return frozenset(inodes)

    def _text(self, name: str) -> str:
        try:
            with open(f"{self._root}/{name}", encoding="utf-8", errors="replace") as stream:
                return stream.read()
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            return ""
