# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQL: what a statement meets. squawk's word counts where it has the rule, ours for everything else. Pure."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.migrate.spec import POSTGRESQL
from ansible_collections.steady.deploy.plugins.plugin_utils.migrate_lint import dml, held, squawk
from ansible_collections.steady.deploy.plugins.plugin_utils.migrate_lint.known import Known
from ansible_collections.steady.deploy.plugins.plugin_utils.migrate_lint.postgresql_alter import alter_table
from ansible_collections.steady.deploy.plugins.plugin_utils.migrate_lint.verdict import Finding
from ansible_collections.steady.deploy.plugins.plugin_utils.migrate_lint.words import MADE_BESIDE, ONE, Sql, Unreadable

_IF = r"(?: IF(?: NOT)? EXISTS)?"
_DROPPED = (
    r"SCHEMA|DATABASE|VIEW|MATERIALIZED VIEW|FOREIGN TABLE|TYPE|DOMAIN|SEQUENCE|FUNCTION|PROCEDURE|ROUTINE|AGGREGATE|EXTENSION|ROLE|USER"
    r"|OWNED|CAST|COLLATION|OPERATOR|SERVER|PUBLICATION|SUBSCRIPTION|TABLESPACE"
)
_QUIET = (
    r"CREATE|DROP|ALTER|GRANT|COMMENT|SECURITY LABEL|ANALYZE|ANALYSE|VACUUM|CHECKPOINT|EXPLAIN|SHOW|DISCARD|NOTIFY|LISTEN|UNLISTEN"
    r"|SET|RESET|IMPORT FOREIGN SCHEMA|REASSIGN|BEGIN|START|COMMIT|END|ROLLBACK|ABORT|SAVEPOINT|RELEASE"
)
_ALONE = (
    r"VACUUM|(?:CREATE|DROP) (?:DATABASE|TABLESPACE)|ALTER SYSTEM|REINDEX (?:\( \) )?(?:SCHEMA|DATABASE|SYSTEM)"
    r"|(?:CREATE|DROP|REINDEX|ALTER TABLE) .*CONCURRENTLY"
)
# What the tables of these rules are is in the statement itself, one or several.
_LISTED = {"drop-table": rf"DROP TABLE{_IF}", "reindex": r"REINDEX(?: \([^)]*\))? TABLE"}


def findings(sql: Sql, known: Known, theirs: frozenset[str]) -> list[Finding]:
    """What the statement meets. ``theirs`` are the rules of squawk that it meets. Raises Unreadable."""
    found, table, excused = _own(sql, known)
    if sql.flat.starts(_ALONE) and known.in_transaction:
        found.append(Finding("concurrently-in-transaction", table))
    if sql.flat.starts(held.BEGIN):
        known.in_transaction = True
    elif sql.flat.starts(held.END):
        known.in_transaction = False
    for rule in squawk.ours(theirs, sql):
        if rule not in excused:
            found += [Finding(rule, name) for name in (_names(sql.starts(_LISTED[rule])) if rule in _LISTED else [table])]
    return [*found, *held.findings(sql, found, known)]


def _own(sql: Sql, known: Known) -> tuple[list[Finding], str, set[str]]:
    """What we find, the table it is about, and the rules that squawk would name and that do not hold here."""
    for pattern, judge in _VERBS:
        rest = sql.starts(pattern)
        if rest is not None:
            answer = judge(sql, rest, known)
            if isinstance(answer, tuple):
                return answer
            return answer, next((one.table for one in answer if one.table), ""), set()
    raise Unreadable("a statement of an unknown kind")


def _names(sql: Sql | None) -> list[str]:
    return [name for name in (part.name() for part in (sql or Sql(())).parts()) if name] or [""]


def _create_table(sql: Sql, rest: Sql, known: Known) -> list[Finding]:
    known.create(rest.name(), beside=sql.starts(MADE_BESIDE) is not None)
    parent = rest.after_name().starts("PARTITION OF")
    if sql.has("AS") and not parent:
        known.fill(rest.name())
    return [Finding("brief-lock", parent.name())] if parent else []


def _create_index(sql: Sql, rest: Sql, known: Known) -> tuple[list[Finding], str, set[str]]:
    on = rest.starts(rf"(?:CONCURRENTLY )?(?:IF NOT EXISTS )?(?:(?!ON ){ONE} )?ON(?: ONLY)?")
    table = on.name() if on else ""
    return ([Finding("concurrently", table)] if rest.starts("CONCURRENTLY") else []), table, set()


def _create_type(sql: Sql, rest: Sql, known: Known) -> list[Finding]:
    known.plain_types.add(rest.name().rpartition(".")[2].casefold())
    return []


