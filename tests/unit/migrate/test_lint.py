# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The linter beyond single statements: facts, phases, waivers, levels, transactions, and texts of any kind."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import MigrateError, SpecError
from ansible_collections.steady.deploy.plugins.module_utils.core.runner import Completed
from ansible_collections.steady.deploy.plugins.module_utils.migrate.spec import (
    CONTRACT,
    ENGINES,
    EXPAND,
    MARIADB,
    POSTGRESQL,
    UNKNOWN,
    Migration,
)
from ansible_collections.steady.deploy.plugins.plugin_utils.migrate_lint import squawk, words
from ansible_collections.steady.deploy.plugins.plugin_utils.migrate_lint.judge import judge
from ansible_collections.steady.deploy.plugins.plugin_utils.migrate_lint.render import render, to_json
from ansible_collections.steady.deploy.plugins.plugin_utils.migrate_lint.squawk import SquawkCli
from ansible_collections.steady.deploy.plugins.plugin_utils.migrate_lint.verdict import Column, Judgement, Settings, TableFacts

BIG = {"t": TableFacts(5_000_000)}
DROP = "ALTER TABLE t DROP COLUMN c"


def lint(*statements: str, engine: str = MARIADB, phase: str = EXPAND, tables=None, text: str = "", **given) -> Judgement:
    texts = {"m": text} if text else None
    return judge([Migration("m", phase, "", statements)], engine, BIG if tables is None else tables, Settings(**given), texts=texts)


def said(judgement: Judgement) -> list[tuple[str, str]]:
    return [(verdict.rule, verdict.level) for verdict in judgement.verdicts]


# --- facts ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rows", "level"), [(0, "allow"), (10_000, "allow"), (10_001, "block"), (-1, "block")])
def test_a_small_table_may_be_copied(rows, level):
    found = lint("ALTER TABLE shop.t MODIFY a bigint", tables={"t": TableFacts(rows, 0, {"a": Column("int(11)")})})
    assert said(found) == [("column-type", level)]
    assert (f"about {rows} rows" in found.verdicts[0].why) is (level == "allow")


def test_what_small_is_can_be_said():
    assert said(lint("ALTER TABLE t FORCE", tables={"t": TableFacts(500)}, small_rows=100)) == [("rebuild", "warn")]


def test_a_table_that_nobody_knows_counts_as_large():
    assert said(lint("ALTER TABLE other FORCE")) == [("rebuild", "warn")]


def test_the_name_with_its_schema_finds_the_facts():
    tables = {"t": TableFacts(1), "audit.t": TableFacts(9_000_000)}
    for name, level in (("t", "allow"), ("public.t", "allow"), ("audit.t", "block"), ('"public"."t"', "allow")):
        assert said(lint(f"CREATE INDEX i ON {name} (a)", engine=POSTGRESQL, tables=tables)) == [("create-index", level)]


@pytest.mark.parametrize("rows", [(5, 9_000_000), (9_000_000, 5), (5, -1), (-1, 20)])
def test_of_several_that_may_be_meant_the_largest_counts(rows):
    facts = [TableFacts(count, 0, {"id": Column("integer", False)}) for count in rows]
    found = lint("ALTER TABLE orders ALTER id TYPE bigint", engine=POSTGRESQL, tables={"one.orders": facts[0], "two.orders": facts[1]})
    assert said(found) == [("column-type", "block")]


def test_a_table_made_by_the_migrations_is_empty_until_it_is_filled():
    made, index = "CREATE TABLE n (id int)", "CREATE INDEX i ON n (id)"
    migrations = [Migration("1", EXPAND, "", (made,)), Migration("2", EXPAND, "", (index, "DROP TABLE n"))]
    found = judge(migrations, POSTGRESQL, {})
    assert said(found) == [("create-index", "allow"), ("drop-table", "allow")]
    assert found.phases["2"].phase == EXPAND
    filled = lint(made, "INSERT INTO n SELECT id FROM t", index, engine=POSTGRESQL)
    assert said(filled) == [("create-index", "block")]


