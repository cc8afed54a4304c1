# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""MariaDB: what a statement meets. Pure."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.migrate.spec import MARIADB
from ansible_collections.steady.deploy.plugins.plugin_utils.migrate_lint import dml
from ansible_collections.steady.deploy.plugins.plugin_utils.migrate_lint.known import Known
from ansible_collections.steady.deploy.plugins.plugin_utils.migrate_lint.mariadb_alter import alter_table, options, sequences
from ansible_collections.steady.deploy.plugins.plugin_utils.migrate_lint.verdict import Finding
from ansible_collections.steady.deploy.plugins.plugin_utils.migrate_lint.words import MADE_BESIDE, ONE, Sql, Unreadable

_IF = r"(?: IF(?: NOT)? EXISTS)?"
_DROPPED = "DATABASE|SCHEMA|VIEW|SEQUENCE|FUNCTION|PROCEDURE|PACKAGE|EVENT|USER|ROLE|SERVER"
_QUIET = (
    r"CREATE|ALTER (?:DATABASE|SCHEMA|VIEW|SEQUENCE|EVENT|USER|FUNCTION|PROCEDURE)|DROP (?:TRIGGER|PREPARE|ROLE)|GRANT|ANALYZE"
    r"|CHECK|CHECKSUM|EXPLAIN|DESCRIBE|DESC|SHOW"
    r"|USE|SET|BEGIN|START|COMMIT|ROLLBACK|SAVEPOINT|RELEASE|UNLOCK TABLES|DEALLOCATE|FLUSH (?!TABLES)"
)
_DDL = r"ALTER|CREATE|DROP|RENAME|TRUNCATE|OPTIMIZE|REPAIR"
_TIMEOUT = "(?:INNODB_LOCK_WAIT_TIMEOUT|LOCK_WAIT_TIMEOUT|MAX_STATEMENT_TIME)"
# Longer than anybody should wait: a day is MariaDB's own default for metadata locks.
_LONG = 3600


def findings(sql: Sql, known: Known) -> list[Finding]:
    """What the statement meets. Raises Unreadable."""
    for pattern, judge in _VERBS:
        rest = sql.starts(pattern)
        if rest is not None:
            found = judge(sql, rest, known)
            break
    else:
        raise Unreadable("a statement of an unknown kind")
    if sql.starts(_DDL):
        known.ddl += 1
        if known.ddl == 2:
            found.append(Finding("implicit-commit", next((one.table for one in found if one.table), "")))
    return found


def _names(sql: Sql) -> list[str]:
    return [name for name in (part.name() for part in sql.parts()) if name] or [""]


def _create_table(sql: Sql, rest: Sql, known: Known) -> list[Finding]:
    name = rest.name()
    if sql.starts("CREATE OR REPLACE"):
        return [Finding("drop-table", name, "CREATE OR REPLACE drops the table that is there.")]
    known.create(name, beside=sql.starts(MADE_BESIDE) is not None)
    if not sql.has("SELECT"):
        return sequences(sql, name)
    known.fill(name)
    return dml.copied(sql, known)


def _create_index(sql: Sql, rest: Sql, known: Known) -> list[Finding]:
    on = rest.starts(rf"(?:IF NOT EXISTS )?{ONE}(?: USING {ONE})? ON")
    if on is None:
        raise Unreadable("an index on nothing")
    kind = "fulltext-index" if sql.has("(?:FULLTEXT|SPATIAL|VECTOR)") else "unique-index" if sql.has("UNIQUE") else "index-build"
    return [Finding(kind, on.name()), *options(on.after_name(), on.name())]


def _drop_index(sql: Sql, rest: Sql, known: Known) -> list[Finding]:
    on = rest.starts(rf"{ONE} ON")
    if on is None:
        raise Unreadable("an index of nothing")
    return [Finding("brief-lock", on.name()), *options(on.after_name(), on.name())]


def _rename_table(sql: Sql, rest: Sql, known: Known) -> list[Finding]:
    return [Finding("rename-table", name) for name in _names(rest)]


def _drop_table(sql: Sql, rest: Sql, known: Known) -> list[Finding]:
    return [Finding("drop-table", name) for name in _names(rest)]


def _of_all(rule: str) -> t.Callable[[Sql, Sql, Known], list[Finding]]:
    return lambda sql, rest, known: [Finding(rule, name) for name in _names(rest)]


def _set(sql: Sql, rest: Sql, known: Known) -> list[Finding]:
    found = []
    for part in rest.parts():
        named = re.fullmatch(r"(?:@ ?@ ?|@@)?(?:(?:GLOBAL|SESSION|LOCAL)(?: \. | ))?(\w+) (?:=|:=) (\S+)", part.canon)
        if not named:
            continue
        if named[1] == "FOREIGN_KEY_CHECKS":
            known.verifies_keys = named[2] not in ("0", "OFF", "FALSE")
        if re.fullmatch(_TIMEOUT, named[1]):
            number = re.fullmatch(r"\d+(?:\.\d+)?", named[2])
            limit = float(named[2]) if number else 0
            # 0 is no limit for a statement, and no waiting at all for a lock.
            off = limit > _LONG or not number or (limit == 0 and named[1] == "MAX_STATEMENT_TIME")
            found += [Finding("timeout-off")] if off else []
    return found


def _load(sql: Sql, rest: Sql, known: Known) -> list[Finding]:
    into = rest.starts(".*? INTO TABLE")
    known.fill(into.name() if into else "")
    return []


def _rows(sql: Sql, rest: Sql, known: Known) -> list[Finding]:
    return dml.findings(sql, MARIADB, known)


def _nothing(sql: Sql, rest: Sql, known: Known) -> list[Finding]:
    return []


# The first pattern that the statement begins with decides.
_VERBS: tuple[tuple[str, t.Callable[[Sql, Sql, Known], list[Finding]]], ...] = (
    (rf"ALTER (?:ONLINE )?(?:IGNORE )?TABLE{_IF}", alter_table),
    (rf"CREATE (?:OR REPLACE )?(?:TEMPORARY )?TABLE{_IF}", _create_table),
    (r"CREATE (?:OR REPLACE )?(?:UNIQUE |FULLTEXT |SPATIAL |VECTOR )?INDEX", _create_index),
    (rf"DROP INDEX{_IF}", _drop_index),
    (rf"DROP TEMPORARY TABLE{_IF}", _nothing),
    (rf"DROP TABLE{_IF}", _drop_table),
    (rf"DROP (?:{_DROPPED}){_IF}", _of_all("drop-object")),
    (rf"RENAME TABLES?{_IF}", _rename_table),
    (r"CREATE (?:OR REPLACE )?(?:DEFINER .*?)?TRIGGER .*? ON", _of_all("brief-lock")),
    (r"TRUNCATE(?: TABLE)?", _of_all("truncate")),
    (r"(?:OPTIMIZE|REPAIR)(?: NO_WRITE_TO_BINLOG| LOCAL)? TABLES?", _of_all("rebuild")),
    (r"LOCK TABLES?|FLUSH(?: LOCAL| NO_WRITE_TO_BINLOG)? TABLES?", _of_all("lock-table")),
    (r"REVOKE", lambda sql, rest, known: [Finding("revoke")]),
    (r"SET(?! STATEMENT)", _set),
    (r"LOAD DATA", _load),
    (r"CALL|EXECUTE|PREPARE|DO|BEGIN NOT ATOMIC|SET STATEMENT|HANDLER", lambda sql, rest, known: [Finding("opaque")]),
    (_QUIET, _nothing),
    (dml.VERBS, _rows),
)
