# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a migration may wait, and others behind it. Pure."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.steady.deploy.plugins.module_utils.core.environment import PGOPTIONS
from ansible_collections.steady.deploy.plugins.module_utils.core.errors import SpecError
from ansible_collections.steady.deploy.plugins.module_utils.migrate.spec import POSTGRESQL
from ansible_collections.steady.deploy.plugins.module_utils.probe import readers
from ansible_collections.steady.deploy.plugins.module_utils.probe.wording import show

# What a connection of the migration is called where its driver reads PGAPPNAME.
APPLICATION = "steady.deploy migration"
# Seconds. CREATE INDEX CONCURRENTLY waits for every transaction that began before it, and hinders nobody meanwhile; given up
# early, it leaves an invalid index behind.
CONCURRENT = 600.0

_FIELDS = ("lock_timeout", "statement_timeout", "stall", "abort")


@dataclass(frozen=True)
class Limits:
    """Seconds: how long a statement waits for a lock, how long it takes at most (0 is without end), and how long others may
    wait behind the migration; ``abort`` ends the statement behind which they waited longer.
    """

    lock_timeout: float = 2.0
    statement_timeout: float = 0.0
    stall: float = 2.0
    abort: bool = True


def parse_limits(raw: t.Any) -> Limits:
    """Read the setting ``limits``. Raises SpecError with one sentence about the first thing that is wrong."""
    given = readers.mapping(raw, "limits", _FIELDS, "{lock_timeout: 2s, stall: 2s}")
    abort = given.get("abort", Limits.abort)
    if not isinstance(abort, bool):
        raise SpecError(f"limits: abort must be true or false, not {show(abort)}")
    return Limits(
        readers.duration(0.1, 60)(given.get("lock_timeout", Limits.lock_timeout), "limits: lock_timeout"),
        readers.duration(0, 86400)(given.get("statement_timeout", Limits.statement_timeout), "limits: statement_timeout"),
        readers.duration(0.1, 3600)(given.get("stall", Limits.stall), "limits: stall"),
        abort,
    )


def client_environment(engine: str, limits: Limits, concurrently: bool = False) -> dict[str, str]:
    """What a tool's environment needs for PostgreSQL's own client library to set the limits; MariaDB's reads no such thing.

    ``concurrently``: a statement of the migration works beside others, and needs its time. The guard sees to the other ones.
    """
    if engine != POSTGRESQL:
        return {}
    lock, statement = _seconds(limits, concurrently)
    options = f"-c lock_timeout={round(lock * 1000)} -c statement_timeout={round(statement * 1000)}"
    return {PGOPTIONS: options, "PGAPPNAME": APPLICATION}


def _seconds(limits: Limits, concurrently: bool) -> tuple[float, float]:
    return (CONCURRENT, 0.0) if concurrently else (limits.lock_timeout, limits.statement_timeout)
