# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a gate is: pure data, read from ``x-steady`` or from parameters."""

from __future__ import annotations

from dataclasses import dataclass

GATE_TYPES = ("http", "tcp", "fastcgi", "exec", "health")


@dataclass(frozen=True)
class Gate:
    """One readiness gate of one service. Times in seconds."""

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
    success_threshold: int = 2
    interval: float = 0.5
    timeout: float = 2.0
    deadline: float = 60.0
    min_ready: float = 0.0
