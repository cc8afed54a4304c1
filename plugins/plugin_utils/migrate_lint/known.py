# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known of the database while its migrations are read one after the other. Touches nothing outside."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ansible_collections.steady.deploy.plugins.plugin_utils.migrate_lint.verdict import Column, TableFacts


class Known:
    """The tables' facts, and what the statements read so far change about them."""

    def __init__(self, tables: t.Mapping[str, TableFacts], small_rows: int) -> None:
        self._tables = {name.casefold(): facts for name, facts in tables.items()}
        self._small_rows = small_rows
        self._columns: dict[tuple[str, str], Column] = {}
        self._added: set[tuple[str, str]] = set()
        self._empty: set[str] = set()
        self._made: set[str] = set()
        self._proofs: dict[tuple[str, str], str] = {}
        # Whether the statement stands between BEGIN and COMMIT, whether foreign keys are verified, whether a DDL came before.
        self.in_transaction = False
        self.verifies_keys = True
        self.ddl = 0
        # The tables that users wait for until the transaction ends, by key and as they were written; None outside of one.
        self.held: dict[str, str] | None = {}
        # Types of these migrations that are no domains.
        self.plain_types: set[str] = set()

    def begin(self, inside: bool = True) -> None:
        """Another migration begins: its session is a new one. ``inside``: it begins in a transaction."""
        self.in_transaction, self.verifies_keys, self.ddl = False, True, 0
        self.held = {} if inside else None

    def create(self, table: str, beside: bool = False) -> None:
        """A table is created; ``beside``: it may also be that one of this name is there, and stays."""
        if beside and self._facts(table) is not None:
            return
        self._empty.add(table.casefold())
        if table.casefold() not in self._tables:
            self._made.add(table.casefold())

    def fill(self, table: str) -> None:
        """Rows come into a table, nobody knows how many."""
        self._empty.discard(table.casefold())

    def new(self, table: str) -> bool:
        """Whether these migrations make the table, so that no running code knows it."""
        return table.casefold() in self._made

    def small(self, table: str) -> str:
        """Why the size of the table is no worry, or nothing."""
        if table.casefold() in self._empty:
            return "The table is created by these migrations and still empty."
        facts = self._facts(table)
        if facts is None or not 0 <= facts.rows <= self._small_rows:
            return ""
        return f"The table has about {facts.rows} {'row' if facts.rows == 1 else 'rows'}."

    def column(self, table: str, name: str) -> Column | None:
        """The column as it is by now, or None where nobody said."""
        changed = self._columns.get((table.casefold(), name.casefold()))
        if changed:
            return changed
        facts = self._facts(table)
        columns = {known.casefold(): column for known, column in facts.columns.items()} if facts else {}
        return columns.get(name.casefold())

    def add(self, table: str, name: str, column: Column) -> None:
        """A column is added."""
        self._added.add((table.casefold(), name.casefold()))
        self._columns[(table.casefold(), name.casefold())] = column

    def without_default(self, table: str, name: str) -> str:
        """The rule that losing the column's default meets. The column may have come with these migrations, for old rows' sake."""
        now = self.column(table, name)
        if now is None or not self.added(table, name):
            return "drop-default"
        return "brief-lock" if now.null else "required-value"

    def added(self, table: str, name: str) -> bool:
        """Whether these migrations add the column, so that no running code writes to it by its name."""
        return (table.casefold(), name.casefold()) in self._added

    def change(self, table: str, name: str, **changes: t.Any) -> None:
        """A column is changed. A change of what is not known stays unknown, unless its ``type`` is told."""
        old = self.column(table, name)
        if old is None and "type" not in changes:
            return
        self._columns[(table.casefold(), name.casefold())] = replace(old or Column(""), **changes)

    def promise(self, table: str, constraint: str, column: str) -> None:
        """A CHECK that is not validated yet keeps NULL out of a column."""
        self._proofs[(table.casefold(), constraint.casefold())] = column

    def validate(self, table: str, constraint: str) -> None:
        """A CHECK is validated: what it says holds for all rows."""
        column = self._proofs.get((table.casefold(), constraint.casefold()))
        if column:
            self._columns[(table.casefold(), column.casefold())] = replace(self.column(table, column) or Column(""), null=False)

    def _facts(self, table: str) -> TableFacts | None:
        name = table.casefold()
        # Without its schema: which one that is when none is named is the session's business.
        facts = self._tables.get(name) or self._tables.get(name.rpartition(".")[2])
        # Of several in schemas that are not searched any may be meant: the largest, and what nobody has counted before all.
        others = (facts for known, facts in self._tables.items() if known.endswith(f".{name}"))
        return facts or max(others, key=lambda one: (one.rows < 0, one.rows), default=None)
