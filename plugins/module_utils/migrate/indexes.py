# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQL's CONCURRENTLY: what fails leaves an invalid index, which holds its name, enforces nothing and serves no query. Pure."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.migrate.spec import Migration
from ansible_collections.steady.deploy.plugins.module_utils.migrate.statements import first_word

# An index, with its table. Either has its schema before it where that is not on the search path.
Index = tuple[str, str]

# Behind no `--` of its line.
_CONCURRENTLY = re.compile(r"^(?:(?!--).)*\bCONCURRENTLY\b", re.IGNORECASE | re.MULTILINE)
# The new index gets its table's schema, and no other can be said.
_CREATES = re.compile(
    r'\bCREATE\s+(?:UNIQUE\s+)?INDEX\s+(?:CONCURRENTLY\s+)?(?:IF\s+NOT\s+EXISTS\s+)?(?:"((?:[^"]|"")+)"|([\w$]+))', re.IGNORECASE
)


def is_concurrent(statement: str) -> bool:
    """Whether a statement works beside others. One that fails does not leave everything as it was."""
    return bool(_CONCURRENTLY.search(statement))


def dropped(index: str) -> str:
    """The SQL that drops an index beside others."""
    return "DROP INDEX CONCURRENTLY " + ".".join('"' + part.replace('"', '""') + '"' for part in index.split("."))


def remedies(invalid: t.Iterable[Index]) -> list[str]:
    """A sentence for each invalid index."""
    return [f"index {name} of table {table} is invalid: {dropped(name)}, and create it again" for name, table in invalid]


def taken_for_made(migrations: t.Sequence[Migration], invalid: t.Iterable[Index]) -> tuple[str, Index] | None:
    """The first migration that creates an index of which an invalid one is there, and which that is.

    With IF NOT EXISTS it would succeed and change nothing. One that names the index before, to drop it or to build it anew, sees to it.
    """
    left = {_last(index[0]): index for index in invalid}
    for one in migrations:
        for statement in one.statements or ():
            found = _CREATES.search(statement)
            made = (found.group(1) or "").replace('""', '"') or found.group(2).lower() if found else ""
            if made in left:
                return one.id, left[made]
            drops = first_word(statement) == "DROP"
            left = {
                name: index
                for name, index in left.items()
                if not _names(statement, name) and not (drops and _names(statement, _last(index[1])))
            }
    return None


def _last(name: str) -> str:
    return name.rpartition(".")[2].strip('"')


def _names(statement: str, name: str) -> bool:
    return bool(re.search(rf"(?<![\w$]){re.escape(name)}(?![\w$])", statement, re.IGNORECASE))