@pytest.mark.parametrize(
    ("engine", "made", "after", "rule"),
    [
        *((engine, "CREATE TABLE IF NOT EXISTS t (id int)", DROP, "drop-column") for engine in ENGINES),
        *((engine, "CREATE TABLE archive.t (LIKE t)", "DROP TABLE public.t", "drop-table") for engine in ENGINES),
        *((engine, "CREATE TEMPORARY TABLE t AS SELECT 1 AS id", "DROP TABLE t", "drop-table") for engine in ENGINES),
        (POSTGRESQL, "CREATE TEMP TABLE IF NOT EXISTS t AS SELECT 1 AS id", "DROP TABLE public.t", "drop-table"),
        (POSTGRESQL, "CREATE UNLOGGED TABLE IF NOT EXISTS public.t (id int)", "DROP TABLE t", "drop-table"),
        # It was taken away before, so that another one could be made.
        (MARIADB, "CREATE TABLE t (id int)", "DROP TABLE t", "drop-table"),
    ],
)
def test_a_table_that_is_there_already_was_not_made_by_the_migrations(engine, made, after, rule):
    migrations = [Migration("1", EXPAND, "", (made,)), Migration("2", EXPAND, "", (after,))]
    found = judge(migrations, engine, BIG)
    assert said(found) == [(rule, "block")] and found.phases["2"].phase == CONTRACT


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("made", ["CREATE TABLE IF NOT EXISTS", "CREATE TABLE", "CREATE TEMPORARY TABLE"])
def test_a_table_that_is_not_there_yet_was_made_by_the_migrations(engine, made):
    found = lint(f"{made} n (id int)", "UPDATE n SET id = 1", "ALTER TABLE n DROP COLUMN id", "DROP TABLE n", engine=engine)
    assert {level for rule, level in said(found) if rule != "implicit-commit"} == {"allow"} and found.phases["m"].phase == EXPAND


def test_what_is_known_of_a_table_is_known_of_that_one_only():
    added = lint("ALTER TABLE archive.t ADD n int DEFAULT 0", "ALTER TABLE t ALTER n DROP DEFAULT", engine=POSTGRESQL)
    assert said(added) == [("brief-lock", "allow"), ("drop-default", "warn")]
    archived = lint("CREATE TABLE archive.t (LIKE t)", "CREATE INDEX ON archive.t (id)", engine=POSTGRESQL)
    assert said(archived) == [("create-index", "allow")]


def test_rows_that_stand_in_the_text_are_few():
    made = ("CREATE TABLE n (id int)", "INSERT INTO n VALUES (1), (2)", "UPDATE n SET id = 3")
    for engine in ENGINES:
        assert said(lint(*made, engine=engine)) == [("unbounded-write", "allow")]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("null", "rule"), [("NULL", "brief-lock"), ("NOT NULL", "required-value")])
def test_a_default_for_old_rows_only(engine, null, rule):
    """What Django makes of a field with a default: old code can't leave the column out where it must have a value."""
    found = lint(f"ALTER TABLE t ADD COLUMN n int DEFAULT 0 {null}", "ALTER TABLE t ALTER COLUMN n DROP DEFAULT", engine=engine)
    assert [verdict.rule for verdict in found.verdicts if verdict.statement == 1 and verdict.rule != "implicit-commit"] == [rule]
    assert said(lint("ALTER TABLE t ALTER COLUMN n DROP DEFAULT", engine=engine)) == [("drop-default", "warn")]


@pytest.mark.parametrize("change", ["MODIFY id", "CHANGE COLUMN id id"])
def test_a_number_that_is_given_no_more_is_missed_by_old_code(change):
    tables = {"t": TableFacts(10, 0, {"id": Column("bigint(20)", False, default=True)})}
    lost = f"ALTER TABLE t {change} bigint NOT NULL"
    assert said(lint(lost, tables=tables)) == [("required-value", "block")]
    assert ("required-value", "block") not in said(lint(f"{lost} AUTO_INCREMENT", tables=tables))
    # What the first one says is what the second one meets.
    again = lint(f"{lost} AUTO_INCREMENT", lost, tables=tables)
    assert [verdict.level for verdict in again.verdicts if verdict.rule == "required-value"] == ["block"]


def test_an_earlier_migration_changes_what_a_later_one_meets():
    tables = {"t": TableFacts(1_000_000, 0, {"b": Column("varchar(20)")})}
    wider = "ALTER TABLE t ALTER b TYPE varchar({})"
    found = lint(wider.format(50), wider.format(30), engine=POSTGRESQL, tables=tables)
    assert said(found) == [("brief-lock", "allow"), ("type-shrink", "block")]


