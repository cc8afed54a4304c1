# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each adapter against what its tool really printed: recorded by tools in the versions that the fixtures' names say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import MigrateError
from ansible_collections.steady.deploy.plugins.module_utils.core.runner import Completed
from ansible_collections.steady.deploy.plugins.module_utils.migrate.spec import CONTRACT, EXPAND, MARIADB, POSTGRESQL, UNKNOWN, Outcome
from ansible_collections.steady.deploy.plugins.module_utils.migrate.tools import adapter_of

FIXTURES = Path(__file__).parent / "fixtures"
RAN, PART = "nothing: it ran in a transaction", "possibly a part of it: MariaDB commits each DDL statement by itself"
LARAVEL = (
    "2026_01_01_000000_create_rooms",
    "2026_01_02_000000_add_nights",
    "2026_01_03_000000_contract_drop_nights",
    "2026_01_04_000000_broken",
)
FILES = ("001_create_rooms.sql", "002_add_nights.sql", "003_contract_drop_nights.sql", "004_broken.sql")
NOT_THERE = 'relation "nowhere" does not exist'


class Recorded:
    """A tool that answers as another did, and wants to be asked in the same order. It may be asked for less."""

    def __init__(self, answers: list[dict]) -> None:
        self.answers = list(answers)

    def run(self, argv, *, stdin=None, timeout=None, env=None) -> Completed:
        while self.answers:
            answer = self.answers.pop(0)
            if (list(argv), stdin) == (answer["argv"], answer["stdin"]):
                return Completed(tuple(argv), answer["rc"], answer["stdout"], answer["stderr"])
        raise AssertionError(f"nobody asked {list(argv)} here when it was recorded")


class Case:
    """A tool as it was recorded. ``dropped`` is the SQL of its third migration, ``opaque`` what hides some of the broken one's."""

    def __init__(self, name, tool, engine, ids, dropped, reason, opaque="", gone=True, settings=None) -> None:
        self.name, self.ids, self.broken = name, tuple(ids[:3]), ids[3]
        self.dropped, self.reason, self.opaque, self.gone = dropped, reason, opaque, gone
        self.left = RAN if engine == POSTGRESQL else PART
        self.anew = lambda: adapter_of(tool, settings or {}, engine)
        self._scenes = json.loads((FIXTURES / f"{name}.json").read_text())

    def scene(self, name: str) -> Recorded:
        return Recorded(self._scenes[name])


CASES = [
    Case(
        "artisan-10.48-mariadb",
        "artisan",
        MARIADB,
        LARAVEL,
        "alter table `rooms` drop `nights`",
        "SQLSTATE[42S02]: Base table or view not found: 1146 Table 'rooms.nowhere' doesn't exist",
        gone=False,
    ),
    Case(
        "artisan-10.48-postgresql",
        "artisan",
        POSTGRESQL,
        LARAVEL,
        'alter table "rooms" drop column "nights"',
        f"SQLSTATE[42P01]: Undefined table: 7 ERROR: {NOT_THERE}",
        gone=False,
    ),
    Case(
        "alembic-1.13-postgresql",
        "alembic",
        POSTGRESQL,
        ("1a01", "2b02", "3c03", "4d04"),
        "-- Running upgrade 2b02 -> 3c03\n\nALTER TABLE rooms DROP COLUMN nights",
        f"sqlalchemy.exc.ProgrammingError: (psycopg2.errors.UndefinedTable) {NOT_THERE}",
        "alembic can't write its SQL without running it: AttributeError: 'NoneType' object has no attribute 'scalar'",
        settings={"command": "python3 -m alembic"},
    ),
    Case(
        "django-4.2-postgresql",
        "django",
        POSTGRESQL,
        ("rooms.0001_initial", "rooms.0002_nights", "rooms.0003_contract_nights", "rooms.0004_broken"),
        '--\n-- Remove field nights from Room\n--\nALTER TABLE "rooms_room" DROP COLUMN "nights" CASCADE',
        f"django.db.utils.ProgrammingError: {NOT_THERE}",
        "it runs Python too, and what SQL that sends is known only when it runs",
    ),
    Case("psql-17", "sql", POSTGRESQL, FILES, "ALTER TABLE rooms DROP COLUMN nights", f"ERROR: 42P01: {NOT_THERE}"),
    Case(
        "mariadb-11.8",
        "sql",
        MARIADB,
        FILES,
        "ALTER TABLE rooms DROP COLUMN nights",
        "ERROR 1146 (42S02) at line 4: Table 'rooms.nowhere' doesn't exist",
        settings={"command": ["mariadb", "--host=127.0.0.1", "--user=rooms", "rooms"]},
    ),
    Case(
        "rails-7.2-postgresql",
        "rails",
        POSTGRESQL,
        ("20260101000000", "20260102000000", "20260103000000", "20260104000000"),
        None,
        f"PG::UndefinedTable: ERROR: {NOT_THERE} (PG::UndefinedTable)",
        "Rails has no dry run: its SQL is known only when it runs",
    ),
]


