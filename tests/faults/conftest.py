"""The managed host of the fault matrix, the one of the end-to-end tests, and the page that a full run writes."""

from __future__ import annotations

import typing as t

import pytest
from e2e.conftest import host, provisioned, unseen
from faults.matrix import MATRIX
from faults.report import write
from full import FULL

__all__ = ["host", "provisioned", "unseen"]


@pytest.fixture(scope="session", autouse=True)
def page() -> t.Iterator[None]:
    """A full run writes the page of the documentation; of processes side by side the last to end has all rows."""
    yield
    if FULL:
        write([fault.name for fault in MATRIX])