# --- how many rows ---------------------------------------------------------------------------------

KEYED = {"t": TableFacts(5_000_000, 0, {"id": Column("int"), "name": Column("text"), "code": Column("text", unique=True)})}
BATCH = "SELECT id FROM t WHERE name IS NULL ORDER BY id LIMIT 1000"
OF_T = [("wide-write", "warn")]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "where",
    [
        "id = 7",
        "t.id = 7 AND name = 'x'",
        "(name = 'x' AND (id = 7))",
        "id IN (1, 2, 3)",
        "uuid = '9f1c'",
        "code = 'x'",
        "code IN ('x', 'y')",
        "id BETWEEN 1 AND 10000",
        "id BETWEEN '1' AND '1000'",
        "id > 20000 AND id <= 30000 AND name IS NULL",
        "id >= -5 AND id < 5",
        f"id IN ({BATCH})",
        f"id IN (SELECT id FROM ({BATCH}) AS batch)",
        "id IN (SELECT id FROM t WHERE id BETWEEN 1 AND 1000)",
    ],
)
def test_a_batch_meets_few_rows(engine, where):
    assert said(lint(f"UPDATE t SET name = 'y' WHERE {where}", f"DELETE FROM t WHERE {where}", engine=engine, tables=KEYED)) == []


@pytest.mark.parametrize(
    ("engine", "where"),
    [
        (MARIADB, "id > ? AND id <= ?"),
        (MARIADB, "id > @last AND id <= @last + 1000"),
        (POSTGRESQL, "id BETWEEN $1 AND $2"),
        (POSTGRESQL, "room_id > $1 AND room_id <= $2"),
        (POSTGRESQL, f"ctid = ANY (ARRAY({BATCH.replace('SELECT id', 'SELECT ctid')}))"),
        (POSTGRESQL, f"id IN ({BATCH.replace('LIMIT 1000', 'FETCH FIRST 1000 ROWS ONLY')})"),
        (MARIADB, "name IS NULL ORDER BY id LIMIT 1000"),
        (MARIADB, "name IS NULL LIMIT ?"),
    ],
)
def test_a_batch_whose_numbers_come_later_or_in_other_words(engine, where):
    assert said(lint(f"DELETE FROM t WHERE {where}", engine=engine, tables=KEYED)) == []


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "where",
    [
        "tenant_id = 1",
        "status_code = 'x'",
        "name = 'x'",
        "tenant_id IN (1, 2)",
        "created BETWEEN '1900-01-01' AND '2100-01-01'",
        "stars BETWEEN 1 AND 5",
        "id > 0",
        "id > 0 AND id < 100000000",
        "id BETWEEN 1 AND 1000000",
        "id > 0 AND id <= (SELECT max(id) FROM t)",
        "id IN (SELECT id FROM t LIMIT 100000000)",
        "id IN (SELECT id FROM t WHERE name = 'x')",
        "tenant_id IN (SELECT id FROM tenants LIMIT 10)",
        "id = 7 OR name = 'x'",
        "NOT id = 7",
    ],
)
def test_what_may_meet_any_number_of_rows(engine, where):
    assert said(lint(f"UPDATE t SET name = 'y' WHERE {where}", engine=engine, tables=KEYED)) == OF_T
    assert said(lint(f"DELETE FROM t WHERE {where}", engine=engine, tables=KEYED)) == OF_T


def test_the_key_of_another_table_is_none_of_the_one_that_is_written():
    joined = "UPDATE t AS b JOIN tenants AS o ON o.id = b.tenant_id SET b.name = 'y' WHERE {}.id = 7"
    assert said(lint(joined.format("o"), tables=KEYED)) == OF_T
    assert said(lint(joined.format("b"), tables=KEYED)) == []
    gone = "DELETE b FROM t AS b JOIN tenants AS o ON o.id = b.tenant_id WHERE {}.id = 7"
    assert said(lint(gone.format("o"), tables=KEYED)) == OF_T
    assert said(lint(gone.format("b"), tables=KEYED)) == []


