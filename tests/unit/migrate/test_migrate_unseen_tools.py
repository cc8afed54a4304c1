# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Phinx and Prisma, which are in no Debian: against answers written after what their code prints (Phinx 0.16, Prisma 7.10)."""

from __future__ import annotations

import json

import pytest

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import MigrateError
from ansible_collections.steady.deploy.plugins.module_utils.core.runner import Completed
from ansible_collections.steady.deploy.plugins.module_utils.migrate.spec import CONTRACT, MARIADB, POSTGRESQL, UNKNOWN, Outcome, Pending
from ansible_collections.steady.deploy.plugins.module_utils.migrate.tools import adapter_of


class Told:
    """A tool that gives these answers in turn: (rc, stdout) or (rc, stdout, stderr)."""

    def __init__(self, *answers: tuple) -> None:
        self._answers = list(answers)
        self.asked: list[list[str]] = []

    def run(self, argv, *, stdin=None, timeout=None, env=None) -> Completed:
        self.asked.append(list(argv))
        rc, out, *err = self._answers.pop(0)
        return Completed(tuple(argv), rc, out, "".join(err))


A, B, C = "20260101000000", "20260102000000", "20260103000000"
FILES = f"{A}_create_rooms.php\n{B}_add_nights.php\n{C}_contract_drop_nights.php\nREADME\n"
HEAD = "Phinx by CakePHP - https://phinx.org.\n\nusing config file phinx.php\n"


def status(missing=0, **states):
    rows = [{"migration_status": state, "migration_id": each[1:], "migration_name": "X"} for each, state in states.items()]
    answer = {"pending_count": 0, "missing_count": missing, "total_count": len(rows), "migrations": rows}
    rc = 2 if missing else 3 if "down" in states.values() else 0
    return rc, f"{HEAD}{json.dumps(answer)}\n"


def phinx(engine=MARIADB):
    return adapter_of("phinx", {}, engine)


def states(*each):
    return dict(zip((f"v{A}", f"v{B}", f"v{C}"), each, strict=True))


def test_phinx_tells_what_is_pending_and_what_is_gone():
    assert phinx().pending(Told(status(**states("up", "up", "up")))) == Pending((A, B, C), ())
    assert phinx().pending(Told(status(**states("up", "down", "down")))) == Pending((A, B, C), (B, C))
    gone = phinx().pending(Told(status(1, **states("up", "up", "up"))))
    assert gone.pending == () and "1 of the migrations that are applied" in gone.drift[0]
    refused = "\n  There was a problem connecting to the database: SQLSTATE[HY000] [1045] Access denied for user 'x'@'y'\n"
    with pytest.raises(MigrateError, match="phinx status is refused by the database"):
        phinx().pending(Told((1, HEAD, refused)))


def test_phinx_shows_the_sql_of_each():
    dry = (
        f"{HEAD}\n == {B} AddNights: migrating \nSTART TRANSACTION;\nALTER TABLE `rooms` ADD `nights` INT;\n"
        f"INSERT INTO `phinxlog` (`version`) VALUES ('{B}');\nCOMMIT;\n == {B} AddNights: migrated 0.0010s\n"
        f"\n == {C} X: skipped \n\nAll Done.\n"
    )
    text = f"==> db/migrations/{B}_add_nights.php <==\n<?php\n\n==> db/migrations/{C}_contract_drop_nights.php <==\n<?php\n"
    first, second = phinx().migrations(Told((0, FILES), (0, text), (0, dry)), [B, C])
    assert (first.phase, first.statements, first.opaque) == (UNKNOWN, ("ALTER TABLE `rooms` ADD `nights` INT",), "")
    assert (second.phase, second.statements) == (CONTRACT, None) and "did not show" in second.opaque


def test_phinx_stops_where_it_is_told_and_takes_nothing_back():
    tool = Told(status(**states("up", "down", "down")), (0, "All Done."), status(**states("up", "up", "down")))
    assert phinx().apply(tool, [B]) == Outcome((B,))
    assert f"--target={B}" in tool.asked[1]
    tool = Told(status(**states("up", "down", "down")), (0, "All Done."), status(**states("up", "up", "up")))
    assert phinx().apply(tool, [B, C]) == Outcome((B, C))
    assert not any("target" in word for word in tool.asked[1])
    with pytest.raises(MigrateError, match=f"before {B}"):
        phinx().apply(Told(status(**states("up", "down", "down"))), [C])
    with pytest.raises(MigrateError, match=f"without taking back {C}"):
        phinx().apply(Told(status(**states("down", "down", "up"))), [A])
    with pytest.raises(MigrateError, match="without taking back what the code does not have"):
        phinx().apply(Told(status(1, **states("up", "down", "down"))), [B])


