# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Trying once more after a migration has not got its lock in time. Pure."""

from __future__ import annotations

import random
import re
import typing as t

_LOCK_TIMEOUT = re.compile(
    r"\b55P03\b|canceling statement due to lock timeout|LockNotAvailable|lock_not_available"
    r"|\b1205\b.{0,40}Lock wait timeout|Lock wait timeout exceeded",
    re.IGNORECASE | re.DOTALL,
)
# What a tool says when the guard has ended its statement.
_CANCELLED = re.compile(
    r"\b57014\b|canceling statement due to user request|QueryCanceled|\b1317\b.{0,40}interrupted|Query execution was interrupted"
    r"|\b57P01\b|terminating connection due to administrator command",
    re.IGNORECASE | re.DOTALL,
)


def is_lock_timeout(text: str, cancelled: bool = False) -> bool:
    """Whether a tool's failure text says that a lock was not to be had in time.

    ``cancelled``: the guard has ended a statement of this try, so that a cancelled one counts too.
    """
    return bool(_LOCK_TIMEOUT.search(text)) or (cancelled and bool(_CANCELLED.search(text)))


def delays(tries: int, base: float, rng: random.Random) -> t.Iterator[float]:
    """Seconds to wait before each further one of so many tries: twice as long each time, at most 30, and between half and one and a
    half of that by chance, so that two who hinder each other do not meet again.
    """
    for number in range(tries - 1):
        yield min(base * 2**number, 30.0) * rng.uniform(0.5, 1.5)