@pytest.fixture(params=CASES, ids=lambda case: case.name)
def case(request):
    request.param.adapter = request.param.anew()
    return request.param


def test_an_empty_database_lacks_all_and_the_phases_are_told(case):
    tool = case.scene("empty")
    found = case.adapter.pending(tool)
    assert (found.known, found.pending, found.drift) == (case.ids, case.ids, ())
    migrations = case.adapter.migrations(tool, case.ids)
    assert [(each.id, each.phase) for each in migrations] == list(zip(case.ids, (UNKNOWN, EXPAND, CONTRACT), strict=True))
    assert all("steady: expand" in each.why for each in migrations[1:2])
    assert all(each.opaque for each in migrations if each.statements is None)


def test_what_is_pending_is_asked_for_once(case):
    tool = case.scene("list")
    asked = []
    answers = tool.run
    tool.run = lambda argv, **how: asked.append((list(argv), how.get("stdin"))) or answers(argv, **how)
    case.adapter.migrations(tool, case.adapter.pending(tool).pending)
    assert asked.count(asked[0]) == 1


def test_some_are_applied_and_the_rest_has_its_sql(case):
    assert case.adapter.apply(case.scene("apply"), case.ids[:2]) == Outcome(case.ids[:2])
    tool = case.scene("list")
    found = case.adapter.pending(tool)
    assert (found.known, found.pending, found.drift) == (case.ids, case.ids[2:], ())
    (last,) = case.adapter.migrations(tool, case.ids[2:])
    assert last.statements == (None if case.dropped is None else (case.dropped,))


def test_what_a_dry_run_can_not_tell(case):
    (broken,) = case.adapter.migrations(case.scene("broken_sql"), [case.broken])
    assert broken.opaque == case.opaque
    assert (broken.statements is None) == (not broken.statements)


def test_one_fails_midway(case):
    outcome = case.adapter.apply(case.scene("failed"), [case.ids[2], case.broken])
    assert outcome == Outcome((case.ids[2],), case.broken, case.reason, case.left)


def test_the_database_is_down_or_refuses(case):
    with pytest.raises(MigrateError, match=r"can't reach the database: .*(refused|Can't connect)"):
        case.adapter.pending(case.scene("down"))
    with pytest.raises(MigrateError, match=r"is refused by the database: .*(Access denied|authentication failed)"):
        case.adapter.pending(case.scene("refused"))


def test_nothing_is_pending(case):
    found = case.adapter.pending(case.scene("nothing"))
    assert (found.known, found.pending, found.drift) == (case.ids, (), ())


def test_the_code_lacks_one_that_is_applied(case):
    found = case.adapter.pending(case.scene("gone"))
    assert (found.known, found.pending, len(found.drift)) == (case.ids[:2], (), 1 if case.gone else 0)
    assert all(case.ids[2] in sentence for sentence in found.drift)
