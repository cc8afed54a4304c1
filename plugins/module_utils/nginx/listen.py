# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where Nginx listens: the arguments of its directive ``listen``, and who holds such a place already."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

_LISTEN = re.compile(r"(?:(\[[0-9A-Fa-f:.]+\]|\*|[0-9A-Za-z.-]+):)?([0-9]{1,5})\Z")
_HOLDER = re.compile(r"^LISTEN +\d+ +\d+ +(\S+):(\d+) +\S+ *(.*)$", re.M)
_ALL = "0.0.0.0"
_ALL_6 = "[::]"


@dataclass(frozen=True)
class Listen:
    """An address, 0.0.0.0 and [::] for all of a kind, and a port. ``ssl``: whether the words after it say so."""

    address: str
    port: int
    ssl: bool = False

    def __str__(self) -> str:
        return f"port {self.port}" if self.address == _ALL else f"{self.address}:{self.port}"

    @property
    def loopback(self) -> bool:
        """Whether only this host reaches it."""
        return self.address in ("[::1]", "localhost") or re.match(r"127(\.\d{1,3}){3}\Z", self.address) is not None


def parse(text: t.Any) -> Listen | None:
    """Read what follows ``listen``, or None where it is no port of TCP."""
    words = str(text).split()
    match = _LISTEN.match(words[0]) if words else None
    if not match or not 0 < int(match[2]) < 65536:
        return None
    address = match[1] or _ALL
    return Listen(_ALL if address == "*" else address, int(match[2]), "ssl" in words[1:])


@dataclass(frozen=True)
class Holder:
    """A program that listens."""

    address: str
    port: int
    program: str


def holders(text: str) -> list[Holder]:
    """The programs in the output of ``ss --listening --tcp --numeric --processes --no-header``."""
    found = []
    for address, port, users in _HOLDER.findall(text):
        program = re.search(r'"([^"]+)"', users)
        # What stands behind % is a network interface.
        found.append(Holder(re.sub(r"%[^\]]*", "", address), int(port), program[1] if program else "another program"))
    return found


def clashes(wanted: Listen, holder: Holder) -> bool:
    """Whether Nginx can't have a place because of a program."""
    if wanted.port != holder.port or holder.program == "nginx":
        return False
    if holder.address == "*":
        return True
    six = wanted.address.startswith("[")
    if six != holder.address.startswith("["):
        return False
    return wanted.address in (_ALL, _ALL_6, holder.address) or holder.address in (_ALL, _ALL_6)
