"""The matrix as a page of the documentation."""

from __future__ import annotations

import json
import re
import typing as t
from dataclasses import asdict, dataclass

from hotel import ROOT, one_at_a_time

PAGE = ROOT / "docs/faults.md"
# What was measured before, so that the matrix can be run a part at a time.
KEPT = ROOT / ".lab/faults.json"
BEGIN, END = "<!-- written by make faults -->", "<!-- end of what make faults writes -->"


@dataclass(frozen=True)
class Row:
    """One fault as it went: what the user read, what to do, requests and failures, seconds until all was well again."""

    name: str
    title: str
    read: str
    do: str
    costs: str
    requests: int
    failed: int
    recovered: float


def keep(row: Row) -> None:
    """Remember a row."""
    with one_at_a_time():
        rows = {**_kept(), row.name: asdict(row)}
        KEPT.write_text(json.dumps(rows, indent=1))


def write(order: t.Sequence[str]) -> None:
    """Write all rows that are known into the page, in this order."""
    kept = _kept()
    rows = [Row(**kept[name]) for name in order if name in kept]
    text = PAGE.read_text(encoding="utf-8")
    before, _begin, rest = text.partition(BEGIN)
    _old, _end, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}\n\n{render(rows)}\n{END}{after}", encoding="utf-8")


def render(rows: t.Sequence[Row]) -> str:
    """The table, and for each fault what the user reads and does."""
    lines = ["| fault | requests | failed | recovered in s |", "| --- | ---: | ---: | ---: |"]
    lines += [f"| [{row.title}](#{_anchor(row.title)}) | {row.requests:,} | {row.failed} | {row.recovered:.0f} |" for row in rows]
    for row in rows:
        lines += ["", f"### {row.title}", ""]
        lines += [f"> {_tidy(row.read)}", ""] if row.read else ["The play succeeds.", ""]
        lines += [f"What fails: {row.costs}", ""] if row.costs else []
        lines += [row.do]
    return "\n".join(lines) + "\n"


def _anchor(title: str) -> str:
    return re.sub(r"[^a-z0-9 _-]", "", title.lower()).replace(" ", "-")


def _tidy(text: str) -> str:
    # Some faults are garbage, and are quoted.
    return re.sub(r"[^ -~…]+", "?", re.sub(r"\s+", " ", text)).replace("<", "&lt;").strip()


def _kept() -> dict[str, t.Any]:
    try:
        return dict(json.loads(KEPT.read_text()))
    except (FileNotFoundError, ValueError):
        return {}
