"""All faults, in the order of the page."""

from __future__ import annotations

from faults import rows_edge, rows_host, rows_kill, rows_release, rows_run

MATRIX = (*rows_kill.ROWS, *rows_run.ROWS, *rows_host.ROWS, *rows_edge.ROWS, *rows_release.ROWS)
