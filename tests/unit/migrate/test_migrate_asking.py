# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers that no tool should give, and settings that no user should: each has its sentence."""

from __future__ import annotations

import pytest

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import MigrateError, SpecError
from ansible_collections.steady.deploy.plugins.module_utils.core.runner import Completed
from ansible_collections.steady.deploy.plugins.module_utils.migrate.asking import check_ids, check_prefix, left_behind, no_answer, read
from ansible_collections.steady.deploy.plugins.module_utils.migrate.client import ProgramClient, rows
from ansible_collections.steady.deploy.plugins.module_utils.migrate.phases import begins_inside
from ansible_collections.steady.deploy.plugins.module_utils.migrate.spec import MARIADB, POSTGRESQL, Migration, Outcome, Pending
from ansible_collections.steady.deploy.plugins.module_utils.migrate.tools import TOOLS, adapter_of


class Told:
    """A tool that gives these answers in turn: (rc, stdout) or (rc, stdout, stderr). The last one stays."""

    def __init__(self, *answers: tuple) -> None:
        self._answers = list(answers)
        self.asked: list[list[str]] = []

    def run(self, argv, *, stdin=None, timeout=None, env=None) -> Completed:
        self.asked.append(list(argv))
        rc, out, *err = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return Completed(tuple(argv), rc, out, "".join(err))


def artisan(engine=POSTGRESQL):
    return adapter_of("artisan", {}, engine)


STATUS = "\n  Migration name .... Batch / Status  \n  2026_a ...... {}  \n  2026_b ...... {}  \n\n"
NONE, ONE, BOTH = (STATUS.format(*states) for states in (("Pending", "Pending"), ("[1] Ran", "Pending"), ("[1] Ran", "[12] Ran")))
FILES = (
    0,
    'Laravel Framework 10.48.29\n\nsteady.deploy answers: {"2026_a":"database\\/migrations\\/2026_a.php",'
    '"2026_b":"\\/app\\/vendor\\/b\\/migrations\\/2026_b.php"}\n',
)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ((0, ""), "exit code 0 and printed nothing"),
        ((0, "Deprecated: something\n"), "exit code 0 and says: Deprecated"),
        ((1, ONE), "exit code 1"),
        ((127, "", "php: not found"), "no program php"),
        ((126, "", "exec: permission denied"), "no program php"),
        ((124, "", "no answer within 60 s"), "no answer in time"),
        ((137, "NOTICE:  relation exists, skipping"), "exit code 137 and says: it was killed by SIGKILL"),
        ((1, "\n  SQLSTATE[HY000] [1049] Unknown database 'rooms'\n"), "finds no database"),
        ((1, "SQLSTATE[HY000] [2002] php_network_getaddresses: getaddrinfo for db failed: Name or service not known"), "can't reach"),
        ((1, 'FATAL:  no pg_hba.conf entry for host "10.0.0.1"'), "is refused"),
    ],
)
def test_an_answer_of_no_use_is_told(answer, told):
    with pytest.raises(MigrateError, match=told):
        artisan().pending(Told(answer))


def test_artisan_without_any_migration_and_as_it_was_in_laravel_8():
    assert artisan().pending(Told((0, "\n   INFO  No migrations found.  \n\n"))) == Pending((), ())
    table = "+---+\n| Ran? | Migration | Batch |\n+---+\n| Yes  | 2026_a    | 1     |\n| No   | 2026_b    |       |\n+---+\n"
    assert artisan().pending(Told((0, table))) == Pending(("2026_a", "2026_b"), ("2026_b",))


def test_where_artisans_migrations_are_is_asked_with_its_own_php():
    tool = Told(FILES)
    with pytest.raises(MigrateError, match="migration 2026_c has no file in x nor in a package: set `folder`"):
        adapter_of("artisan", {"command": "php8.3 -q ./artisan", "folder": "x"}, POSTGRESQL).migrations(tool, ["2026_a", "2026_c"])
    (asked,) = tool.asked
    assert (asked[:3], asked[4:]) == (["php8.3", "-q", "-r"], ["--", "x", "./artisan"])
    with pytest.raises(MigrateError, match="asking Laravel where its migrations are ended with exit code 255 and says: PHP Fatal"):
        adapter_of("artisan", {"command": "./artisan"}, POSTGRESQL).migrations(Told((255, "", "PHP Fatal error: no")), ["2026_a"])


