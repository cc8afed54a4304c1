# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQL: what each part of an ALTER TABLE meets, as far as squawk does not say it. Pure."""

from __future__ import annotations

import re

from ansible_collections.steady.deploy.plugins.plugin_utils.migrate_lint import types
from ansible_collections.steady.deploy.plugins.plugin_utils.migrate_lint.definition import definition
from ansible_collections.steady.deploy.plugins.plugin_utils.migrate_lint.known import Known
from ansible_collections.steady.deploy.plugins.plugin_utils.migrate_lint.verdict import Column, Finding
from ansible_collections.steady.deploy.plugins.plugin_utils.migrate_lint.words import ONE, Sql

# Functions of a default that give every row the same value, by pg_proc.provolatile. A function that is not here may be volatile.
_STEADY = {
    "NOW", "CURRENT_TIMESTAMP", "TRANSACTION_TIMESTAMP", "STATEMENT_TIMESTAMP", "LOCALTIMESTAMP", "LOCALTIME", "CURRENT_TIME",
    "CURRENT_SETTING", "TIMEZONE", "DATE_TRUNC", "TO_TIMESTAMP", "TO_DATE", "MAKE_DATE", "MAKE_INTERVAL", "DATE_PART", "EXTRACT", "LOWER",
    "UPPER", "LENGTH", "MD5", "COALESCE", "NULLIF", "GREATEST", "LEAST", "CAST", "TO_JSONB", "TO_JSON", "JSONB_BUILD_OBJECT",
    "JSON_BUILD_OBJECT", "JSONB_BUILD_ARRAY", "JSON_BUILD_ARRAY", "CONCAT", "FORMAT", "REPLACE", "ROUND", "FLOOR", "CEIL", "ABS", "DATE",
}  # fmt: skip
# Types and other words that a parenthesis may follow.
_NO_FUNCTION = {
    "VARCHAR", "CHAR", "CHARACTER", "VARYING", "NUMERIC", "DECIMAL", "BIT", "TIMESTAMP", "TIMESTAMPTZ", "TIME", "INTERVAL", "ARRAY", "AND",
    "OR", "NOT", "IN", "::",
}  # fmt: skip
_BRIEF = (
    r"DROP|RENAME|SET SCHEMA|DETACH PARTITION",  # squawk says more of these
    r"ALTER CONSTRAINT|SET \(|RESET \(|CLUSTER ON|SET WITHOUT|INHERIT|NO INHERIT|OWNER TO|REPLICA IDENTITY|ENABLE|DISABLE",
    r"FORCE|NO FORCE|OF|NOT OF",
)
# A constraint that keeps NULL out of a column; as NOT NULL it has a name since PostgreSQL 18.
_FULL = (
    rf"(?:CHECK \( (?:\( )?(?P<checked>{ONE}) IS NOT NULL(?: \))? \)|NOT NULL (?P<named>{ONE}))"
    r"(?: NO INHERIT)?(?P<later> NOT VALID)?(?: NO INHERIT)?"
)


def alter_table(sql: Sql, rest: Sql, known: Known) -> tuple[list[Finding], str, set[str]]:
    """What it meets, its table, and the rules of squawk that do not hold here. ``rest`` begins with the table's name."""
    table, excused = rest.name(), set()  # type: tuple[str, set[str]]
    found = []
    for part in (rest.after_name().starts(r"\*") or rest.after_name()).parts():
        found += [Finding(rule, table, detail) for rule, detail in _part(part, table, known, excused)]
    return found, table, excused


def _part(part: Sql, table: str, known: Known, excused: set[str]) -> list[tuple[str, str]]:
    constraint = part.starts(rf"ADD(?: CONSTRAINT {ONE})?(?= (?:CHECK|EXCLUDE|PRIMARY|UNIQUE|FOREIGN|NOT NULL))")
    if constraint is not None:
        return _constraint(part, constraint, table, known)
    column = part.starts(r"ADD(?: COLUMN)?(?: IF NOT EXISTS)?")
    if column is not None:
        return _added(column, table, known)
    column = part.starts(rf"ALTER(?! CONSTRAINT)(?: COLUMN)?(?= {ONE} )")
    if column is not None:
        return _altered(column.name(), column.after_name(), table, known, excused)
    valid = part.starts("VALIDATE CONSTRAINT")
    if valid is not None:
        known.validate(table, valid.name())
        return [("validate", "")]
    if part.starts("ATTACH PARTITION"):
        return [("attach-partition", "")]
    if part.starts("DETACH PARTITION") and part.has("CONCURRENTLY"):
        return [("concurrently", "")]
    if part.starts("SET (?:UNLOGGED|LOGGED)"):
        return [("set-unlogged", "")]
    if part.starts("SET (?:TABLESPACE|ACCESS METHOD)"):
        return [("table-move", "")]
    return [("brief-lock", "")] if any(part.starts(pattern) for pattern in _BRIEF) else [("unparsable", f"This part: {part.canon}")]


