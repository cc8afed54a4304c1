# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is seen of a migration in its database, and what follows from that. Pure, times are given in."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.steady.deploy.plugins.module_utils.migrate.database.limits import CONCURRENT, Limits
from ansible_collections.steady.deploy.plugins.module_utils.probe.wording import one_line


@dataclass(frozen=True)
class Own:
    """A connection of the migration. ``key`` is its statement's, so that no later one is ended for it; ``seconds`` it has taken.

    Where it is not ``active``, it holds a transaction open. ``concurrent``: the statement works beside others.
    """

    id: str
    key: str
    statement: str
    active: bool = True
    concurrent: bool = False
    seconds: float = 0.0


@dataclass(frozen=True)
class Wait:
    """A connection, the migration's or not, that waits for locks of those ``behind`` which it stands, or that they wait for first.

    ``seconds``: since when, None where the server does not say. ``key`` is its statement's.
    """

    id: str
    behind: tuple[str, ...]
    seconds: float | None = None
    key: str = ""


@dataclass(frozen=True)
class Seen:
    """One look. ``known``: a connection of the migration is there, whether it does anything or not."""

    own: tuple[Own, ...] = ()
    waits: tuple[Wait, ...] = ()
    known: bool = False


@dataclass(frozen=True)
class Act:
    """A statement of the migration to end, and why."""

    own: Own
    why: str


class Judge:
    """Judges one look after the other. ``longest``: seconds that others waited behind the migration; ``waited``: who did.

    ``late``: at the last look somebody, whoever it is, has waited longer than the migration or those behind it may.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._since: dict[tuple[str, str], float] = {}
        self._last: float | None = None
        self._reported: set[str] = set()
        self.longest = 0.0
        self.waited: set[str] = set()
        self.late = False

    def look(self, now: float, seen: Seen) -> tuple[list[Act], list[str]]:
        """What to end, and what to report, at ``now`` in seconds."""
        ages = self._ages(now, seen.waits)
        self.late = any(age > min(self._limits.lock_timeout, self._limits.stall) for age in ages.values())
        own = {one.id: one for one in seen.own}
        acts = {one.key: act for one in seen.own for act in [self._late(one, ages)] if act is not None}
        reports = []
        waits = {wait.id: wait for wait in seen.waits}
        for wait in seen.waits:
            blocking = _behind(wait.id, waits, own) if wait.id not in own else []
            if not blocking:
                continue
            age = ages[wait.id]
            self.longest = max(self.longest, age)
            self.waited.add(wait.id)
            if age <= self._limits.stall:
                continue
            for one in blocking:
                why = f"others waited {age:.1f} s behind it, {self._limits.stall:g} s are allowed: {_shown(one)}"
                if self._limits.abort:
                    acts.setdefault(one.key, Act(one, why))
                elif one.key not in self._reported:
                    self._reported.add(one.key)
                    reports.append(why)
        return list(acts.values()), reports

    def _ages(self, now: float, waits: t.Sequence[Wait]) -> dict[str, float]:
        """How long each has waited: where the server does not say, since the look before the one that first saw it wait."""
        before = now if self._last is None else self._last
        self._last = now
        self._since = {(wait.id, wait.key): self._since.get((wait.id, wait.key), before) for wait in waits}
        return {wait.id: now - self._since[wait.id, wait.key] if wait.seconds is None else wait.seconds for wait in waits}

    def _late(self, own: Own, ages: t.Mapping[str, float]) -> Act | None:
        limit = CONCURRENT if own.concurrent else self._limits.lock_timeout
        age = ages.get(own.id)
        if age is not None and age > limit:
            return Act(own, f"it waited {age:.1f} s for a lock, {limit:g} s are allowed: {_shown(own)}")
        limit = self._limits.statement_timeout
        if limit and own.active and not own.concurrent and own.seconds > limit:
            return Act(own, f"it took {own.seconds:.1f} s, {limit:g} s are allowed: {_shown(own)}")
        return None


def _behind(waiting: str, waits: t.Mapping[str, Wait], own: t.Mapping[str, Own]) -> list[Own]:
    """The migration's connections that stand before this one, directly or before those who stand before it."""
    known, todo = {waiting}, [waiting]
    while todo:
        wait = waits.get(todo.pop())
        for other in wait.behind if wait else ():
            if other not in known:
                known.add(other)
                todo.append(other)
    return [one for one in own.values() if one.id in known]


def _shown(own: Own) -> str:
    return one_line(own.statement, 80) if own.active else f"an open transaction, last {one_line(own.statement, 60)}"
