# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a database says of itself before it is migrated, and after a failure."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import MigrateError
from ansible_collections.steady.deploy.plugins.module_utils.migrate.database.explain import LOCKED, READ_ONLY, sentence
from ansible_collections.steady.deploy.plugins.module_utils.migrate.database.session import Asks
from ansible_collections.steady.deploy.plugins.module_utils.migrate.spec import MARIADB, POSTGRESQL

# Where the server has no estimate, rows are counted up to here at most: more would take too long.
COUNTED = 1_000_000
# Dropped since it was listed: undefined_table, ER_NO_SUCH_TABLE.
_GONE = {"42P01", "1146"}


@dataclass(frozen=True)
class ColumnFacts:
    """A column: its ``type`` in the server's words, whether a NULL can be in it, and whether one that is left out gets a value.

    ``unique``: an index of this column alone keeps its values apart.
    """

    type: str
    null: bool
    default: bool
    unique: bool = False


@dataclass(frozen=True)
class TableFacts:
    """A table: ``rows`` as the server estimates, 0 only where there is none and -1 where nobody knows; ``bytes`` with indexes.

    ``columns`` are by name.
    """

    rows: int
    bytes: int
    columns: t.Mapping[str, ColumnFacts] = field(default_factory=dict)


# The estimate as PostgreSQL's planner makes it: rows per page when it was last looked at, times the pages of now.
_POSTGRESQL = (
    "SELECT CASE WHEN pg_table_is_visible(c.oid) THEN '' ELSE n.nspname END, c.relname, "
    "CASE WHEN c.relpages > 0 AND c.reltuples > 0 THEN ceil(c.reltuples / c.relpages * pg_relation_size(c.oid) / "
    "current_setting('block_size')::int) "
    "WHEN pg_relation_size(c.oid) = 0 AND c.relkind = 'r' THEN 0 ELSE -1 END::bigint, pg_total_relation_size(c.oid) "
    "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'm') AND n.nspname !~ '^pg_' "
    "AND n.nspname <> 'information_schema' AND has_table_privilege(c.oid, 'SELECT') "
    # An extension's own are no app's: PostGIS comes with thousands of rows.
    "AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')"
)
_MARIADB = (
    "SELECT '', TABLE_NAME, IF(TABLE_ROWS > 0, TABLE_ROWS, -1), DATA_LENGTH + INDEX_LENGTH FROM information_schema.tables "
    "WHERE TABLE_SCHEMA = DATABASE() AND TABLE_TYPE = 'BASE TABLE'"
)
_COLUMNS = {
    # A CHECK that was validated proves as well that no NULL is there.
    POSTGRESQL: "SELECT CASE WHEN pg_table_is_visible(c.oid) THEN '' ELSE n.nspname END, c.relname, a.attname, "
    "format_type(a.atttypid, a.atttypmod), (NOT a.attnotnull AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = c.oid "
    "AND k.contype = 'c' AND k.convalidated AND pg_get_constraintdef(k.oid) = format('CHECK ((%I IS NOT NULL))', a.attname)))::int, "
    "a.atthasdef::int, EXISTS (SELECT FROM pg_index u WHERE u.indrelid = c.oid AND u.indisunique AND u.indisvalid "
    "AND u.indpred IS NULL AND u.indnkeyatts = 1 AND u.indkey[0] = a.attnum)::int "
    "FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace "
    "WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'm') AND n.nspname !~ '^pg_' "
    "AND n.nspname <> 'information_schema'",
    # A default of NULL is told as this word, and a text as a literal (https://mariadb.com/kb/en/information-schema-columns-table/).
    MARIADB: "SELECT '', c.TABLE_NAME, c.COLUMN_NAME, COLUMN_TYPE, IF(IS_NULLABLE = 'YES', 1, 0), "
    "IF(COLUMN_DEFAULT <> 'NULL' OR EXTRA REGEXP 'auto_increment|GENERATED', 1, 0), u.TABLE_NAME IS NOT NULL "
    "FROM information_schema.columns c LEFT JOIN (SELECT DISTINCT TABLE_NAME, MAX(COLUMN_NAME) AS COLUMN_NAME "
    "FROM information_schema.statistics WHERE TABLE_SCHEMA = DATABASE() GROUP BY TABLE_NAME, INDEX_NAME "
    "HAVING COUNT(*) = 1 AND MAX(NON_UNIQUE) = 0 AND MAX(SUB_PART) IS NULL) u "
    "ON u.TABLE_NAME = c.TABLE_NAME AND u.COLUMN_NAME = c.COLUMN_NAME WHERE c.TABLE_SCHEMA = DATABASE()",
}
_INVALID = (
    "SELECT CASE WHEN pg_table_is_visible(i.indexrelid) THEN '' ELSE n.nspname END, c.relname, i.indrelid::regclass::text "
    "FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace "
    # One that is being made now is invalid too.
    "WHERE NOT i.indisvalid AND c.relkind = 'i' AND NOT EXISTS (SELECT FROM pg_stat_progress_create_index p WHERE p.index_relid "
    "= i.indexrelid) "
    "ORDER BY 1, 2"
)


