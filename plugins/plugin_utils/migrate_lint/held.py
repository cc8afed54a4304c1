# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQL: what a statement does while its transaction holds the locks of those before it. Pure, but for what is known by now."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.migrate.spec import POSTGRESQL
from ansible_collections.steady.deploy.plugins.plugin_utils.migrate_lint.bounds import BATCH, source, table_name
from ansible_collections.steady.deploy.plugins.plugin_utils.migrate_lint.known import Known
from ansible_collections.steady.deploy.plugins.plugin_utils.migrate_lint.rules_postgresql import RULES
from ansible_collections.steady.deploy.plugins.plugin_utils.migrate_lint.verdict import WARN, Finding
from ansible_collections.steady.deploy.plugins.plugin_utils.migrate_lint.words import Sql, Unreadable, sqlglot, tree

BEGIN, END = r"BEGIN(?! NOT)|START TRANSACTION", r"COMMIT|END|ROLLBACK(?! TO| (?:WORK|TRANSACTION) TO)|ABORT"
# Rules whose statement keeps writers of its table out. Nobody waits for what is dropped; a parent is hardly locked for a new partition.
_STRONG = {rule.id for rule in RULES if re.match(r"(?:AccessExclusive|ShareRowExclusive|Share)Lock", rule.lock)} - {
    "drop-table", "drop-object", "attach-partition"
}  # fmt: skip
# Those that are a warning take long only where the database is in a state that nobody can see here.
_LONG = {rule.id for rule in RULES if rule.level != WARN and re.search(r" (?:scanned|rewritten|built|query runs)\b", rule.lock)}
# These lock the table with ShareUpdateExclusive only.
_WEAK = r"ALTER TABLE [^,]* (?:(?:SET|RESET) \( \)|CLUSTER ON [^,]*|SET WITHOUT CLUSTER|SET STATISTICS [^,]*)"
_READS = r"INSERT|WITH|UPDATE|DELETE|CREATE (?:(?:TEMP|TEMPORARY|UNLOGGED) )?TABLE"


def findings(sql: Sql, found: t.Sequence[Finding], known: Known) -> list[Finding]:
    """What the statement meets for the locks that are held by now. ``found`` is what it meets by itself."""
    if sql.flat.starts(BEGIN):
        known.held = known.held or {}
    elif sql.flat.starts(END):
        known.held = None
    before = dict(known.held or {})
    own = {_key(name): name for name in _locked(sql, found) if not known.new(name) and not known.small(name)}
    if known.held is not None:
        known.held.update(own)
    # VALIDATE beside others keeps users out as well, where the same ALTER TABLE does what takes a strong lock.
    whole = any(one.rule == "validate" and _key(one.table) in own for one in found)
    others = {**before, **own} if whole else {key: name for key, name in before.items() if key not in own}
    if not others:
        return []
    names = " and ".join(sorted(others.values()))
    slow = [one.table for one in found if one.rule in _LONG or sql.starts("REFRESH")]
    long = [name for name in dict.fromkeys([*slow, *_many(sql)]) if not known.small(name)]
    if long:
        return [Finding("held-lock", name, f"The lock is on {names}.") for name in long]
    return [Finding("second-lock", name, f"That is {names}.") for key, name in own.items() if key not in before]


def _locked(sql: Sql, found: t.Sequence[Finding]) -> t.Iterator[str]:
    """The tables that the statement keeps users out of, as far as it names them."""
    if not re.fullmatch(_WEAK, sql.flat.canon):
        yield from (one.table for one in found if one.table and one.rule in _STRONG)
    if sql.starts("ALTER TABLE") or sql.starts("CREATE TABLE"):
        # A foreign key locks the other table too, with ShareRowExclusive.
        for index, word in enumerate(sql.words):
            if word.canon == "REFERENCES":
                yield Sql(sql.words[index + 1 :]).name()


def _many(sql: Sql) -> list[str]:
    """The tables of which a statement surely goes through many rows, writing them or reading them into another table."""
    if not sql.starts(_READS):
        return []
    try:
        whole = tree(sql.text, POSTGRESQL)
    except Unreadable:
        return []
    exp = sqlglot.exp
    found = [node.this for node in whole.find_all(exp.Update, exp.Delete) if _unlimited(node)]
    for node in whole.find_all(exp.Insert, exp.Create):
        query = node.expression.unnest() if node.expression else None
        if isinstance(query, exp.Select) and _unlimited(query) and not query.args.get("joins"):
            found.append(source(query))
    return [table_name(one) for one in found if table_name(one)]


def _unlimited(node: t.Any) -> bool:
    """Whether nothing in it may narrow the rows down to a batch. What is not understood may: nobody knows to how many."""
    exp = sqlglot.exp
    if node.args.get("limit") is not None:
        return False
    where = node.args.get("where")
    condition = where.this.unnest() if where else None
    bounds: dict[str, list[int]] = {}
    for part in condition.flatten() if isinstance(condition, exp.And) else [condition] if condition else []:
        part = part.unnest()
        if isinstance(part.this.unnest() if isinstance(part, exp.Not) else part, (exp.Is, exp.NEQ)):
            continue
        if not isinstance(part, (exp.Between, exp.GT, exp.GTE, exp.LT, exp.LTE)):
            return False
        ends = [part.args["low"], part.args["high"]] if isinstance(part, exp.Between) else [part.expression]
        if not all(isinstance(end, exp.Literal) and end.is_int for end in ends):
            return False
        bounds.setdefault(part.this.sql(), []).extend(int(end.name) for end in ends)
    return all(max(ends) - min(ends) > BATCH for ends in bounds.values())


def _key(table: str) -> str:
    return table.casefold().rpartition(".")[2]