@pytest.mark.parametrize(
    ("after", "applied", "outcome"),
    [
        ((1, BOTH), (1, "RuntimeException: after all"), None),
        ((0, BOTH), (0, ""), Outcome(("2026_a", "2026_b"))),
        ((0, BOTH), (1, "In Listener.php line 3:\n RuntimeException: after all"), Outcome(("2026_a", "2026_b"))),
        (
            (0, ONE),
            (0, "  2026_b ... SKIPPED"),
            Outcome(
                ("2026_a",),
                "2026_b",
                "artisan migrate reported no failure, but it is still pending: 2026_b ... SKIPPED",
                "nothing: it ran in a transaction",
            ),
        ),
        ((0, ONE), (3, ""), Outcome(("2026_a",), "2026_b", "exit code 3", "nothing: it ran in a transaction")),
    ],
)
def test_only_the_database_says_what_was_applied(after, applied, outcome):
    tool = Told((0, NONE), FILES, applied, after, (0, "==> /app/vendor/b/migrations/2026_b.php <==\n<?php"))
    if outcome is None:
        with pytest.raises(MigrateError, match=r"nobody knows how much of 2026_a and 2026_b is applied: .*after all, and then: "):
            artisan().apply(tool, ("2026_a", "2026_b"))
    else:
        assert artisan().apply(tool, ("2026_a", "2026_b")) == outcome
    # One is a package's own.
    paths = ["--path=database/migrations/2026_a.php", "--path=/app/vendor/b/migrations/2026_b.php"]
    assert tool.asked[2][2:7] == ["migrate", "--force", "--realpath", *paths]


@pytest.mark.parametrize(
    ("printed", "statements", "opaque"),
    [
        ("  2026_b ....\n  ⇂ create table x (a int)  \n  ⇂ insert into x values (1); delete from y  \n", 3, ""),
        ("  2026_b ....\n", 0, ""),
        ("  2026_a ....\n  ⇂ drop table y  \n", None, "did not show it"),
        ("  2026_b ....\n  ⇂ select 1 -- one drop table y  \n", None, "a comment hides"),
        ("  2026_b ....\n  ⇂ select * from y  \n  ⇂ drop table y  \n", 2, "reads nothing"),
    ],
)
def test_the_dry_run_of_artisan(printed, statements, opaque):
    tool = Told(FILES, (0, "==> /app/vendor/b/migrations/2026_b.php <==\n<?php"), (0, ONE), (0, printed))
    (found,) = artisan().migrations(tool, ["2026_b"])
    assert (found.statements if found.statements is None else len(found.statements)) == statements
    assert opaque in found.opaque and bool(opaque) == bool(found.opaque)
    assert "--pretend" in tool.asked[-1]


HISTORY = """Rev: d4 (head) (mergepoint)
Merges: b2, c3
Path: /app/versions/d4_x.py

    merge

Rev: c3{c}
Parent: a1
Also depends on: e5
Path: /app/versions/contract/c3.py

    Rev: in a text
    Parent: of no use

Rev: b2{b}
Parent: a1
Branch names: left
Path: /app/versions/b2.py

    b

Rev: e5
Parent: <base>
Path: /app/versions/e5.py

    e

Rev: a1{a} (branchpoint)
Parent: <base>
Branches into: b2, c3
Path: /app/versions/a1.py

    a
"""


def test_alembic_with_branches():
    alembic = adapter_of("alembic", {}, POSTGRESQL)
    tool = Told((0, HISTORY.format(a="", b=" (current)", c="")), (0, ""))
    found = alembic.pending(tool)
    assert (found.known, found.pending) == (("a1", "e5", "b2", "c3", "d4"), ("e5", "c3", "d4"))
    for ids, lacks in ((("c3",), "e5"), (("e5", "d4"), "c3")):
        with pytest.raises(MigrateError, match=f"can't be applied without {lacks}"):
            alembic.apply(Told((0, HISTORY.format(a="", b=" (current)", c="")), (0, "")), ids)
    assert alembic.pending(Told((0, ""))) == Pending((), ())


