"""Shared by all suites: the collection's import path, and per directory the marker and the time limit."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LINK = ROOT / ".lab" / "ansible_collections" / "steady" / "deploy"

# Seconds after which a test of a suite has hung, by the directory under tests/.
TIME_LIMITS = {"integration": 300, "inputs": 300, "fuzz": 300, "e2e": 1800, "faults": 600, "bench": 3600}


# A failed assert in what the tests share says what it compared, as in the tests themselves.
pytest.register_assert_rewrite("e2e.community", "e2e.inside", "e2e.killer", "e2e.users", "faults.drill", "hotel")


def link_collection() -> None:
    """Put the checkout where Python and Ansible find it as ansible_collections.steady.deploy.

    Safe when several pytest processes start at once.
    """
    LINK.parent.mkdir(parents=True, exist_ok=True)
    target = os.path.relpath(ROOT, LINK.parent)
    if LINK.is_symlink() and os.readlink(LINK) == target:
        return
    fresh = LINK.with_name(f".deploy-{os.getpid()}")
    fresh.symlink_to(target)
    fresh.replace(LINK)


def pytest_configure() -> None:
    """Link before anything is collected, and let ansible commands that tests start find the collection."""
    link_collection()
    os.environ["ANSIBLE_COLLECTIONS_PATH"] = str(ROOT / ".lab")
    os.environ.setdefault("ANSIBLE_CONFIG", str(ROOT / "ansible.cfg"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test with its suite, and give the slow suites their time."""
    for item in items:
        try:
            suite = item.path.relative_to(ROOT / "tests").parts[0]
        except ValueError:
            continue
        if suite not in TIME_LIMITS:
            continue
        item.add_marker(getattr(pytest.mark, suite))
        if item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(TIME_LIMITS[suite]))
