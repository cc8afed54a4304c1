# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many rows a table has where the server has no estimate."""

from __future__ import annotations

import re

import pytest
from unit.migrate.database_fakes import FakeSession, denied

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import MigrateError
from ansible_collections.steady.deploy.plugins.module_utils.migrate.database import facts
from ansible_collections.steady.deploy.plugins.module_utils.migrate.database.explain import failure
from ansible_collections.steady.deploy.plugins.module_utils.migrate.spec import ENGINES


def rows(engine: str, small: int, there: int) -> int:
    """What becomes of a table without an estimate in which so many rows are."""

    def count(sql: str) -> list[list[str]]:
        limit = re.search(r"LIMIT (\d+)\)", sql)
        assert limit is not None
        return [[str(min(there, int(limit[1])))]]

    session = FakeSession({"count(*)": count, "FROM pg_attribute": [], ".columns": [], "FROM": [["", "t", "-1", "8192"]]})
    return facts.tables(session, engine, small)["t"].rows


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("small", "there", "known"),
    [(10, 0, 0), (10, 10, 10), (10, 11, -1), (30_000, 20_000, 20_000), (10**12, 1_000_000, 1_000_000), (10**12, 1_000_001, -1)],
)
def test_it_is_known_as_far_as_it_was_counted(engine, small, there, known):
    assert rows(engine, small, there) == known


def test_one_that_somebody_locks_is_not_known():
    answers = {".columns": [], "information_schema.tables": [["", "t", "-1", "8192"]]}
    assert (
        facts.tables(FakeSession({"count(*)": failure("it", "Lock wait timeout exceeded", "1205"), **answers}), "mariadb", 10)["t"].rows
        == -1
    )
    # A copy that another run has asked the server about, for instance.
    assert facts.tables(FakeSession({"count(*)": denied("1146"), **answers}), "mariadb", 10) == {}
    with pytest.raises(MigrateError, match="denied"):
        facts.tables(FakeSession({"count(*)": denied("1142"), **answers}), "mariadb", 10)
