# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The linter's corpus, for the test that judges it and for the one that shows it true on real servers."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from ansible_collections.steady.deploy.plugins.module_utils.migrate.spec import EXPAND
from ansible_collections.steady.deploy.plugins.plugin_utils.migrate_lint.verdict import Column, TableFacts

CORPUS = Path(__file__).resolve().parents[2] / "unit/migrate/corpus"


@dataclass(frozen=True)
class Case:
    """One case of the corpus; its first lines say what the keys mean."""

    sql: tuple[str, ...]
    big: dict[str, str]
    empty: dict[str, str]
    phase: str
    before: tuple[str, ...] = ()
    breaks: str = ""
    alone: bool = False
    not_shown: str = ""
    shows: dict[str, t.Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.sql[-1][:60]


@dataclass(frozen=True)
class Corpus:
    """All cases of a database, the schema that they work on, and the facts of its tables."""

    cases: tuple[Case, ...]
    schema: str
    columns: dict[str, Column]

    def facts(self, rows: int) -> dict[str, TableFacts]:
        names = ("t", "p", "parts", "parts_1", "parts_2", "mv", "holder")
        return {name: TableFacts(rows, 0, self.columns if name == "t" else {}) for name in names}


def corpus(engine: str) -> Corpus:
    raw = yaml.safe_load((CORPUS / f"{engine}.yml").read_text())
    columns = {name: _column(text) for name, text in raw["columns"].items()}
    return Corpus(tuple(_case(one) for one in raw["cases"]), raw["schema"], columns)


def _case(raw: dict[str, t.Any]) -> Case:
    shows = raw.pop("shows", {})
    sql, before = (tuple([one] if isinstance(one, str) else one) for one in (raw.pop("sql"), raw.pop("before", ())))
    return Case(sql=sql, before=before, empty=raw.pop("empty", raw["big"]), phase=raw.pop("phase", EXPAND), shows=shows, **raw)


def _column(text: str) -> Column:
    """``int not null default``: a type, and what else is true of the column."""
    kind = text.removesuffix(" default")
    return Column(kind.removesuffix(" not null"), not kind.endswith(" not null"), text.endswith(" default"))
