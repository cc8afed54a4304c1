# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""MariaDB: what each part of an ALTER TABLE meets. Pure."""

from __future__ import annotations

import re

from ansible_collections.steady.deploy.plugins.plugin_utils.migrate_lint import types
from ansible_collections.steady.deploy.plugins.plugin_utils.migrate_lint.definition import Definition, definition
from ansible_collections.steady.deploy.plugins.plugin_utils.migrate_lint.known import Known
from ansible_collections.steady.deploy.plugins.plugin_utils.migrate_lint.verdict import Column, Finding
from ansible_collections.steady.deploy.plugins.plugin_utils.migrate_lint.words import ONE, Sql

_IF = r"(?: IF(?: NOT)? EXISTS)?"
_CONSTRAINT = rf"(?:CONSTRAINT(?:{_IF} (?!PRIMARY|UNIQUE|FOREIGN|CHECK){ONE})? )?"
# What needs no look at the column: the first pattern that the part begins with decides.
_PARTS = (
    (rf"ADD {_CONSTRAINT}PRIMARY KEY", "primary-key"),
    ("DROP PRIMARY KEY", "drop-primary-key"),
    (rf"ADD {_CONSTRAINT}UNIQUE", "unique-index"),
    (rf"ADD {_CONSTRAINT}CHECK", "check-constraint"),
    (r"ADD (?:FULLTEXT|SPATIAL|VECTOR)", "fulltext-index"),
    (r"ADD (?:INDEX|KEY)", "index-build"),
    (r"ADD PARTITION", "brief-lock"),
    (r"(?:ADD|DROP) SYSTEM VERSIONING|ADD PERIOD|DROP PERIOD", "system-versioning"),
    (r"(?:DROP|TRUNCATE) PARTITION", "truncate"),
    (
        r"PARTITION BY|(?:REORGANIZE|COALESCE|REBUILD) PARTITION|REMOVE PARTITIONING|CONVERT (?:PARTITION|TABLE)",
        "partition",
    ),
    (r"DROP (?:INDEX|KEY|FOREIGN KEY|CONSTRAINT|CHECK)|RENAME (?:INDEX|KEY)|ALTER (?:INDEX|KEY)", "brief-lock"),
    (rf"RENAME COLUMN|RENAME COLUMN{_IF}", "rename-column"),
    (r"RENAME", "rename-table"),
    (rf"DROP(?: COLUMN)?{_IF}(?= {ONE}$| {ONE} (?:RESTRICT|CASCADE)$)", "drop-column"),
    (r"CONVERT TO (?:CHARACTER SET|CHARSET)", "charset-convert"),
    (r"ALGORITHM = COPY|ALGORITHM COPY|LOCK =? ?(?:SHARED|EXCLUSIVE)", "lock-option"),
    (r"ALGORITHM|LOCK", ""),
    (r"ENGINE|FORCE|ROW_FORMAT|KEY_BLOCK_SIZE|PAGE_COMPRESSED|ENCRYPTED|ORDER BY", "rebuild"),
    (
        r"(?:DEFAULT )?(?:CHARACTER SET|CHARSET|COLLATE)|COMMENT|AUTO_INCREMENT|STATS_\w+|ENABLE KEYS|DISABLE KEYS|MAX_ROWS|MIN_ROWS",
        "brief-lock",
    ),
)
# What a default may be made of to be the same for every row, so that no row is touched; all old rows get one value, also of RAND().
# Seen on a server. UUID, UUID_SHORT, SYS_GUID, SYSDATE, NEXTVAL and other columns make it a copy.
_STEADY = {
    "NULL", "TRUE", "FALSE", "CURRENT_TIMESTAMP", "NOW", "LOCALTIME", "LOCALTIMESTAMP", "CURRENT_DATE", "CURDATE", "CURRENT_TIME",
    "CURTIME", "UNIX_TIMESTAMP", "UTC_TIMESTAMP", "UTC_DATE", "UTC_TIME", "CONCAT", "UPPER", "LOWER", "MD5", "RAND", "JSON_OBJECT",
    "JSON_ARRAY", "USER", "CURRENT_USER", "INTERVAL", "DAY", "HOUR", "MINUTE", "MONTH", "YEAR", "SECOND", "WEEK",
}  # fmt: skip


def alter_table(sql: Sql, rest: Sql, known: Known) -> list[Finding]:
    """What it meets. ``rest`` begins with the table's name."""
    table = rest.name()
    after = rest.after_name()
    parts = (after.starts(r"WAIT \d+|NOWAIT") or after).parts()
    found = [Finding(rule, table, detail) for part in parts for rule, detail in _part(part, table, known)]
    if {"index-build", "unique-index"} & {one.rule for one in found} and any(_moves(part) for part in parts):
        # Together they can't be done at once, nor beside each other.
        found.append(Finding("rebuild", table, "An index and a column in one statement: in two statements nothing is built anew."))
    if "primary-key" in {one.rule for one in found}:
        # Another key at once: the server builds the table in its order, and need not copy it.
        found = [one for one in found if one.rule != "drop-primary-key"]
    return [*(found or [Finding("brief-lock", table)]), *sequences(sql, table)]