@pytest.mark.parametrize(
    ("engine", "statement", "found"),
    [
        (POSTGRESQL, "INSERT INTO t (id) SELECT id FROM p ON CONFLICT (id) DO UPDATE SET name = 'x'", OF_T),
        (POSTGRESQL, "INSERT INTO t (id) SELECT id FROM p ON CONFLICT DO NOTHING", []),
        (POSTGRESQL, "INSERT INTO t (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET name = 'x'", []),
        (POSTGRESQL, "INSERT INTO t (id) SELECT 1 ON CONFLICT (id) DO UPDATE SET name = 'x'", []),
        (POSTGRESQL, f"INSERT INTO t (id) ({BATCH}) ON CONFLICT (id) DO UPDATE SET name = 'x'", []),
        (POSTGRESQL, "INSERT INTO t (id) SELECT 1 UNION ALL SELECT id FROM p ON CONFLICT (id) DO UPDATE SET name = 'x'", OF_T),
        (POSTGRESQL, "INSERT INTO p SELECT id FROM t", []),
        (POSTGRESQL, "INSERT INTO t DEFAULT VALUES", []),
        (MARIADB, "INSERT INTO p SELECT id FROM t", OF_T),
        (MARIADB, "INSERT INTO p SELECT id FROM t WHERE id BETWEEN 1 AND 1000", []),
        (MARIADB, "INSERT INTO p SELECT t.id FROM small JOIN t ON t.id = small.id", OF_T),
        (MARIADB, "INSERT INTO p WITH some AS (SELECT id FROM small) SELECT id FROM some", []),
        (MARIADB, "INSERT INTO t (id) SELECT seq FROM seq_1_to_100000", []),
        (MARIADB, "INSERT INTO t (id) SELECT id FROM small ON DUPLICATE KEY UPDATE name = 'x'", OF_T),
        (MARIADB, "REPLACE INTO t (id, name) SELECT id, 'x' FROM small", OF_T),
        (MARIADB, "REPLACE INTO t (id, name) VALUES (1, 'x')", []),
        (POSTGRESQL, "MERGE INTO t USING p ON p.id = t.id WHEN MATCHED THEN DELETE", OF_T),
        (POSTGRESQL, "MERGE INTO t USING p ON p.id = t.id WHEN MATCHED THEN UPDATE SET name = 'x'", OF_T),
        (POSTGRESQL, "MERGE INTO t USING p ON p.id = t.id WHEN NOT MATCHED THEN INSERT VALUES (p.id)", []),
        (POSTGRESQL, f"MERGE INTO t USING ({BATCH}) AS p ON p.id = t.id WHEN MATCHED THEN DELETE", []),
        (POSTGRESQL, f"MERGE INTO t USING ({BATCH}) AS p ON p.id = t.id WHEN NOT MATCHED BY SOURCE THEN DELETE", OF_T),
    ],
)
def test_rows_that_come_out_of_a_query(engine, statement, found):
    tables = {**KEYED, "small": TableFacts(5), "p": TableFacts(5)}
    assert [one for one in said(lint(statement, engine=engine, tables=tables)) if one[1] != "allow"] == found


def test_a_table_that_nobody_knows_yet_is_filled_without_a_word():
    fill = "INSERT INTO n SELECT id FROM t ON CONFLICT (id) DO UPDATE SET id = 1"
    assert said(lint("CREATE TABLE n (id int PRIMARY KEY)", fill, engine=POSTGRESQL)) == []


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("query", "calls"),
    [
        ("SELECT backfill(id) FROM t", "backfill"),
        ("SELECT app.backfill(id) FROM t LIMIT 5", "backfill"),
        ("SELECT count(*) FROM t WHERE fix(id) > 0", "fix"),
        ("WITH done AS (SELECT fix_all()) SELECT * FROM done", "fix_all"),
        ("SELECT fix_all() UNION SELECT 1", "fix_all"),
        ("SELECT coalesce(max(id), 0), now(), version(), json_length(name) FROM t WHERE upper(name) = concat('A', id)", ""),
        ("SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()", ""),
    ],
)
def test_a_query_that_calls_what_nobody_knows(engine, query, calls):
    found = lint(query, engine=engine)
    assert said(found) == ([("opaque", "warn")] if calls else [])
    assert not calls or f"It calls {calls}()." in found.verdicts[0].why


def test_what_a_tool_asks_a_catalog_is_harmless():
    asked = "SELECT format_type(a.atttypid, a.atttypmod), pg_get_expr(d.adbin, d.adrelid), col_description(c.oid, a.attnum) FROM pg_class c"
    assert said(lint(asked, "SELECT * FROM jsonb_each('{}'), generate_series(1, 3)", engine=POSTGRESQL)) == []
    assert said(lint("SELECT * FROM fix_all()", engine=POSTGRESQL)) == [("opaque", "warn")]


