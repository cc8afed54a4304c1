# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a migration is: pure data."""

from __future__ import annotations

from dataclasses import dataclass

# Safe beside the old code; only after the old code is gone; nobody said.
EXPAND, CONTRACT, UNKNOWN = PHASES = ("expand", "contract", "unknown")
POSTGRESQL, MARIADB = ENGINES = ("postgresql", "mariadb")


@dataclass(frozen=True)
class Migration:
    """One migration that is pending.

    ``id`` is what its tool calls it. ``why`` says where the phase comes from. ``statements`` is the SQL that will run, in
    order and without trailing semicolons; None where the tool can't tell, with the reason in ``opaque``. ``text`` is its file,
    as far as there is one: notes to whoever judges it stand there.
    """

    id: str
    phase: str = UNKNOWN
    why: str = ""
    statements: tuple[str, ...] | None = None
    opaque: str = ""
    text: str = ""


@dataclass(frozen=True)
class Pending:
    """What a tool says of a database: pure facts.

    ``known`` are all migrations of the code and ``pending`` those of them that the database lacks, both in the order in which
    the tool applies them. ``drift`` holds a sentence for each thing that does not fit: a migration that was applied and that
    the code does not know, one that was changed after it was applied, one that was begun and never ended.
    It is not ``whole`` where the tool tells only what is pending: then nobody knows what else the code has.
    """

    known: tuple[str, ...]
    pending: tuple[str, ...]
    drift: tuple[str, ...] = ()
    whole: bool = True


@dataclass(frozen=True)
class Outcome:
    """How applying went: ``applied`` in order; the id that ``failed`` with the tool's own ``reason``, in one line.

    ``left`` says, where one failed, what it left behind: nothing (it ran in a transaction), or possibly a part. ``final``: the tool
    refuses to try that one again until somebody has told it what is there.
    """

    applied: tuple[str, ...] = ()
    failed: str | None = None
    reason: str = ""
    left: str = ""
    final: bool = False
