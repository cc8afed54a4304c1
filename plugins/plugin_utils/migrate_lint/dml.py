# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Statements that write rows: how many they can meet at most. Pure."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.migrate.spec import MARIADB, POSTGRESQL
from ansible_collections.steady.deploy.plugins.plugin_utils.migrate_lint.bounds import bounded, few, limited, table_name, target
from ansible_collections.steady.deploy.plugins.plugin_utils.migrate_lint.calls import strange
from ansible_collections.steady.deploy.plugins.plugin_utils.migrate_lint.known import Known
from ansible_collections.steady.deploy.plugins.plugin_utils.migrate_lint.verdict import Finding
from ansible_collections.steady.deploy.plugins.plugin_utils.migrate_lint.words import Sql, sqlglot, tree

VERBS = r"\(|WITH|SELECT|INSERT|REPLACE|UPDATE|DELETE|MERGE|VALUES|TABLE"
# MariaDB's REPLACE is an INSERT that writes the rows that are there as well. sqlglot can't read it.
_REPLACE = re.compile(r"REPLACE(\s+(LOW_PRIORITY|DELAYED))?(\s+INTO)?\b", re.IGNORECASE)
# What MariaDB makes up: nobody waits for rows of it.
_MADE_UP = re.compile(r"seq_\d+_to_\d+(_step_\d+)?|dual|information_schema\..*", re.IGNORECASE)


def findings(sql: Sql, engine: str, known: Known) -> list[Finding]:
    """What a statement that reads or writes rows meets. Raises Unreadable."""
    exp = sqlglot.exp
    replaces = engine != POSTGRESQL and sql.starts("REPLACE") is not None
    whole = tree(_REPLACE.sub("INSERT INTO", sql.text, count=1) if replaces else sql.text, engine)
    found = []
    for node in whole.find_all(exp.Update, exp.Delete, exp.Insert, exp.Merge):
        if isinstance(node, exp.Merge):
            found += _merge(node, known)
        elif node.find_ancestor(exp.When):
            continue  # a part of MERGE
        elif isinstance(node, exp.Insert):
            found += _insert(node, whole, engine, known, replaces)
        else:
            found += _write(node, known)
    if isinstance(whole, exp.Query):
        found += [Finding("opaque", "", f"It calls {call}().") for call in strange(whole)]
    return found


def copied(sql: Sql, known: Known) -> list[Finding]:
    """What a CREATE TABLE of MariaDB that has a SELECT meets. Raises Unreadable."""
    whole = tree(sql.text, MARIADB)
    return [] if few(whole.expression, known) else _locked(whole.expression, whole, "")


def _write(node: t.Any, known: Known) -> list[Finding]:
    chosen = node.args.get("tables") or ()
    where = node.args.get("where")
    if limited(node) or (where is not None and bounded(where.this, target(node.this, known, chosen))):
        return []
    said = where is not None or node.args.get("limit") is not None
    return [Finding("wide-write" if said else "unbounded-write", table_name(node.this) or table_name(chosen[0] if chosen else None))]


def _merge(node: t.Any, known: Known) -> list[Finding]:
    known.fill(table_name(node.this))
    whens = [
        one for one in node.args["whens"].expressions if isinstance(one.args["then"], sqlglot.exp.Update) or one.text("then") == "DELETE"
    ]
    beyond = any(one.args.get("source") for one in whens)
    if not whens or (few(node.args["using"], known) and not beyond):
        return []
    return [Finding("wide-write", table_name(node.this))]


def _insert(node: t.Any, whole: t.Any, engine: str, known: Known, replaces: bool) -> list[Finding]:
    exp = sqlglot.exp
    query = node.expression
    if query is None or isinstance(query, exp.Values):
        return []  # as many rows as the text has
    into = table_name(node.this.this if isinstance(node.this, exp.Schema) else node.this)
    known.fill(into)
    if few(query, known):
        return []
    found = []
    conflict = node.args.get("conflict")
    if (replaces or (conflict is not None and "UPDATE" in conflict.text("action"))) and not known.new(into):
        found.append(Finding("wide-write", into, "It writes rows that are there as well."))
    return found if engine == POSTGRESQL else found + _locked(query, whole, into)


def _locked(query: t.Any, whole: t.Any, into: str) -> list[Finding]:
    """MariaDB locks what is read for rows that are written."""
    parts = {one.alias for one in whole.find_all(sqlglot.exp.CTE)}
    read = dict.fromkeys(table_name(one) for one in query.find_all(sqlglot.exp.Table))
    return [
        Finding("wide-write", one, "It locks the rows that it reads.")
        for one in read
        if one not in parts and one != into and not _MADE_UP.fullmatch(one)
    ]
