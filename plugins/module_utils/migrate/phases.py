# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a migration says of itself: which phase it belongs to, and whether it runs in a transaction. Pure."""

from __future__ import annotations

import re

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import MigrateError
from ansible_collections.steady.deploy.plugins.module_utils.migrate.spec import CONTRACT, EXPAND, UNKNOWN, Migration
from ansible_collections.steady.deploy.plugins.module_utils.probe.wording import suggest

NO_TRANSACTION = "no transaction"
_NOTES = (EXPAND, CONTRACT, NO_TRANSACTION)
_NOTE = re.compile(r"(?<![\w-])steady:[ \t]*(no[ \t]+transaction|[a-z]+)(?!\w)", re.IGNORECASE)
# Behind what tools put in front of a name: a number, a time, a revision (2026_01_02_030405_, 0007_, V2__, ae1027a6acf_).
_NAMED = re.compile(r"(?:v?[0-9a-f]*\d[0-9a-f.]*[_-]+)*(expand|contract)(?![a-z])", re.IGNORECASE)
# How migrations of each tool ask to run outside of a transaction, or (Alembic) in part.
_OUTSIDE = re.compile(
    r"withinTransaction\s*=\s*false|atomic\s*=\s*False|disable_ddl_transaction!|autocommit_block|isTransactional|\bCONCURRENTLY\b"
    r"|(?i:\b(?:INDEX|TABLE|SCHEMA|DATABASE|SYSTEM|VIEW)\s+CONCURRENTLY\b)"
)
_IN_PART = "autocommit_block"


def notes(text: str) -> frozenset[str]:
    """What the file of a migration notes for the engine, after `steady:`, in whatever its language calls a comment.

    Raises MigrateError for a word that is close to one that is known.
    """
    found = _noted(text)
    for note in sorted(found.difference(_NOTES)):
        hint = suggest(note, _NOTES)
        if hint:
            raise MigrateError(f"`steady: {note}` in the migration's file is not known{hint}")
    return found.intersection(_NOTES)


def outside(text: str) -> bool:
    """Whether a migration asks to run outside of a transaction on PostgreSQL, in part at least, by the text of its file."""
    return bool(_OUTSIDE.search(text)) or NO_TRANSACTION in _noted(text)


def begins_inside(text: str) -> bool:
    """Whether its first statement runs in a transaction on PostgreSQL: tools use one unless they are told otherwise."""
    return _IN_PART in text or not outside(text)


def phase_of(path: str, text: str) -> tuple[str, str]:
    """The phase and where it comes from: a note in the text, or a word that opens the file's name or is a folder of its path.

    ``path`` begins below the folder of the migrations. Raises MigrateError where these contradict each other.
    """
    said = notes(text).intersection((EXPAND, CONTRACT))
    *folders, name = path.lower().split("/")
    named = {folder for folder in folders if folder in (EXPAND, CONTRACT)}
    found = _NAMED.match(name)
    if found:
        named.add(found.group(1))
    if len(said) > 1:
        raise MigrateError(f"migration {path} says both `steady: expand` and `steady: contract`: keep one, or make two migrations of it")
    if len(named) > 1:
        raise MigrateError(f"migration {path} is called both expand and contract by its folders and its name: rename it")
    if said and named and said != named:
        raise MigrateError(f"migration {path} says `steady: {min(said)}`, but its path says {min(named)}: make them agree")
    if said:
        return min(said), f"`steady: {min(said)}` in {path}"
    if named:
        return min(named), f"the path {path}"
    return UNKNOWN, ""


def described(name: str, path: str, text: str, statements: tuple[str, ...] | None, opaque: str = "") -> Migration:
    """A migration by its id, its file, and the SQL that will run, as far as that can be told. Raises MigrateError as phase_of does."""
    return Migration(name, *phase_of(path, text), statements, opaque, text)


def _noted(text: str) -> frozenset[str]:
    return frozenset(" ".join(note.lower().split()) for note in _NOTE.findall(text))