def test_phinx_fails_midway():
    said = f"{HEAD} == {B} AddNights: migrating \nPDOException: SQLSTATE[42S02]: no table in /app/x.php:3\nStack trace:\n#0 {{main}}\n"
    text = f"==> db/migrations/{B}_add_nights.php <==\n<?php"
    tool = Told(status(**states("up", "down", "down")), (1, said), status(**states("up", "down", "down")), (0, FILES), (0, text))
    outcome = phinx().apply(tool, [B])
    assert (outcome.applied, outcome.failed) == ((), B)
    assert outcome.reason.startswith("PDOException: SQLSTATE[42S02]") and outcome.left.startswith("possibly a part")


LISTED = f"{A}_create\n{B}_drop\nmigration_lock.toml\n-- status\n"
LOADED = "Prisma schema loaded from prisma/schema.prisma\n\n2 migrations found in prisma/migrations\n"
TODO = "\n\nTo apply migrations in development run prisma migrate dev.\nTo apply migrations in production run prisma migrate deploy.\n"
IDS = (f"{A}_create", f"{B}_drop")
UP = (0, f"{LISTED}{LOADED}\nDatabase schema is up to date!\n")
NONE = (1, f"{LISTED}{LOADED}Following migrations have not yet been applied:\n{IDS[0]}\n{IDS[1]}{TODO}")
ONE = (1, f"{LISTED}{LOADED}Following migration have not yet been applied:\n{IDS[1]}{TODO}")
FAILED = (1, f"{LISTED}{LOADED}", f"Following migration have failed:\n{IDS[1]}\n\nDuring development if\n")


def prisma():
    return adapter_of("prisma", {}, POSTGRESQL)


def test_prisma_tells_what_is_pending_gone_or_failed():
    assert prisma().pending(Told(UP)) == Pending(IDS, ())
    assert prisma().pending(Told(NONE)) == Pending(IDS, IDS)
    assert prisma().pending(Told(ONE)) == Pending(IDS, IDS[1:])
    failed = prisma().pending(Told(FAILED))
    assert failed.pending == () and f"{IDS[1]} was begun and failed" in failed.drift[0]
    apart = (
        "Your local migration history and the migrations table from your database are different:\n\nThe last common migration is: x\n\n"
        f"The migration have not yet been applied:\n{IDS[1]}\n\n"
        "The migration from the database are not found locally in prisma/migrations:\n2025_gone\n"
    )
    apart = prisma().pending(Told((1, f"{LISTED}{LOADED}", apart)))
    assert apart.pending == IDS[1:] and apart.drift == ("migration 2025_gone is applied, but the code does not have it any more",)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ((1, LISTED, "Error: P1001: Can't reach database server at `127.0.0.1:1`\n"), "can't reach the database: Error: P1001"),
        ((1, LISTED, "Error: P1000: Authentication failed against database server\n"), "is refused by the database: Error: P1000"),
        ((1, LISTED, "Error: P1003: Database `rooms` does not exist\n"), "finds no database"),
        ((1, f"{LISTED}{LOADED}", "The current database is not managed by Prisma Migrate.\n"), "baseline it"),
        ((0, f"{LISTED}{LOADED}"), "ended with exit code 0"),
        ((2, "", "ls: cannot access 'prisma/migrations'"), "listing prisma/migrations"),
    ],
)
def test_prisma_gives_no_answer(answer, told):
    with pytest.raises(MigrateError, match=told):
        prisma().pending(Told(answer))


def test_prisma_applies_all_or_nothing():
    assert prisma().apply(Told(NONE, (0, "All migrations have been successfully applied."), UP), IDS) == Outcome(IDS)
    with pytest.raises(MigrateError, match=f"also {IDS[1]}"):
        prisma().apply(Told(NONE), IDS[:1])
    said = f'Error: P3018\n\nMigration name: {IDS[1]}\n\nDatabase error:\nERROR: relation "nowhere" does not exist\n\nDbError {{ }}\n'
    outcome = prisma().apply(Told(NONE, (1, LOADED, said), FAILED), IDS)
    assert (outcome.applied, outcome.failed, outcome.final) == (IDS[:1], IDS[1], True)
    assert outcome.reason == 'ERROR: relation "nowhere" does not exist' and outcome.left.startswith("possibly a part")


def test_prisma_shows_its_files():
    printed = f"==> prisma/migrations/{IDS[0]}/migration.sql <==\n-- steady: contract\nDROP TABLE a;\nDROP TABLE b;\n"
    (found,) = prisma().migrations(Told((0, printed)), IDS[:1])
    assert (found.phase, found.statements) == (CONTRACT, ("-- steady: contract\nDROP TABLE a", "DROP TABLE b"))
