"""Invalid indexes: who says CONCURRENTLY, what is told of what is left, and which migration would take it for made."""

from __future__ import annotations

import pytest

from ansible_collections.steady.deploy.plugins.module_utils.migrate.indexes import dropped, is_concurrent, remedies, taken_for_made
from ansible_collections.steady.deploy.plugins.module_utils.migrate.spec import Migration

LEFT = (("names", "guests"), ("app.Mixed", 'app."Table"'))


@pytest.mark.parametrize(
    ("statement", "concurrent"),
    [
        ("CREATE INDEX CONCURRENTLY i ON t (a)", True),
        ("-- beside users\ncreate unique index\n  concurrently i on t (a)", True),
        ("-- nothing runs concurrently here\nCREATE INDEX i ON t (a)", False),
        ("CREATE INDEX i ON t (a) -- not CONCURRENTLY", False),
        ("ALTER TABLE concurrently_read ADD a int", False),
    ],
)
def test_a_statement_says_that_it_works_beside_others(statement, concurrent):
    assert is_concurrent(statement) == concurrent


def test_what_is_left_is_told_with_what_drops_it():
    assert remedies(LEFT)[0] == 'index names of table guests is invalid: DROP INDEX CONCURRENTLY "names", and create it again'
    assert dropped("app.Mixed") == 'DROP INDEX CONCURRENTLY "app"."Mixed"'


@pytest.mark.parametrize(
    ("statements", "index"),
    [
        (["CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS names ON guests (name)"], "names"),
        (["ALTER TABLE x ADD a int", "create index concurrently NAMES on guests (name)"], "names"),
        (['CREATE INDEX IF NOT EXISTS "Mixed" ON app."Table" (a)'], "app.Mixed"),
        (["CREATE INDEX CONCURRENTLY mixed ON app.t (a)"], None),
        (["CREATE INDEX CONCURRENTLY names_too ON guests (name)", "CREATE INDEX ON guests (name)"], None),
        # What sees to it first.
        (["DROP INDEX CONCURRENTLY IF EXISTS names", "CREATE UNIQUE INDEX CONCURRENTLY names ON guests (name)"], None),
        (["REINDEX INDEX CONCURRENTLY names", "CREATE INDEX CONCURRENTLY IF NOT EXISTS names ON guests (name)"], None),
        (["DROP TABLE guests", "CREATE TABLE guests (name text)", "CREATE INDEX names ON guests (name)"], None),
        (["ALTER TABLE guests ADD a int", "CREATE INDEX CONCURRENTLY IF NOT EXISTS names ON guests (name)"], "names"),
    ],
)
def test_a_migration_would_take_what_is_left_for_made(statements, index):
    found = taken_for_made([Migration("m", statements=None), Migration("n", statements=tuple(statements))], LEFT)
    assert (found and found[1][0]) == index
    assert found is None or found[0] == "n"
    # Also where another migration before it sees to it.
    apart = [Migration(str(number), statements=(one,)) for number, one in enumerate(statements)]
    assert (taken_for_made(apart, LEFT) or ("", (None,)))[1][0] == index
