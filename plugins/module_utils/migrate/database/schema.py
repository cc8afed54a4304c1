# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A database's schema as text, one thing a line, so that two of them can be compared.

Tables with columns, constraints and indexes, views, and PostgreSQL's enums. Routines and triggers are left out.
"""

from __future__ import annotations

from ansible_collections.steady.deploy.plugins.module_utils.migrate.database.session import Asks
from ansible_collections.steady.deploy.plugins.module_utils.migrate.spec import POSTGRESQL

# Each gives: what it belongs to, where in there (a number where order counts), and a line.
_OURS = "n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
_POSTGRESQL = (
    "SELECT 'table ' || c.oid::regclass, '1' || lpad(a.attnum::text, 5, '0'), 'column ' || quote_ident(a.attname) || ' ' || "
    "format_type(a.atttypid, a.atttypmod) || CASE WHEN a.attnotnull THEN ' not null' ELSE '' END |"
    "| CASE a.attidentity WHEN 'a' THEN "
    "' identity always' WHEN 'd' THEN ' identity by default' ELSE '' END |"
    "| coalesce(CASE WHEN a.attgenerated <> '' THEN ' generated ' "
    "ELSE ' default ' END || pg_get_expr(d.adbin, d.adrelid), '') FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid "
    "JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum "
    f"WHERE c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped AND {_OURS}",
    "SELECT 'table ' || k.conrelid::regclass, '2' || k.conname, 'constraint ' || quote_ident(k.conname) || ' ' || "
    "pg_get_constraintdef(k.oid) "
    f"FROM pg_constraint k JOIN pg_namespace n ON n.oid = k.connamespace WHERE k.conrelid <> 0 AND k.contype <> 'n' AND {_OURS}",
    "SELECT 'table ' || i.indrelid::regclass, '3' || c.relname, 'index ' || pg_get_indexdef(i.indexrelid) || CASE WHEN "
    "i.indisvalid THEN '' "
    "ELSE ' (invalid)' END FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace "
    f"WHERE NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.conrelid = i.indrelid) AND {_OURS}",
    "SELECT 'view ' || c.oid::regclass, '1', pg_get_viewdef(c.oid) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
    f"WHERE c.relkind IN ('v', 'm') AND {_OURS}",
    "SELECT 'enum ' || y.oid::regtype, '1', (SELECT string_agg(quote_literal(e.enumlabel), ', ' ORDER BY e.enumsortorder) FROM "
    "pg_enum e "
    f"WHERE e.enumtypid = y.oid) FROM pg_type y JOIN pg_namespace n ON n.oid = y.typnamespace WHERE y.typtype = 'e' AND {_OURS}",
)
_MARIADB = (
    "SELECT CONCAT('table ', t.TABLE_NAME), '0', CONCAT('engine ', t.ENGINE, ', collation ', t.TABLE_COLLATION) FROM "
    "information_schema.tables t "
    "WHERE t.TABLE_SCHEMA = DATABASE() AND t.TABLE_TYPE = 'BASE TABLE'",
    "SELECT CONCAT('table ', c.TABLE_NAME), CONCAT('1', LPAD(c.ORDINAL_POSITION, 5, '0')), CONCAT('column ', c.COLUMN_NAME, ' ', "
    "c.COLUMN_TYPE, "
    "IFNULL(CONCAT(' collate ', c.COLLATION_NAME), ''), IF(c.IS_NULLABLE = 'NO', ' not null', ''), "
    "IFNULL(CONCAT(' default ', c.COLUMN_DEFAULT), ''), IFNULL(CONCAT(' as ', c.GENERATION_EXPRESSION), ''), IF(c.EXTRA = '', "
    "'', CONCAT(' ', c.EXTRA))) "
    "FROM information_schema.columns c JOIN information_schema.tables t USING (TABLE_SCHEMA, TABLE_NAME) "
    "WHERE c.TABLE_SCHEMA = DATABASE() AND t.TABLE_TYPE = 'BASE TABLE'",
    "SELECT CONCAT('table ', k.TABLE_NAME), CONCAT('2', k.CONSTRAINT_NAME), CONCAT('constraint ', k.CONSTRAINT_NAME, ' foreign "
    "key (', "
    "GROUP_CONCAT(k.COLUMN_NAME ORDER BY k.ORDINAL_POSITION SEPARATOR ', '), ') references ', k.REFERENCED_TABLE_NAME, ' (', "
    "GROUP_CONCAT(k.REFERENCED_COLUMN_NAME ORDER BY k.ORDINAL_POSITION SEPARATOR ', '), ') on update ', MAX(r.UPDATE_RULE), ' on "
    "delete ', "
    "MAX(r.DELETE_RULE)) FROM information_schema.key_column_usage k JOIN information_schema.referential_constraints r "
    "ON r.CONSTRAINT_SCHEMA = k.TABLE_SCHEMA AND r.TABLE_NAME = k.TABLE_NAME AND r.CONSTRAINT_NAME = k.CONSTRAINT_NAME "
    "WHERE k.TABLE_SCHEMA = DATABASE() AND k.REFERENCED_TABLE_NAME IS NOT NULL GROUP BY k.TABLE_NAME, k.CONSTRAINT_NAME, "
    "k.REFERENCED_TABLE_NAME",
    "SELECT CONCAT('table ', k.TABLE_NAME), CONCAT('2', k.CONSTRAINT_NAME), CONCAT('constraint ', k.CONSTRAINT_NAME, ' check ', "
    "k.CHECK_CLAUSE) "
    "FROM information_schema.check_constraints k WHERE k.CONSTRAINT_SCHEMA = DATABASE()",
    "SELECT CONCAT('table ', s.TABLE_NAME), CONCAT('3', s.INDEX_NAME), CONCAT('index ', s.INDEX_NAME, IF(s.NON_UNIQUE, ' (', ' "
    "unique ('), "
    "GROUP_CONCAT(s.COLUMN_NAME, IFNULL(CONCAT('(', s.SUB_PART, ')'), ''), IF(s.COLLATION = 'D', ' desc', '') ORDER BY "
    "s.SEQ_IN_INDEX SEPARATOR ', '), ') ', "
    "LOWER(MAX(s.INDEX_TYPE)), IF(MAX(s.IGNORED) = 'YES', ' ignored', '')) FROM information_schema.statistics s WHERE "
    "s.TABLE_SCHEMA = DATABASE() "
    "GROUP BY s.TABLE_NAME, s.INDEX_NAME, s.NON_UNIQUE",
    "SELECT CONCAT('view ', v.TABLE_NAME), '1', v.VIEW_DEFINITION FROM information_schema.views v WHERE v.TABLE_SCHEMA = DATABASE()",
)


def schema(session: Asks, engine: str) -> str:
    """The schema of all tables, views and enums; the same text for the same schema, whatever the order things were made in."""
    found = []
    for sql in _POSTGRESQL if engine == POSTGRESQL else _MARIADB:
        for owner, place, line in session.query(sql):
            found.append((owner or "", place or "", " ".join((line or "").split())))
    lines = []
    last = ""
    for owner, dummy, line in sorted(found):
        if owner != last:
            lines.append(owner)
        last = owner
        lines.append(f"  {line}")
    return "".join(f"{line}\n" for line in lines)
