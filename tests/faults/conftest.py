"""The managed host of the fault matrix, with the hotel on it."""

from __future__ import annotations

import os
import typing as t

import pytest
from e2e.conftest import host, own, provision, unseen
from faults.matrix import MATRIX
from faults.report import write
from hotel import Host

FULL = bool(os.environ.get("STEADY_FULL"))

__all__ = ["host", "provisioned", "unseen"]


@pytest.fixture(scope="session")
def provisioned() -> t.Iterator[Host]:
    """The host, provisioned and with some release of the hotel served. It stays for the next run, but not in CI."""
    yield from provision(own("steady-faults", 2218, 8098))


@pytest.fixture(scope="session", autouse=True)
def page() -> t.Iterator[None]:
    """A full run writes the page of the documentation; of processes side by side the last to end has all rows."""
    yield
    if FULL:
        write([fault.name for fault in MATRIX])