def test_where_alembic_ends_its_transaction_is_told():
    text = "with op.get_context().autocommit_block():\n"
    sql = "BEGIN;\n\nALTER TABLE a ADD b int;\n\nCOMMIT;\n\nCREATE INDEX CONCURRENTLY c ON a (b);\n\nBEGIN;\n\n"
    own = "UPDATE alembic_version SET version_num='b2' WHERE alembic_version.version_num = 'a1';\n\nCOMMIT;\n\n"
    history = HISTORY.format(a=" (current)", b="", c="")
    tool = Told((0, history), (0, f"==> /app/versions/b2.py <==\n{text}"), (0, sql + own))
    assert adapter_of("alembic", {}, POSTGRESQL).migrations(tool, ("b2",)) == (
        Migration("b2", statements=("ALTER TABLE a ADD b int", "COMMIT", "CREATE INDEX CONCURRENTLY c ON a (b)", "BEGIN"), text=text),
    )


def test_a_command_prints_ids_and_nothing_else():
    adapter = adapter_of("command", {"pending": "tool list", "apply": ["tool", "up"]}, MARIADB)
    assert adapter.pending(Told((0, "a\n\nb\n"))).pending == ("a", "b")
    for printed, told in (("2 are pending", "which is no id"), ("--all", "which is no id"), ("a\na", "twice")):
        with pytest.raises(MigrateError, match=told):
            adapter.pending(Told((0, printed)))
    with pytest.raises(MigrateError, match="applies all that are pending, also b"):
        adapter.apply(Told((0, "a\nb\n")), ["a"])
    assert adapter.apply(Told((0, "a\nb\n"), (0, ""), (0, "")), ["a", "b"]) == Outcome(("a", "b"))


@pytest.mark.parametrize(
    ("engine", "text", "told"),
    [
        (POSTGRESQL, "BEGIN; DROP TABLE a; COMMIT", "has BEGIN of its own"),
        (POSTGRESQL, "DROP TABLE 'a", "nothing closes"),
        (MARIADB, "DROP TABLE 'a", "nothing closes"),
    ],
)
def test_a_file_that_can_not_be_run_stops_before_the_first_one_is(engine, text, told):
    tool = Told(
        (0, f"{'0' * 64}  sql/a.sql\n{'1' * 64}  sql/b.sql\n-- ledger\n"), (0, f"==> sql/a.sql <==\nSELECT 1;\n\n==> sql/b.sql <==\n{text}")
    )
    with pytest.raises(MigrateError, match=told):
        adapter_of("sql", {"folder": "sql/", "command": "client"}, engine).apply(tool, ["a.sql", "b.sql"])
    assert len(tool.asked) == 2


def test_the_ledger_tells_what_was_changed_and_what_never_ended():
    listed = "".join(f"{digit * 64}  sql/{name}\n" for digit, name in (("a", "contract/2.sql"), ("b", "1.sql"), ("c", "3.sql")))
    ledger = f"1.sql\t{'0' * 64}\t1\ncontract/2.sql\t{'a' * 64}\t0\n"
    found = adapter_of("sql", {"folder": "sql"}, POSTGRESQL).pending(Told((0, f"{listed}-- ledger\n{ledger}")))
    assert (found.known, found.pending) == (("1.sql", "contract/2.sql", "3.sql"), ("3.sql",))
    assert [sentence.split(":")[0] for sentence in found.drift] == [
        "migration 1.sql was changed after it was applied",
        "migration contract/2.sql was begun and never ended",
    ]
    with pytest.raises(MigrateError, match="needs a name of letters"):
        adapter_of("sql", {"folder": "sql"}, POSTGRESQL).pending(Told((0, f"{'a' * 64}  sql/it's.sql\n-- ledger\n")))