@pytest.mark.parametrize(
    ("engine", "prefix"),
    [
        *((engine, "EXPLAIN ANALYZE") for engine in ENGINES),
        (POSTGRESQL, "explain analyze verbose"),
        (POSTGRESQL, "EXPLAIN (ANALYZE, BUFFERS)"),
        (POSTGRESQL, "EXPLAIN (FORMAT JSON, ANALYSE TRUE)"),
        (MARIADB, "ANALYZE"),
        (MARIADB, "ANALYZE FORMAT=JSON"),
    ],
)
def test_a_plan_that_is_shown_by_running_it(engine, prefix):
    assert said(lint(f"{prefix} DELETE FROM t", engine=engine)) == [("unbounded-write", "block")]
    assert said(lint(f"{prefix} DELETE FROM t WHERE name = 'x'", engine=engine)) == OF_T
    assert said(lint("EXPLAIN DELETE FROM t", "ANALYZE TABLE t" if engine == MARIADB else "ANALYZE t", engine=engine)) == []


# --- phases ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("phase", "level"), [(EXPAND, "block"), (UNKNOWN, "warn"), (CONTRACT, "allow")])
@pytest.mark.parametrize("engine", ENGINES)
def test_what_breaks_old_code_waits_for_the_contract_phase(engine, phase, level):
    found = lint(DROP, engine=engine, phase=phase)
    assert said(found) == [("drop-column", level)]
    assert found.phases["m"].phase == CONTRACT and "drop-column of t" in found.phases["m"].why


def test_a_level_that_the_user_gives_counts_for_an_unknown_phase_too():
    assert said(lint(DROP, phase=UNKNOWN, levels={"drop-column": "block"})) == [("drop-column", "block")]


FILLED = [
    "ALTER TABLE t ADD CONSTRAINT c_there CHECK (c IS NOT NULL) NOT VALID",
    "ALTER TABLE t VALIDATE CONSTRAINT c_there",
    "ALTER TABLE t ALTER c SET NOT NULL",
]


def test_the_safe_way_to_not_null_leads_through_contract_migrations():
    """NULL of old code is refused from the first statement on, so only that one has to wait: the others change nothing for it."""
    found = judge([Migration("1", CONTRACT, "", (FILLED[0],)), Migration("2", CONTRACT, "", tuple(FILLED[1:]))], POSTGRESQL, BIG)
    assert said(found) == [("required-value", "allow"), ("validate", "allow"), ("brief-lock", "allow")]
    assert [phase.phase for phase in found.phases.values()] == [CONTRACT, EXPAND]
    for default, rule in (("", "required-value"), (" DEFAULT 'x'", "brief-lock")):
        new = lint(f"ALTER TABLE t ADD c text{default}", FILLED[0], engine=POSTGRESQL)
        assert said(new)[1][0] == rule, "old code leaves a new column out, and writes no NULL to it"


def test_a_migration_without_sql_is_opaque():
    found = judge([Migration("m", EXPAND, "", None, "It is Python.")], POSTGRESQL, {})
    assert said(found) == [("opaque", "warn")] and found.phases["m"].phase == UNKNOWN
    assert found.verdicts[0].text == "It is Python." and found.verdicts[0].statement is None
    assert judge([Migration("m", EXPAND)], MARIADB, {}, Settings({"opaque": "block"})).blocked


@pytest.mark.parametrize("statements", [(), ("SELECT 1",)])
def test_a_migration_whose_dry_run_shows_a_part_is_opaque(statements):
    found = judge([Migration("m", EXPAND, "", statements, "It runs Python too.")], MARIADB, {})
    assert said(found) == [("opaque", "warn")] and found.phases["m"].phase == UNKNOWN


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("statement", "rule"), [("CALL tidy_up()", "opaque"), ("ALTER TABLE t FROBNICATE", "unparsable")])
def test_what_nobody_can_read_has_to_say_its_phase(engine, statement, rule):
    assert said(lint(statement, engine=engine, phase=UNKNOWN)) == [(rule, "warn"), ("unknown-phase", "block")]
    assert said(lint(statement, engine=engine, phase=CONTRACT)) == [(rule, "warn")]
    waived = lint(statement, engine=engine, phase=UNKNOWN, text="-- steady: allow unknown-phase: read by two")
    assert said(waived) == [(rule, "warn"), ("unknown-phase", "allow")]
    assert said(lint(statement, engine=engine, phase=UNKNOWN, levels={"unknown-phase": "warn"})) == [
        (rule, "warn"),
        ("unknown-phase", "warn"),
    ]
    # What has to wait anyway may hide more.
    assert not lint(statement, DROP, engine=engine, phase=UNKNOWN).blocked