def sequences(sql: Sql, table: str) -> list[Finding]:
    """What a default that comes from a sequence meets, in a statement that has no other place for one."""
    return [Finding("sequence-default", table)] if re.search(r"\b(?:NEXTVAL|NEXT VALUE FOR)\b", sql.canon) else []


def options(sql: Sql, table: str) -> list[Finding]:
    """What CREATE INDEX and DROP INDEX ask for behind the columns."""
    asks = sql.has("ALGORITHM =? ?COPY") or sql.has("LOCK =? ?(?:SHARED|EXCLUSIVE)")
    return [Finding("lock-option", table)] if asks else []


def _moves(part: Sql) -> bool:
    """Whether the part adds or drops a column."""
    return part.starts(rf"(?:ADD|DROP)(?: COLUMN)?{_IF}(?= (?!CONSTRAINT|PRIMARY|UNIQUE|FOREIGN|CHECK|INDEX|KEY)(?:{ONE}|\())") is not None


def _part(part: Sql, table: str, known: Known) -> list[tuple[str, str]]:
    if part.starts(rf"ADD {_CONSTRAINT}FOREIGN KEY"):
        return [("foreign-key" if known.verifies_keys else "foreign-key-unchecked", "")]
    for pattern, rule in _PARTS:
        if part.starts(pattern):
            return [(rule, "")] if rule else []
    several = part.starts(rf"ADD(?: COLUMN)?{_IF}(?= \()")
    if several is not None:
        return [one for column in several.inside().parts() for one in _added(definition(column), table, known)]
    column = part.starts(rf"ADD(?: COLUMN)?{_IF}(?= {ONE} )")
    if column is not None:
        return _added(definition(column), table, known)
    column = part.starts(rf"ALTER(?: COLUMN)?{_IF}(?= {ONE} (?:SET|DROP) DEFAULT)")
    if column is not None:
        dropped = column.after_name().starts("DROP") is not None
        known.change(table, column.name(), default=not dropped)
        return [(known.without_default(table, column.name()) if dropped else "brief-lock", "")]
    column = part.starts(rf"MODIFY(?: COLUMN)?{_IF}(?= {ONE} )")
    if column is not None:
        return _changed(column.words[0].raw, definition(column), table, known)
    column = part.starts(rf"CHANGE(?: COLUMN)?{_IF}(?= {ONE} {ONE} )")
    if column is not None:
        old, new = column.words[0].raw, definition(Sql(column.words[1:]))
        renamed = [("rename-column", "")] if old.casefold() != new.name.casefold() else []
        return renamed + [one for one in _changed(old, new, table, known) if not renamed or one[0] != "brief-lock"]
    return [("unparsable", f"This part: {part.canon}")]


def _added(new: Definition, table: str, known: Known) -> list[tuple[str, str]]:
    found = []
    if new.numbered:
        found.append(("auto-increment", ""))
    if new.stored:
        found.append(("stored-generated", ""))
    if any(re.match(r"[^\W\d]|\"", word.canon) and word.canon not in _STEADY for word in new.default.words):
        found.append(("volatile-default", ""))
    if new.primary:
        found.append(("primary-key", ""))
    if new.unique:
        found.append(("unique-index", ""))
    if new.references:
        found.append(("foreign-key" if known.verifies_keys else "foreign-key-unchecked", ""))
    if new.not_null and not _valued(new):
        found.append(("required-value", ""))
    known.add(table, new.name, Column(new.type, not new.not_null, _valued(new)))
    return found or [("brief-lock", "")]


def _valued(new: Definition) -> bool:
    """Whether it gets a value where an INSERT leaves it out."""
    return bool(new.default.words and new.default.canon != "NULL") or new.numbered or new.stored or new.virtual


def _changed(name: str, new: Definition, table: str, known: Known) -> list[tuple[str, str]]:
    old = known.column(table, name)
    found = []
    if new.numbered:
        found.append(("auto-increment", ""))
    if new.stored:
        found.append(("stored-generated", ""))
    if old is None or not old.type:
        found.append(("column-type", f"What type {name} has now is not known."))
    else:
        detail = f"{name} is {old.type} now."
        change = types.on_mariadb(old.type, new.type)
        gone = set(types.values(old.type) or ()) - set(types.values(new.type) or ())
        if change == types.SHRINK:
            found.append(("type-shrink", detail))
        elif change == types.REWRITE:
            found.append(("enum-change" if types.values(old.type) and types.values(new.type) else "column-type", detail))
        if gone and types.values(new.type):
            found.append(("drop-enum-value", detail))
        if old.null == new.not_null:
            found.append(("nullability", detail))
    if new.charset:
        found.append(("charset-convert", f"Which character set {name} has now is not known."))
    if not _valued(new):
        if new.not_null and (old is None or old.null or old.default):
            found.append(("required-value", ""))
        elif old and old.default and known.without_default(table, name) == "drop-default":
            found.append(("drop-default", "A MODIFY or CHANGE that does not say the default again takes it away."))
    known.change(table, new.name, type=new.type, null=not new.not_null, default=_valued(new))
    return found or [("brief-lock", "")]