@pytest.mark.parametrize(
    ("deleted", "ledger", "left", "final"),
    [
        (0, None, "nothing: it is one statement", False),
        # The ledger can't be asked to forget it, but never had it.
        (1, "", "nothing: it is one statement", False),
        (1, f"a.sql\t{'0' * 64}\t0\n", "only its row in steady_migrations, which could not be taken out: delete it", True),
    ],
)
def test_what_did_not_begin_stays_in_the_ledger_only_where_that_is_told(deleted, ledger, left, final):
    listed = f"{'0' * 64}  sql/a.sql\n-- ledger\n"
    tool = Told(
        (0, listed),
        (0, "==> sql/a.sql <==\nALTER TABLE t ADD a int;\n"),
        (1, "", "ERROR 1317 (70100) at line 3: Query execution was interrupted"),
        (deleted, ""),
        (0, f"{listed}{ledger or ''}"),
        *([] if ledger is None else [(0, f"{listed}{ledger}")]),
    )
    outcome = adapter_of("sql", {"folder": "sql", "command": "client"}, MARIADB).apply(tool, ["a.sql"])
    assert (outcome.failed, outcome.left, outcome.final) == ("a.sql", left, final)


@pytest.mark.parametrize(
    ("engine", "text", "left"),
    [
        (POSTGRESQL, "-- steady: no transaction\nALTER TYPE mood ADD VALUE 'fine';\n", "nothing: it is one statement"),
        (POSTGRESQL, "CREATE INDEX CONCURRENTLY i ON t (a);\n", "possibly a part of it: it runs outside of a transaction"),
        (POSTGRESQL, "ALTER TABLE t ADD a int;\n", "nothing: it ran in a transaction"),
        (MARIADB, "ALTER TABLE t ADD a int;\n", "nothing: it is one statement"),
    ],
)
def test_a_statement_that_does_all_or_nothing_leaves_nothing_and_no_row_in_the_ledger(engine, text, left):
    adapter = adapter_of("sql", {"command": ["client"], "folder": "sql"}, engine)
    listed = f"{'a' * 64}  sql/1.sql\n-- ledger\n"
    failed = (3, "", "ERROR:  55P03: canceling statement due to lock timeout")
    clears = left == "nothing: it is one statement"
    tool = Told((0, listed), (0, f"==> sql/1.sql <==\n{text}"), failed, *[(0, "")] * clears, (0, listed))
    outcome = adapter.apply(tool, ["1.sql"])
    assert (outcome.failed, outcome.left) == ("1.sql", left)
    assert len(tool.asked) == 4 + clears


def test_files_are_read_apart():
    printed = "==> a <==\n1\n==> c <==\n\n==> b <==\n\n==> c <==\n3"
    assert read(Told((0, printed)), ["a", "b", "c"]) == {"a": "1\n==> c <==\n", "b": "", "c": "3"}
    with pytest.raises(MigrateError, match="set `folder`"):
        read(Told((1, "", "tail: cannot open 'a'")), ["a"])


@pytest.mark.parametrize(
    ("rows", "drift"),
    [
        # Old ones were deleted; the newest that is applied was kept.
        ((("up", "9", False), ("up", "10", True), ("down", "11", True)), []),
        # A rollback to code from before 11; a branch, whose own 12 is to come.
        ((("up", "10", True), ("up", "11", False)), ["11"]),
        ((("up", "10", True), ("up", "11", False), ("down", "12", True)), ["11"]),
        # None is known by both: it may be another app's database.
        ((("up", "9", False), ("down", "12", True)), ["9"]),
    ],
)
def test_rails_may_lack_what_is_older_than_the_newest_that_both_know(rows, drift):
    lines = [
        f"   {state:<5}  {version:<14}  {'Add nights' if there else '********** NO FILE **********'}" for state, version, there in rows
    ]
    found = adapter_of("rails", {}, POSTGRESQL).pending(Told((0, "\n".join([" Status   Migration ID    Migration Name", *lines]))))
    assert [sentence.split()[1] for sentence in found.drift] == drift
    assert found.known == tuple(version for dummy, version, there in rows if there)


