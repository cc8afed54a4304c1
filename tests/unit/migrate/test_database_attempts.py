"""Trying again after a lock timeout."""

from __future__ import annotations

import random

import pytest

from ansible_collections.steady.deploy.plugins.module_utils.migrate.database.attempts import delays, is_lock_timeout

TIMEOUTS = [
    "ERROR:  canceling statement due to lock timeout",
    "sqlalchemy.exc.OperationalError: (psycopg.errors.LockNotAvailable) canceling statement due to lock timeout",
    "SQLSTATE[55P03]: Lock not available: 7 ERROR:  canceling statement due to lock timeout",
    "SQLSTATE[HY000]: General error: 1205 Lock wait timeout exceeded; try restarting transaction",
    "error: Sperre nicht verfügbar { severity: 'FEHLER', code: '55P03' }",
    "ERROR 1205 (HY000) at line 1: Lock wait timeout exceeded; try restarting transaction",
]
CANCELLED = [
    "ERROR:  canceling statement due to user request",
    "django.db.utils.OperationalError: (1317, 'Query execution was interrupted')",
    "SQLSTATE[70100]: <<Unknown error>>: 1317 Query execution was interrupted",
    "FATAL:  terminating connection due to administrator command",
]


@pytest.mark.parametrize("text", TIMEOUTS)
def test_a_lock_timeout(text):
    assert is_lock_timeout(f"Traceback\n{text}\nmore")


@pytest.mark.parametrize("text", CANCELLED)
def test_what_the_guard_has_ended(text):
    assert is_lock_timeout(text, cancelled=True)
    assert not is_lock_timeout(text)


@pytest.mark.parametrize("text", ["", "ERROR:  canceling statement due to statement timeout", "1205 rows", "syntax error at or near 1317"])
def test_another_failure(text):
    assert not is_lock_timeout(text, cancelled=True)


def test_delays_grow_and_differ_and_end():
    assert list(delays(1, 2.0, random.Random(1))) == []
    found = list(delays(8, 2.0, random.Random(1)))
    assert len(found) == 7
    for number, delay in enumerate(found):
        assert 0.5 <= delay / min(2.0 * 2**number, 30.0) <= 1.5
    assert found != list(delays(8, 2.0, random.Random(2)))
