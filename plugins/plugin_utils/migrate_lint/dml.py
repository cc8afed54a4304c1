# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Statements that write rows: how many they can meet at most. Pure."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.steady.deploy.plugins.plugin_utils.migrate_lint.known import Known
from ansible_collections.steady.deploy.plugins.plugin_utils.migrate_lint.verdict import Finding
from ansible_collections.steady.deploy.plugins.plugin_utils.migrate_lint.words import Sql, sqlglot, tree

VERBS = r"\(|WITH|SELECT|INSERT|REPLACE|UPDATE|DELETE|MERGE|VALUES|TABLE"
# A column that tells rows apart, by its name: equality with it meets few rows.
_KEY = re.compile(r"(.*_)?(id|uuid|guid|key|slug|code|email)", re.IGNORECASE)
# Functions that a migration may call without anybody wondering.
_HARMLESS = {
    "setval", "set_config", "nextval", "currval", "now", "version", "coalesce", "count", "max", "min", "pg_sleep", "concat", "greatest",
    "current_setting", "current_schema", "row_count", "found_rows", "last_insert_id", "database", "sleep", "get_lock", "release_lock",
    "pg_advisory_lock", "pg_advisory_unlock", "pg_advisory_xact_lock", "pg_try_advisory_lock", "pg_get_serial_sequence", "if", "exists",
}  # fmt: skip


def findings(sql: Sql, engine: str, known: Known) -> list[Finding]:
    """What a statement that reads or writes rows meets. Raises Unreadable."""
    exp = sqlglot.exp
    whole = tree(sql.text, engine)
    found = []
    for node in whole.find_all(exp.Update, exp.Delete):
        table = _name(node.this) or _name((node.args.get("tables") or [None])[0])
        where, limit = node.args.get("where"), node.args.get("limit")
        if limit is not None or (where is not None and _bounded(where.this)):
            continue
        found.append(Finding("wide-write" if where is not None else "unbounded-write", table))
    for node in whole.find_all(exp.Insert):
        if isinstance(node.expression, exp.Values):
            continue  # as many rows as the text has
        target = node.this.this if isinstance(node.this, exp.Schema) else node.this
        known.fill(_name(target))
    if isinstance(whole, exp.Select) and whole.args.get("from_") is None and whole.args.get("from") is None:
        strange = sorted({call.name for call in whole.find_all(exp.Anonymous) if call.name.lower() not in _HARMLESS})
        found += [Finding("opaque", "", f"It calls {name}().") for name in strange]
    return found


def _name(node: t.Any) -> str:
    if not isinstance(node, sqlglot.exp.Table):
        return ""
    return f"{node.db}.{node.name}" if node.db else node.name


def _bounded(condition: t.Any) -> bool:
    """Whether one of the conditions that hold together names its rows or a range of them."""
    exp = sqlglot.exp
    lower: set[str] = set()
    upper: set[str] = set()
    for part in condition.flatten() if isinstance(condition, exp.And) else [condition]:
        part = part.unnest()
        if isinstance(part, exp.And) and _bounded(part):
            return True
        column = part.this if isinstance(part, exp.Predicate) else None
        if not isinstance(column, exp.Column):
            continue
        if isinstance(part, exp.Between):
            return True
        if isinstance(part, exp.EQ) and _KEY.fullmatch(column.name) and not part.expression.find(exp.Column):
            return True
        if isinstance(part, exp.In):
            query = part.args.get("query")
            if query is not None and query.find(exp.Limit, exp.Fetch):
                return True
            if query is None and part.expressions and _KEY.fullmatch(column.name):
                return True
        if isinstance(part, (exp.GT, exp.GTE)):
            lower.add(column.name)
        if isinstance(part, (exp.LT, exp.LTE)):
            upper.add(column.name)
    return bool(lower & upper)
