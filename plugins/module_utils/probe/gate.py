# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a gate is: pure data, read from ``x-steady`` or from parameters."""

from __future__ import annotations

from dataclasses import dataclass

GATE_TYPES = ("http", "tcp", "fastcgi", "exec", "health")


@dataclass(frozen=True)
class Gate:
    """One readiness gate of one service. Times in seconds.

    ``port`` is the container's port (or the address's, where there is no container); ``socket`` is a
    unix socket on the managed host and stands in place of a port, for fastcgi only.
    """

    type: str
    port: int | None = None
    path: str = "/"
    host: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    status: tuple[int, ...] = (200,)
    expect_headers: tuple[tuple[str, str], ...] = ()
    body: str | None = None
    jmespath: str | None = None
    command: tuple[str, ...] = ()
    script: str = ""
    socket: str = ""
    success_threshold: int = 2
    interval: float = 0.2
    timeout: float = 2.0
    deadline: float = 60.0
    min_ready: float = 0.0

    @property
    def title(self) -> str:
        """How messages call it, for example ``http :8000/readyz`` or ``exec redis-cli ping``."""
        if self.type == "http":
            return f"http :{self.port}{self.path}"
        if self.type == "tcp":
            return f"tcp :{self.port}"
        if self.type == "fastcgi":
            return f"fastcgi {self.socket + ' ' if self.socket else f':{self.port}'}{self.path}"
        if self.type == "exec":
            words = " ".join(self.command)
            return f"exec {words if len(words) <= 60 else words[:57] + '...'}"
        return self.type