def test_a_file_that_is_gone_hides_no_outcome():
    tool = Told((0, NONE), FILES, (1, "RuntimeException: no"), (0, NONE), (1, "", "tail: cannot open"))
    assert artisan().apply(tool, ["2026_a"]) == Outcome((), "2026_a", "RuntimeException: no", "possibly a part of it")


def test_a_client_gives_rows_and_its_failure_is_told():
    tool = Told((0, "a\t1\n\nb c\t\n"), (3, "", "psql:<stdin>:1: ERROR:  42601: syntax error"))
    client = ProgramClient(tool, ["psql", "rooms"], POSTGRESQL)
    assert rows(client.run("SELECT").stdout) == [("a", "1"), ("b c", "")]
    assert tool.asked[0][:2] == ["psql", "rooms"] and "ON_ERROR_STOP=1" in tool.asked[0]
    with pytest.raises(MigrateError, match=r"psql ended with exit code 3 and says: .*42601: syntax error"):
        raise no_answer("psql", client.run("UPDTE"))


def test_ids_are_checked():
    pending = Pending(("a", "b", "c"), ("b", "c"))
    check_ids(["c"], pending)
    for check, ids, told in (
        (check_ids, ["a"], "a is not pending"),
        (check_ids, ["c", "b"], "not in the order"),
        (check_ids, ["b", "b"], "not in the order"),
        (check_prefix, ["c"], "before b"),
    ):
        with pytest.raises(MigrateError, match=told):
            check(ids, pending)


@pytest.mark.parametrize(
    "text",
    [
        "public $withinTransaction = false;",
        "    atomic = False",
        "disable_ddl_transaction!",
        "with op.get_context().autocommit_block():",
        "CREATE INDEX CONCURRENTLY a ON b (c)",
        "create unique index concurrently a on b (c)",
        "reindex table concurrently b",
        "-- steady: no transaction",
    ],
)
def test_what_runs_outside_of_a_transaction_may_leave_a_part(text):
    assert left_behind(POSTGRESQL, text).startswith("possibly a part of it")
    assert begins_inside(text) is ("autocommit_block" in text)
    for inside in ("atomic = True", "# It may run concurrently with others.\nop.create_index('a', 'b', ['c'])"):
        assert left_behind(POSTGRESQL, inside) == "nothing: it ran in a transaction" and begins_inside(inside)


@pytest.mark.parametrize(
    ("tool", "settings", "engine", "told"),
    [
        ("artizan", {}, POSTGRESQL, "did you mean `artisan`"),
        ("flyway", {}, POSTGRESQL, "there are artisan, alembic"),
        ("artisan", {}, "mysql", "engine 'mysql' is not known"),
        ("artisan", {"foldr": "x"}, POSTGRESQL, "no setting 'foldr', did you mean `folder`"),
        ("django", {"folder": "x"}, POSTGRESQL, "no setting 'folder'"),
        ("artisan", {"folder": ""}, POSTGRESQL, "folder must be"),
        ("artisan", {"folder": "-x"}, POSTGRESQL, "folder must be"),
        ("artisan", {"folder": 7}, POSTGRESQL, "folder must be"),
        ("artisan", {"command": []}, POSTGRESQL, "command must be"),
        ("artisan", {"command": "php 'artisan"}, POSTGRESQL, "mend its quotes"),
        ("artisan", {"command": ["php", 1]}, POSTGRESQL, "command must be"),
        ("sql", {}, MARIADB, "needs `command` on MariaDB"),
        ("command", {"apply": "x"}, POSTGRESQL, "needs `pending`"),
        ("command", {"pending": "x", "apply": "x", "sql": "y"}, POSTGRESQL, "sql must hold {id}"),
        ("command", {"pending": "x", "apply": "x", "command": "y"}, POSTGRESQL, "no setting 'command'"),
    ],
)
def test_settings_that_are_wrong_are_told(tool, settings, engine, told):
    with pytest.raises(SpecError, match=told):
        adapter_of(tool, settings, engine)


def test_each_tool_works_with_nothing_set():
    for tool in TOOLS:
        assert adapter_of(tool, {"pending": "x", "apply": "y"} if tool == "command" else {"command": None}, POSTGRESQL)