# --- waivers --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "-- steady: allow drop-column: nobody reads it",
        "# steady: allow drop-column: nobody reads it",
        "<?php // steady: allow drop-column: nobody reads it",
        "/* steady: allow drop-column: nobody reads it */",
        "/*\n * steady:allow drop-column : nobody reads it\n */",
    ],
)
def test_a_waiver_with_a_reason(text):
    found = lint(DROP, text=text)
    assert said(found) == [("drop-column", "allow")]
    assert found.verdicts[0].waived == "nobody reads it"
    assert found.phases["m"].phase == EXPAND


def test_a_waiver_in_the_statement_itself():
    for engine in ENGINES:
        assert said(lint(f"-- steady: allow drop-column: nobody reads it\n{DROP}", engine=engine)) == [("drop-column", "allow")]


def test_a_waiver_without_a_reason_waives_nothing():
    found = lint(DROP, text="-- steady: allow drop-column")
    assert said(found) == [("drop-column", "block"), ("waiver-without-reason", "block")]
    assert said(lint(DROP, text="-- steady: allow drop-column: */")) == said(found)


def test_a_waiver_of_nothing_is_told():
    found = lint(DROP, text="-- steady: allow drop-table: x\n-- steady: allow drop-colum: y")
    assert said(found) == [("drop-column", "block"), ("unused-waiver", "warn"), ("unused-waiver", "warn")]
    assert "did you mean drop-column?" in found.verdicts[2].why


def test_a_text_that_only_looks_like_a_waiver():
    assert said(lint(f"{DROP}", "INSERT INTO t VALUES ('steady: allow drop-column: x')")) == [("drop-column", "block")]


def test_remarks_for_squawk_waive_nothing():
    assert said(lint("-- squawk-ignore ban-drop-column\n" + DROP, engine=POSTGRESQL)) == [("drop-column", "block")]


# --- levels ---------------------------------------------------------------------------------------


def test_levels_by_rule():
    assert said(lint("ALTER TABLE t FORCE", levels={"rebuild": "block"})) == [("rebuild", "block")]
    assert not lint(DROP, levels={"drop-column": "allow"}).blocked


def test_a_rule_or_level_that_does_not_exist():
    with pytest.raises(SpecError, match="no lint rule 'drop-colum': did you mean drop-column"):
        lint(levels={"drop-colum": "warn"})
    with pytest.raises(SpecError, match="drop-column can't have the level 'deny': say block, warn or allow"):
        lint(levels={"drop-column": "deny"})


# --- how a migration is put together --------------------------------------------------------------


def test_concurrently_within_a_transaction():
    index = "CREATE INDEX CONCURRENTLY i ON t (a)"
    assert ("concurrently-in-transaction", "block") in said(lint("BEGIN", index, "COMMIT", engine=POSTGRESQL))
    assert said(lint("BEGIN", "COMMIT", index, engine=POSTGRESQL)) == [("concurrently", "allow")]
    assert ("concurrently-in-transaction", "block") in said(lint("BEGIN", "REINDEX (VERBOSE) SYSTEM", "COMMIT", engine=POSTGRESQL))


ADDED, CHECKED = "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID", "ALTER TABLE t VALIDATE CONSTRAINT c"


