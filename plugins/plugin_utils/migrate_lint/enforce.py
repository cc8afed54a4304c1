# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Letting MariaDB itself refuse: statements with the strongest ALGORITHM and LOCK that the rules hold for possible. Pure.

The server refuses in milliseconds what it can't do that way (errors 1845 and 1846), before it touches a row. So a statement can
be tried on an empty copy of its table: run the statements of ``probe_statements`` in order on a connection of their own, and the
last of them also where an earlier one fails. An error 1845 or 1846 means that the real statement would copy the table or keep
writers out. The copy has the columns, indexes and checks of the table, but no rows, foreign keys or triggers: what depends on
rows (a duplicate, a NULL) does not show.
"""

from __future__ import annotations

import re

from ansible_collections.steady.deploy.plugins.module_utils.migrate.spec import MARIADB
from ansible_collections.steady.deploy.plugins.plugin_utils.migrate_lint.words import NAME, ONE, Sql, Unreadable, read

PROBE = "steady_probe"
_IF = r"(?: IF(?: NOT)? EXISTS)?"
_ALTER = rf"ALTER (?:ONLINE )?(?:IGNORE )?TABLE{_IF}"
_CREATE_INDEX = rf"CREATE (?:OR REPLACE )?(?:UNIQUE |FULLTEXT |SPATIAL |VECTOR )?INDEX{_IF} {ONE}(?: USING {ONE})? ON"
# An index is built, or goes, beside writers, but not at once. A column may take its index along.
_BUILDS = r"DROP|ADD (?:CONSTRAINT (?:\S+ )?)?(?:UNIQUE|INDEX|KEY|FULLTEXT|SPATIAL|VECTOR|FOREIGN KEY)"
# Takes no ALGORITHM behind it, or means the table's own name.
_NEVER = r"(?:.*? )?(?:PARTITION|PARTITIONING|DISCARD|IMPORT)|ORDER BY|RENAME(?! COLUMN| INDEX| KEY)"
# The copy has no foreign keys.
_NOT_ON_COPY = r"DROP (?:FOREIGN KEY|CONSTRAINT)"


def guarded(statement: str) -> str | None:
    """The statement with ``ALGORITHM`` and ``LOCK`` asked for, or None where it takes none or says its own."""
    taken = _taken(statement)
    if taken is None:
        return None
    sql, verb, rest = taken
    if verb is not _ALTER:
        return f"{sql.text} ALGORITHM=NOCOPY LOCK=NONE"
    builds = any(part.starts(_BUILDS) for part in rest.after_name().parts())
    return sql.text + (", ALGORITHM=NOCOPY, LOCK=NONE" if builds else ", ALGORITHM=INSTANT")


def probe_statements(statement: str) -> tuple[str, ...] | None:
    """What tries the statement on an empty copy of its table, in the same schema, or None where it can't be tried so."""
    taken, asked = _taken(statement), guarded(statement)
    if taken is None or asked is None:
        return None
    sql, dummy, rest = taken
    if any(part.starts(_NOT_ON_COPY) for part in rest.after_name().parts()):
        return None
    found = re.match(NAME, rest.canon)
    names = rest.words[: found[0].count(" ") + 1] if found else ()
    if not names:
        return None
    begin, end = names[0].begin - sql.words[0].begin, names[-1].end - sql.words[0].begin
    table = sql.text[begin:end]
    # Before the last of the names stands the schema, where there is one.
    copy = sql.text[begin : names[-1].begin - sql.words[0].begin] + PROBE
    drop = f"DROP TABLE IF EXISTS {copy}"
    return (drop, f"CREATE TABLE {copy} LIKE {table}", asked[:begin] + copy + asked[end:], drop)


def _taken(statement: str) -> tuple[Sql, str, Sql] | None:
    """The statement, its verb, and what begins with the table's name."""
    try:
        parts = read(statement, MARIADB)
    except Unreadable:
        return None
    if len(parts) != 1 or "/*" in parts[0].text:
        return None
    sql = parts[0]
    if re.search(r"\b(?:ALGORITHM|LOCK)\b", sql.flat.canon):
        return None
    for verb in (_ALTER, _CREATE_INDEX):
        rest = sql.starts(verb)
        if rest is not None:
            refused = verb is _ALTER and any(part.starts(_NEVER) for part in rest.after_name().parts())
            return None if refused else (sql, verb, rest)
    return None
