# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the linter is asked about and what it answers: pure data."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.steady.deploy.plugins.module_utils.migrate.spec import UNKNOWN

BLOCK, WARN, ALLOW = LEVELS = ("block", "warn", "allow")


@dataclass(frozen=True)
class Rule:
    """Something a statement can do, for one database.

    ``lock`` is what it holds, and does, while it runs. ``sized``: it hurts only a table with many rows. ``contract``: it
    breaks the code that runs now, whatever the size. ``overruled``: it says that the table is copied or built anew, or that
    writers wait, and a server that does it beside them knows better.
    """

    id: str
    engine: str
    level: str
    why: str
    safe_way: str
    lock: str = ""
    sized: bool = False
    contract: bool = False
    overruled: bool = False


@dataclass(frozen=True)
class Rules:
    """Makes the rules of one database. ``brief`` is the lock of what takes one for a moment only."""

    engine: str
    brief: str

    def sized(self, rule: str, level: str, lock: str, why: str, safe_way: str, overruled: bool = False) -> Rule:
        """One that hurts only a table with many rows."""
        return Rule(rule, self.engine, level, why, safe_way, lock, sized=True, overruled=overruled)

    def contract(self, rule: str, level: str, why: str, safe_way: str, lock: str | None = None) -> Rule:
        """One that breaks the code that runs now."""
        return Rule(rule, self.engine, level, why, safe_way, self.brief if lock is None else lock, contract=True)

    def always(self, rule: str, level: str, why: str, safe_way: str, lock: str = "") -> Rule:
        """One that counts for any table."""
        return Rule(rule, self.engine, level, why, safe_way, lock)


@dataclass(frozen=True)
class Column:
    """A column as the database has it now. ``type`` as ``format_type()`` or ``COLUMN_TYPE`` say it.

    ``null``: a NULL can be in it. Say False also where a valid CHECK proves that none is. ``default``: where an INSERT leaves it
    out, it gets a value, by a default or because it is numbered or computed. ``unique``: no two rows have the same value.
    """

    type: str
    null: bool = True
    default: bool = False
    unique: bool = False


@dataclass(frozen=True)
class TableFacts:
    """A table as the database has it now: ``rows``, ``bytes``, and its columns as far as they are known.

    An estimate of the rows will do; less than 0, as PostgreSQL's ``reltuples`` has it before the first ANALYZE, is unknown.
    """

    rows: int
    bytes: int = 0
    columns: t.Mapping[str, Column] = field(default_factory=dict)


@dataclass(frozen=True)
class Settings:
    """How strict the linter is: ``levels`` by rule id; up to ``small_rows`` rows a table is small."""

    levels: t.Mapping[str, str] = field(default_factory=dict)
    small_rows: int = 10_000


@dataclass(frozen=True)
class Finding:
    """A rule that a statement met, before anything is weighed. ``detail`` is a sentence about this very case."""

    rule: str
    table: str = ""
    detail: str = ""


@dataclass(frozen=True)
class Verdict:
    """One rule's word on one statement. ``statement`` counts from 0 and is None where the migration as a whole is meant.

    ``waived`` is the reason that stands in the migration, and ``level`` is then ``allow``.
    """

    rule: str
    level: str
    migration: str
    statement: int | None
    text: str
    table: str
    why: str
    safe_way: str
    lock: str = ""
    waived: str = ""


@dataclass(frozen=True)
class Phase:
    """When a migration may run, as far as its statements tell, and why."""

    phase: str = UNKNOWN
    why: str = ""


@dataclass(frozen=True)
class Judgement:
    """All verdicts in the order of the statements, and the phase of each migration by its id."""

    verdicts: tuple[Verdict, ...] = ()
    phases: t.Mapping[str, Phase] = field(default_factory=dict)

    def of(self, level: str) -> tuple[Verdict, ...]:
        """The verdicts of one level."""
        return tuple(verdict for verdict in self.verdicts if verdict.level == level)

    @property
    def blocked(self) -> bool:
        """Whether anything must not run."""
        return bool(self.of(BLOCK))