@pytest.mark.parametrize(
    ("statements", "text", "held"),
    [
        ((ADDED, CHECKED), "", True),
        (("BEGIN", ADDED, CHECKED, "COMMIT"), "", True),
        (("BEGIN", ADDED, CHECKED, "COMMIT"), "-- steady: no transaction", True),
        ((ADDED, CHECKED), "-- steady: no transaction", False),
        ((ADDED, CHECKED), "public $withinTransaction = false;", False),
        ((ADDED, CHECKED), "    atomic = False", False),
        ((ADDED, CHECKED), "with op.get_context().autocommit_block():", True),
        ((ADDED, "COMMIT", CHECKED, "BEGIN"), "with op.get_context().autocommit_block():", False),
        (("BEGIN", ADDED, "COMMIT", "BEGIN", CHECKED), "", False),
        (("SAVEPOINT a", ADDED, "ROLLBACK TO a", CHECKED), "", True),
        ((f"{ADDED}; {CHECKED}",), "", True),
        ((f"{ADDED}, VALIDATE CONSTRAINT c",), "", True),
        ((f"{ADDED}, VALIDATE CONSTRAINT c",), "-- steady: no transaction", True),
    ],
)
def test_a_lock_is_held_until_the_transaction_ends(statements, text, held):
    assert (("held-lock", "block") in said(lint(*statements, engine=POSTGRESQL, text=text))) is held


def test_the_next_migration_is_another_transaction():
    assert ("held-lock", "block") not in said(
        judge([Migration("1", EXPAND, "", (ADDED,)), Migration("2", EXPAND, "", (CHECKED,))], POSTGRESQL, BIG)
    )


@pytest.mark.parametrize(
    ("where", "held"),
    [
        ("", True),
        ("WHERE x IS NULL", True),
        ("WHERE a <> 7 AND NOT x IS NULL", True),
        ("WHERE (id >= 1 AND id < 5000000)", True),
        ("WHERE id BETWEEN 1 AND 5000", False),
        ("WHERE id > 0 AND id <= 10000 AND x IS NULL", False),
        ("WHERE id > 9000000", False),
        ("WHERE id BETWEEN 1 AND 5000000 AND hotel = 7", False),
        ("WHERE id = 7", False),
        ("WHERE id IN (SELECT id FROM p LIMIT 5000)", False),
        ("WHERE x IS NULL OR id = 3", False),
    ],
)
def test_only_what_is_known_to_take_long_holds_up(where, held):
    for write in (f"UPDATE t SET x = 1 {where}", f"DELETE FROM t {where}", f"INSERT INTO p SELECT id FROM t {where}"):
        found = said(lint("ALTER TABLE t ADD COLUMN x int", write, engine=POSTGRESQL))
        assert (("held-lock", "block") in found) is held, write


def test_a_query_below_another_one_says_nothing_of_the_rows_that_are_written():
    counted = "INSERT INTO p SELECT 1, (SELECT id FROM t)"
    assert said(lint("ALTER TABLE t ADD COLUMN x int", counted, engine=POSTGRESQL)) == [("brief-lock", "allow")]


def test_nobody_waits_for_a_lock_on_a_small_or_new_table():
    tables = {**BIG, "few": TableFacts(7)}
    for first in ("ALTER TABLE few ADD x int", "CREATE TABLE n (id int)", "DROP TABLE p"):
        rules = {rule for rule, dummy in said(lint(first, CHECKED, "ALTER TABLE t ADD y int", engine=POSTGRESQL, tables=tables))}
        assert not rules & {"held-lock", "second-lock"}
    small = said(lint("ALTER TABLE t ADD x int", "UPDATE few SET a = 1", "ALTER TABLE few ADD x int", engine=POSTGRESQL, tables=tables))
    assert small == [("brief-lock", "allow"), ("unbounded-write", "allow"), ("brief-lock", "allow")]


def test_a_statement_behind_another_in_one_text_is_judged():
    for engine in ENGINES:
        assert said(lint("SELECT 1; DROP TABLE t", engine=engine)) == [("drop-table", "block")]
        assert said(lint("INSERT INTO p VALUES ('; DROP TABLE t')", engine=engine)) == []


def test_what_mariadb_runs_though_it_is_a_comment():
    assert said(lint("/*!50000 DROP TABLE t */")) == said(lint("/*M!100100 DROP TABLE t */")) == [("drop-table", "block")]
    assert said(lint("/* DROP TABLE t */")) == []


def test_foreign_keys_are_verified_again_in_the_next_migration():
    key = "ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES p (id)"
    migrations = [Migration("1", EXPAND, "", ("SET foreign_key_checks=0", key)), Migration("2", EXPAND, "", (key,))]
    assert said(judge(migrations, MARIADB, {})) == [("foreign-key-unchecked", "warn"), ("foreign-key", "block")]


# --- what is shown --------------------------------------------------------------------------------