def tables(session: Asks, engine: str, small: int) -> dict[str, TableFacts]:
    """All tables by name; in PostgreSQL with the schema before it where that is not on the search path.

    One that has no estimate is counted only as far as it takes to know whether it has more than ``small`` rows.
    """
    columns: dict[str, dict[str, ColumnFacts]] = {}
    for schema, table, column, kind, null, default, unique in session.query(_COLUMNS[engine]):
        columns.setdefault(_full(schema, table), {})[column or ""] = ColumnFacts(kind or "", null == "1", default == "1", unique == "1")
    found = {}
    for schema, name, rows, size in session.query(_POSTGRESQL if engine == POSTGRESQL else _MARIADB):
        count = int(rows or -1)
        if count < 0:
            # Never looked at, or perhaps grown since: whether it is empty must be known.
            quote = '"' if engine == POSTGRESQL else "`"
            quoted = ".".join(quote + part.replace(quote, quote * 2) + quote for part in (schema, name) if part)
            counted = _counted(session, quoted, min(small, COUNTED))
            if counted is None:
                continue
            count = counted
        full = _full(schema, name)
        found[full] = TableFacts(count, int(size or 0), columns.get(full, {}))
    return found


def _counted(session: Asks, quoted: str, few: int) -> int | None:
    """The rows, -1 where there are more than a few or somebody changes the table now, None where it is gone."""
    try:
        count = int(session.query(f"SELECT count(*) FROM (SELECT 1 FROM {quoted} LIMIT {few + 1}) AS few")[0][0] or 0)
    except MigrateError as exc:
        if exc.facts.get("code") in _GONE:
            return None
        if exc.facts.get("kind") != LOCKED:
            raise
        return -1
    return count if count <= few else -1


def port(session: Asks, engine: str) -> int:
    """Where the server listens."""
    return int(session.query("SELECT current_setting('port')" if engine == POSTGRESQL else "SELECT @@port")[0][0] or 0)


def invalid_indexes(session: Asks, engine: str) -> tuple[tuple[str, str], ...]:
    """Indexes that a failed CREATE INDEX CONCURRENTLY left behind, each with its table. MariaDB leaves none."""
    if engine != POSTGRESQL:
        return ()
    return tuple((_full(schema, name), table or "") for schema, name, table in session.query(_INVALID))


def _full(schema: str | None, name: str | None) -> str:
    return ".".join(part for part in (schema, name) if part)


def check_writable(session: Asks, engine: str, label: str) -> None:
    """Raise MigrateError where nothing can be written, or should not be: on a standby, or where the server is set to read only."""
    if engine == POSTGRESQL:
        asked = "SELECT pg_is_in_recovery(), current_setting('default_transaction_read_only')"
        meanings = {0: ("t", "it is a standby"), 1: ("on", "default_transaction_read_only is on")}
    else:
        asked = "SELECT @@global.read_only, @@global.tx_read_only"
        # From MariaDB 12 on there are steps between OFF and ON.
        meanings = {0: ("", "read_only is on"), 1: ("1", "tx_read_only is on")}
    values = session.query(asked)[0]
    for place, (on, said) in meanings.items():
        if values[place] == on or (not on and values[place] not in ("0", "OFF")):
            raise MigrateError(sentence(label, READ_ONLY, said), kind=READ_ONLY)
