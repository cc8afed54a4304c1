"""The page of the fault matrix, and the matrix itself as data."""

from __future__ import annotations

import pytest
from faults import report
from faults.matrix import MATRIX


@pytest.fixture
def page(tmp_path, monkeypatch):
    path = tmp_path / "faults.md"
    path.write_text(f"before\n\n{report.BEGIN}\nold\n{report.END}\n\nafter\n")
    monkeypatch.setattr(report, "PAGE", path)
    monkeypatch.setattr(report, "KEPT", tmp_path / "faults.json")
    return path


def row(name: str, **changes) -> report.Row:
    return report.Row(**{"name": name, "title": f"The {name}, `gone`", "read": "", "do": "Wait.", "costs": "", **changes})


def test_rows_are_written_between_the_markers_in_the_order_of_the_matrix(page):
    report.keep(row("second", requests=1200, failed=3, recovered=7.6, read="it\n is <gone>", costs="what was on its way"))
    report.keep(row("first", requests=900, failed=0, recovered=1.0))
    report.write(["first", "second", "third"])
    assert page.read_text() == (
        f"before\n\n{report.BEGIN}\n\n"
        "| fault | requests | failed | recovered in s |\n| --- | ---: | ---: | ---: |\n"
        "| [The first, `gone`](#the-first-gone) | 900 | 0 | 1 |\n"
        "| [The second, `gone`](#the-second-gone) | 1,200 | 3 | 8 |\n\n"
        "### The first, `gone`\n\nThe play succeeds.\n\nWait.\n\n"
        "### The second, `gone`\n\n> it is &lt;gone>\n\nWhat fails: what was on its way\n\nWait.\n\n"
        f"{report.END}\n\nafter\n"
    )


def test_a_row_that_is_run_again_replaces_the_former(page):
    for failed in (5, 0):
        report.keep(row("first", requests=1, failed=failed, recovered=1.0))
    report.write(["first"])
    assert page.read_text().count("The first") == 2 and "| 5 |" not in page.read_text()


def test_each_fault_has_a_name_and_a_title_of_its_own_and_says_what_to_do():
    assert len({fault.name for fault in MATRIX}) == len({fault.title for fault in MATRIX}) == len(MATRIX)
    assert all(fault.do.endswith(".") and fault.plays for fault in MATRIX)


def test_the_sample_is_small():
    assert 1 <= sum(fault.usual for fault in MATRIX) <= 6
