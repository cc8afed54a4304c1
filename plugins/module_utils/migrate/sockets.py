# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The connections of a migration tool that runs on the host: those of its own processes, and nobody else's.

The app on the same host has the same address and the same user. What tells its connections from the tool's is the port at this
end, which the server sees too: the kernel knows whose socket it is.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.edge.proc import Proc
from ansible_collections.steady.deploy.plugins.module_utils.migrate.database.view import Held, Socket


class Sockets:
    """Looks at the process ``running`` and all that it started."""

    def __init__(self, running: t.Callable[[], int], root: str = "/proc") -> None:
        """``running`` tells the process's id, 0 where none runs now."""
        self._running = running
        self._root = root
        self._proc = Proc(root)

    def held(self, port: int) -> Held:
        """What it holds now, those to this port of a server apart."""
        first = self._running()
        held = [self._proc.sockets(pid) for pid in self._family(first)] if first else []
        inodes = frozenset().union(*(some for some in held if some))
        if not inodes:
            return Held(hidden=None in held)
        mine = [one for one in self._proc.tcp().established if one.inode in inodes]
        found = frozenset(Socket(_text(one.local), one.local_port, one.inode) for one in mine if one.remote_port == port)
        return Held(found, frozenset(one.inode for one in mine) | (self._proc.unix() & inodes), None in held)

    def _family(self, first: int) -> list[int]:
        found = [first]
        for pid in found:
            # What has just ended has no children any more.
            with contextlib.suppress(OSError):
                for thread in os.listdir(f"{self._root}/{pid}/task"):
                    with open(f"{self._root}/{pid}/task/{thread}/children", encoding="ascii") as stream:
                        found += [int(child) for child in stream.read().split()]
        return found


def _text(address: str) -> str:
    """An address as servers show it, of the kernel's words in hexadecimal, each as this machine has it in memory."""
    raw = b"".join(struct.pack("=I", int(address[place : place + 8], 16)) for place in range(0, len(address), 8))
    if len(raw) == 4:
        return socket.inet_ntop(socket.AF_INET, raw)
    mapped = raw[:12] == b"\0" * 10 + b"\xff\xff"
    return socket.inet_ntop(socket.AF_INET, raw[12:]) if mapped else socket.inet_ntop(socket.AF_INET6, raw)