def test_what_the_operator_reads():
    assert render(lint(DROP, "ALTER TABLE t ADD x\n\tint", phase=UNKNOWN)).splitlines() == [
        "m: contract. It breaks old code: drop-column of t.",
        "  warn drop-column on t, statement 1: ALTER TABLE t DROP COLUMN c",
        "    why: Old code reads and writes this column. It has to wait until the old code is gone.",
        "    lock: ALGORITHM=INSTANT or NOCOPY, LOCK=NONE: a metadata lock for a moment",
        "    instead: Drop it once no release that uses it runs or is kept.",
        "  allow brief-lock on t, statement 2: ALTER TABLE t ADD x int",
        "    why: Quick by itself, but it waits for every open transaction on the table, and all others wait behind it.",
        "    lock: ALGORITHM=INSTANT or NOCOPY, LOCK=NONE: a metadata lock for a moment",
        "  warn implicit-commit on t, statement 2: ALTER TABLE t ADD x int",
        "    why: Every DDL statement commits: where a later one fails, the earlier ones stay.",
        "    instead: One DDL statement a migration.",
        "lint: 0 block, 2 warn, 1 allow (0 of them waived)",
    ]


def test_the_same_as_data():
    found = to_json(lint(DROP))
    assert found["blocked"] and found["verdicts"][0]["safe_way"] and found["phases"]["m"]["phase"] == CONTRACT
    assert json.loads(json.dumps(found)) == found


def test_nothing_in_a_text_reaches_the_terminal():
    assert "\x1b" not in render(lint("DROP TABLE `\x1b[2J`"))


# --- what may be missing --------------------------------------------------------------------------


def test_sqlglot_is_not_installed(monkeypatch):
    monkeypatch.setattr(words, "sqlglot", None)
    with pytest.raises(MigrateError, match=r"sqlglot is not installed on the controller. Run 'pip install sqlglot'"):
        lint(DROP)


def test_squawk_is_not_installed(monkeypatch):
    monkeypatch.setattr(squawk.sysconfig, "get_path", lambda dummy: "/nowhere")
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(MigrateError, match=r"squawk is not installed on the controller. Run 'pip install squawk-cli'"):
        lint(DROP, engine=POSTGRESQL)
    assert lint(DROP, engine=MARIADB).blocked


@pytest.mark.parametrize("stdout", ["", "oh no", "7", '[{"file": "7.sql", "rule_name": "x"}]', "[1]"])
def test_squawk_says_something_else(stdout):
    class Fake:
        def run(self, argv, **dummy):
            return Completed(tuple(argv), 1, stdout, "panicked")

    with pytest.raises(MigrateError, match="squawk gave no answer that can be read: panicked"):
        SquawkCli(Fake()).judge(["SELECT 1"])


# --- texts of any kind ----------------------------------------------------------------------------

PIECES = (
    "ALTER TABLE t ADD DROP COLUMN MODIFY CHANGE x int DEFAULT ( ) , ; 'a' \"b\" `c` NOT NULL CHECK CONSTRAINT FOREIGN KEY REFERENCES p"
    " CREATE INDEX ON RENAME TO UPDATE SET = 1 WHERE DELETE FROM $$ -- /* */ . :: enum IN SELECT BEGIN WITH AS VACUUM REINDEX"
    " INSERT INTO REPLACE MERGE USING WHEN MATCHED THEN VALUES BETWEEN AND LIMIT id = 1 > < EXPLAIN ANALYZE TEMP IF EXISTS"
)
ANY = st.text(max_size=60) | st.lists(st.sampled_from(PIECES.split(" ")), max_size=14).map(" ".join)


class Silent:
    """A squawk that has nothing to say, for speed."""

    def judge(self, statements):
        return [frozenset() for dummy in statements]


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(ENGINES), st.lists(ANY, max_size=3), ANY)
def test_no_text_is_an_error(engine, statements, text):
    found = judge([Migration("m", EXPAND, "", tuple(statements))], engine, BIG, squawk=Silent(), texts={"m": text})
    render(found)
    json.dumps(to_json(found))


@settings(max_examples=15, deadline=None)
@given(st.lists(ANY, max_size=8))
def test_no_text_is_an_error_for_squawk(statements):
    judge([Migration("m", EXPAND, "", tuple(statements))], POSTGRESQL, BIG)
