# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many rows a condition or a query can meet at most. Pure."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.steady.deploy.plugins.plugin_utils.migrate_lint.known import Known
from ansible_collections.steady.deploy.plugins.plugin_utils.migrate_lint.words import sqlglot

# So many rows are a batch, as the safe way of unbounded-write has it.
BATCH = 10_000
# Columns that tell rows apart in whatever table they are. A tenant_id or a status_code is shared by many.
_KEYS = ("id", "uuid", "ctid")


@dataclass(frozen=True)
class Target:
    """The table whose rows are met, what the statement calls it, and what is known of it."""

    known: Known
    table: str
    called: frozenset[str]

    def key(self, column: t.Any) -> bool:
        """Whether no two rows have the same value in this column."""
        there = self.known.column(self.table, column.name) if self.table else None
        return column.name.lower() in _KEYS or (there is not None and there.unique)

    def own(self, column: t.Any) -> bool:
        """Whether the column is one of this table, as far as its name says."""
        return not column.table or column.table.lower() in self.called


def table_name(node: t.Any) -> str:
    """The name of a table, with its schema where that is said; nothing for what is no table."""
    if not isinstance(node, sqlglot.exp.Table):
        return ""
    return f"{node.db}.{node.name}" if node.db else node.name


def source(query: t.Any) -> t.Any:
    """What a SELECT reads first, or None where it reads nothing."""
    # The argument's name differs by sqlglot's version.
    begins = query.args.get("from_") or query.args.get("from")
    return begins.this if begins is not None else None


def target(node: t.Any, known: Known, chosen: t.Sequence[t.Any] = ()) -> Target:
    """The table that a statement names, and ``chosen`` where it names several and writes these only."""
    called = [one.name for one in chosen] or ([node.name, node.alias] if isinstance(node, sqlglot.exp.Table) else [])
    return Target(known, table_name(node), frozenset(one.lower() for one in called if one))


def limited(node: t.Any) -> bool:
    """Whether its LIMIT or FETCH is one of a batch."""
    limit = node.args.get("limit")
    number = limit and (limit.args.get("count") if isinstance(limit, sqlglot.exp.Fetch) else limit.expression)
    value = _number(number)
    return _given(number) if value is None else value <= BATCH


def few(query: t.Any, known: Known) -> bool:
    """Whether a query gives the rows of a batch at most."""
    exp = sqlglot.exp
    if isinstance(query, exp.Values) or limited(query):
        return True
    if isinstance(query, exp.Subquery):
        return few(query.this, known)
    if isinstance(query, exp.SetOperation):
        return few(query.left, known) and few(query.right, known)
    if not isinstance(query, exp.Select):
        return False
    first, where = source(query), query.args.get("where")
    if first is None or (where is not None and bounded(where.this, target(first, known))):
        return True
    return isinstance(first, exp.Subquery) and not query.args.get("joins") and few(first, known)


def bounded(condition: t.Any, of: Target) -> bool:
    """Whether one of the conditions that hold together names the rows of a table, or a range of its key that is a batch."""
    exp = sqlglot.exp
    lower: dict[str, list[t.Any]] = {}
    upper: dict[str, list[t.Any]] = {}
    keys = set()
    for part in condition.flatten() if isinstance(condition, exp.And) else [condition]:
        part = part.unnest()
        if isinstance(part, exp.And) and bounded(part, of):
            return True
        column = part.this if isinstance(part, exp.Predicate) else None
        if not isinstance(column, exp.Column):
            continue
        if of.key(column):
            keys.add(column.name)
            if of.own(column) and _named(part, of.known):
                return True
        if isinstance(part, (exp.GT, exp.GTE, exp.Between)):
            lower.setdefault(column.name, []).append(part.args.get("low") or part.expression)
        if isinstance(part, (exp.LT, exp.LTE, exp.Between)):
            upper.setdefault(column.name, []).append(part.args.get("high") or part.expression)
    return any(_near(low, high, column in keys) for column in lower for low in lower[column] for high in upper.get(column, ()))


def _named(part: t.Any, known: Known) -> bool:
    """Whether a condition on a key has its values in the text, or gets those of a batch."""
    exp = sqlglot.exp
    if isinstance(part, exp.In):
        query = part.args.get("query")
        return bool(part.expressions) if query is None else few(query, known)
    if not isinstance(part, exp.EQ):
        return False
    query = part.expression.find(exp.Select)
    return few(query, known) if query is not None else part.expression.find(exp.Column) is None


def _near(low: t.Any, high: t.Any, key: bool) -> bool:
    """Whether a range is one of a batch. What is filled in when it runs is taken for that: nobody writes a loop to do all at once."""
    first, last = _number(low), _number(high)
    if first is not None and last is not None:
        return key and last - first <= BATCH
    return (first is not None or _given(low)) and (last is not None or _given(high))


def _number(node: t.Any) -> float | None:
    if isinstance(node, sqlglot.exp.Cast):
        return _number(node.this)
    if isinstance(node, sqlglot.exp.Neg):
        value = _number(node.this)
        return None if value is None else -value
    try:
        return float(node.name) if isinstance(node, sqlglot.exp.Literal) else None
    except ValueError:
        return None


def _given(node: t.Any) -> bool:
    exp = sqlglot.exp
    return node is not None and node.find(exp.Placeholder, exp.Parameter, exp.SessionParameter) is not None