def _constraint(part: Sql, what: Sql, table: str, known: Known) -> list[tuple[str, str]]:
    if what.starts("EXCLUDE"):
        return [("exclude-constraint", "")]
    if what.starts("PRIMARY KEY USING INDEX"):
        return [("primary-key-index", "")]
    full = re.fullmatch(_FULL, what.canon)
    if not full:
        return [("brief-lock", "")]
    column = next(word.raw for word in what.words if word.canon in (full["checked"], full["named"]))
    found = _full(column, table, known)
    if full["later"]:
        known.promise(table, (part.starts("ADD CONSTRAINT") or Sql(())).name(), column)
        return found
    now = known.column(table, column)
    if full["named"] and (now is None or now.null):
        found = [("set-not-null", ""), *found]
    known.change(table, column, null=False)
    return found


def _full(column: str, table: str, known: Known) -> list[tuple[str, str]]:
    """What it is for old code that the column takes no NULL from now on. It writes none where it took none before."""
    now = known.column(table, column)
    took_none = now is not None and (not now.null or (now.default and known.added(table, column)))
    return [("brief-lock" if took_none else "required-value", "")]


def _added(column: Sql, table: str, known: Known) -> list[tuple[str, str]]:
    new = definition(column)
    found = []
    if new.stored:
        found.append(("stored-generated", ""))
    if new.numbered:
        found.append(("serial-column", ""))
    strange = volatile(new.default)
    if strange:
        found.append(("volatile-default", strange))
    if not new.numbered and not types.is_plain(new.type) and new.type.rpartition(".")[2].strip().casefold() not in known.plain_types:
        found.append(("domain-column", f"Whether {new.type} is one is not known."))
    if new.check:
        found.append(("check-constraint", ""))
    if new.references and new.default.words and new.default.canon != "NULL":
        # Without a default every row has NULL, and nothing is looked up.
        found.append(("foreign-key", ""))
    known.add(table, new.name, Column(new.type, not new.not_null, bool(new.default.words) or new.numbered))
    return found or [("brief-lock", "")]


def _altered(column: str, what: Sql, table: str, known: Known, excused: set[str]) -> list[tuple[str, str]]:
    now = known.column(table, column)
    kind = what.starts(r"(?:SET DATA )?TYPE")
    if kind is not None:
        return _retyped(column, kind, table, known)
    if what.starts("SET NOT NULL"):
        if now is not None and not now.null:
            # A validated CHECK says so: PostgreSQL believes it and does not scan.
            excused.add("set-not-null")
        found = _full(column, table, known)
        known.change(table, column, null=False)
        return found
    if what.starts("DROP NOT NULL"):
        known.change(table, column, null=True)
        return [("brief-lock", "")]
    if what.starts("SET DEFAULT"):
        known.change(table, column, type=now.type if now else "", default=True)
        return [("brief-lock", "")]
    if what.starts("DROP (?:DEFAULT|IDENTITY)"):
        known.change(table, column, default=False)
        return [(known.without_default(table, column), "")]
    if what.starts(r"SET (?:STATISTICS|STORAGE|COMPRESSION|GENERATED|\()|RESET|RESTART|ADD GENERATED|DROP EXPRESSION"):
        return [("brief-lock", "")]
    if what.starts("SET EXPRESSION"):
        return [("stored-generated", "")]
    return [("unparsable", f"This part: ALTER {what.canon}")]


def _retyped(column: str, what: Sql, table: str, known: Known) -> list[tuple[str, str]]:
    new = _type(what)
    old = known.column(table, column)
    using = what.starts(r"(?:.*? )?USING")
    known.change(table, column, type=new)
    if old is None or not old.type:
        return [("column-type", f"What type {column} has now is not known.")]
    detail = f"{column} is {old.type} now."
    if using is not None and not _as_it_is(using, column, new):
        return [("column-type", f"{detail} USING computes every value.")]
    names = {types.kind(kind, types.POSTGRESQL_NAMES).name for kind in (old.type, new)}
    if names == {"timestamp", "timestamptz"}:
        return [("timestamp-zone", detail)]
    change = types.on_postgresql(old.type, new)
    if change == types.FREE and what.has("COLLATE"):
        return [("collation", "")]
    return [{types.FREE: ("brief-lock", ""), types.SHRINK: ("type-shrink", detail)}.get(change, ("column-type", detail))]


def _as_it_is(using: Sql, column: str, new: str) -> bool:
    """Whether USING takes the column itself, or casts it to the very type it gets: another cast computes every value."""
    rest = using.after_name()
    cast = rest.starts("::")
    as_new = cast is not None and types.kind(cast.canon, types.POSTGRESQL_NAMES) == types.kind(new, types.POSTGRESQL_NAMES)
    return using.name() == column and (not rest.words or as_new)


def _type(what: Sql) -> str:
    """The type that it begins with, without a COLLATE or USING behind it."""
    return definition(Sql((what.words[0], *what.words)) if what.words else what).type


def volatile(default: Sql) -> str:
    """A sentence on what in the default may differ from row to row, or nothing."""
    words = [word.canon for word in default.words]
    for index, word in enumerate(words):
        called = index + 1 < len(words) and words[index + 1] == "(" and re.match(r"[\w\"]", word)
        if called and word not in _STEADY and word not in _NO_FUNCTION and words[index - 1] != "::":
            return f"{word.lower()}() may give every row another value."
    return ""