def _on_table(sql: Sql, rest: Sql, known: Known) -> list[Finding]:
    """A trigger, a rule or a policy."""
    on = sql.flat.starts(r".*? ON") if not sql.flat.starts("CREATE (?:OR REPLACE )?RULE") else sql.flat.starts(r".*? TO")
    return [Finding("brief-lock", on.name())] if on else []


def _drop_index(sql: Sql, rest: Sql, known: Known) -> list[Finding]:
    return [Finding("concurrently")] if rest.starts("CONCURRENTLY") else []


def _dropped(sql: Sql, rest: Sql, known: Known) -> list[Finding]:
    return [Finding("drop-object", rest.name())]


def _reindex(sql: Sql, rest: Sql, known: Known) -> list[Finding]:
    if rest.starts(r"(?:\( [^)]*\) )?SYSTEM"):
        return [Finding("reindex")]  # squawk does not know it
    return [Finding("concurrently", (rest.starts(r".*?TABLE(?: CONCURRENTLY)?") or Sql(())).name())] if "CONCURRENTLY" in sql.canon else []


def _of_all(rule: str) -> t.Callable[[Sql, Sql, Known], list[Finding]]:
    return lambda sql, rest, known: [Finding(rule, name) for name in _names(rest)]


def _vacuum(sql: Sql, rest: Sql, known: Known) -> list[Finding]:
    return [Finding("vacuum-full", name) for name in _names(rest.starts(r"(?:\( [^)]*\)|FULL|FREEZE|VERBOSE|ANALYZE| )*") or rest)]


def _refresh(sql: Sql, rest: Sql, known: Known) -> list[Finding]:
    beside = rest.starts("CONCURRENTLY")
    return [Finding("concurrently", beside.name()) if beside else Finding("refresh-view", rest.name())]


def _copy(sql: Sql, rest: Sql, known: Known) -> list[Finding]:
    known.fill(rest.name())
    return []


def _timeout(sql: Sql, rest: Sql, known: Known) -> list[Finding]:
    value = rest.words[-1] if rest.words else None
    off = value is None or value.canon == "DEFAULT" or re.fullmatch(r"0\s*\w*", value.raw)
    return [Finding("timeout-off")] if off else []


def _opaque(sql: Sql, rest: Sql, known: Known) -> list[Finding]:
    return [Finding("opaque")]


def _rows(sql: Sql, rest: Sql, known: Known) -> list[Finding]:
    return dml.findings(sql, POSTGRESQL, known)


def _nothing(sql: Sql, rest: Sql, known: Known) -> list[Finding]:
    return []


# The first pattern that the statement begins with decides.
_VERBS: tuple[tuple[str, t.Callable[[Sql, Sql, Known], t.Any]], ...] = (
    (r"ALTER (?:FOREIGN )?TABLE(?: IF EXISTS)?(?: ONLY)?", alter_table),
    (rf"CREATE (?:(?:GLOBAL|LOCAL|TEMP|TEMPORARY|UNLOGGED|FOREIGN) )*TABLE{_IF}", _create_table),
    (r"CREATE (?:UNIQUE )?INDEX", _create_index),
    (r"CREATE TYPE", _create_type),
    (r"CREATE (?:OR REPLACE )?(?:CONSTRAINT )?(?:TRIGGER|RULE|POLICY)|(?:DROP|ALTER) (?:TRIGGER|RULE|POLICY)", _on_table),
    (r"DROP INDEX", _drop_index),
    (rf"DROP (?:{_DROPPED}){_IF}", _dropped),
    (r"ALTER TYPE .*(?:ADD|DROP|ALTER) ATTRIBUTE", lambda sql, rest, known: [Finding("opaque", "", "Every table with this type changes.")]),
    (r"REINDEX", _reindex),
    (r"CLUSTER(?: VERBOSE)?", _of_all("cluster")),
    (r"TRUNCATE(?: TABLE)?(?: ONLY)?", _of_all("truncate")),
    (r"LOCK(?: TABLE)?(?: ONLY)?", _of_all("lock-table")),
    (r"VACUUM(?= FULL| \( (?:[^)]*, )?FULL(?! (?:FALSE|OFF|0)))", _vacuum),
    (r"REFRESH MATERIALIZED VIEW", _refresh),
    (r"COPY", _copy),
    (r"REVOKE", lambda sql, rest, known: [Finding("revoke")]),
    (r"(?:SET(?: LOCAL| SESSION)?|RESET) (?:LOCK_TIMEOUT|STATEMENT_TIMEOUT)", _timeout),
    (r"DO|CALL|EXECUTE|PREPARE", _opaque),
    (_QUIET, _nothing),
    (dml.VERBS, _rows),
)
