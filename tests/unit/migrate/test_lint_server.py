"""The server has the last word on what its tables go through."""

from __future__ import annotations

import pytest
from unit.migrate.test_lint import BIG, said

from ansible_collections.steady.deploy.plugins.module_utils.migrate.online import FREE, LATER, REFUSED, Answer
from ansible_collections.steady.deploy.plugins.module_utils.migrate.spec import EXPAND, MARIADB, Migration
from ansible_collections.steady.deploy.plugins.plugin_utils.migrate_lint.judge import judge
from ansible_collections.steady.deploy.plugins.plugin_utils.migrate_lint.rules import RULES
from ansible_collections.steady.deploy.plugins.plugin_utils.migrate_lint.verdict import Settings, TableFacts

COPIES, ADDS = "ALTER TABLE t MODIFY a bigint", "ALTER TABLE t ADD COLUMN x int"
NO = Answer(REFUSED, "LOCK=NONE is not supported. Reason: ON DELETE CASCADE. Try LOCK=SHARED")


def lint(statement, answer, tables=None, text="", **given):
    return judge(
        [Migration("m", EXPAND, "", ("SELECT 1", statement))],
        MARIADB,
        BIG if tables is None else tables,
        Settings(**given),
        texts={"m": text},
        answers={"m": (None, answer)},
    )


def test_what_the_server_does_online_is_allowed_and_says_so():
    (verdict,) = lint(COPIES, Answer(FREE)).verdicts
    assert (verdict.rule, verdict.level) == ("column-type", "allow")
    assert "The server does it online." in verdict.why and verdict.lock == "LOCK=NONE: the server says so"


def test_without_an_answer_the_rule_stands():
    assert said(lint(COPIES, None)) == [("column-type", "block")]


@pytest.mark.parametrize("answer", [Answer(FREE), Answer(LATER)])
@pytest.mark.parametrize("level", ["block", "warn"])
def test_what_the_user_has_set_for_a_rule_counts_more(answer, level):
    assert said(lint(COPIES, answer, levels={"column-type": level})) == [("column-type", level)]


def test_an_answer_is_of_its_own_statement():
    twice = [Migration("m", EXPAND, "", (COPIES, "ALTER TABLE t FORCE"))]
    found = judge(twice, MARIADB, BIG, answers={"m": (None, Answer(FREE)), "other": (Answer(FREE), None)})
    assert said(found)[:2] == [("column-type", "block"), ("rebuild", "allow")]


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("ALTER TABLE t DROP COLUMN c", [("drop-column", "block")]),
        ("ALTER TABLE t ADD UNIQUE (c)", [("unique-index", "warn")]),
        ("ALTER TABLE t ADD x int NOT NULL", [("required-value", "block")]),
        (ADDS, [("brief-lock", "allow")]),
    ],
)
def test_what_hurts_for_another_reason_still_does(statement, found):
    assert said(lint(statement, Answer(FREE))) == found


def test_a_value_that_may_not_fit_still_blocks():
    assert RULES[MARIADB, "type-shrink"].overruled is RULES[MARIADB, "lock-option"].overruled is False


def test_what_the_server_refuses_is_blocked_though_no_rule_knew():
    (verdict,) = lint(ADDS, NO).verdicts
    assert (verdict.rule, verdict.level, verdict.table, verdict.statement) == ("server-refuses-online", "block", "t", 1)
    assert "ON DELETE CASCADE" in verdict.why


def test_other_rules_keep_their_word_beside_it():
    found = said(lint("ALTER TABLE t DROP COLUMN c", NO))
    assert found == [("drop-column", "block"), ("server-refuses-online", "block")]
    assert said(lint("ALTER TABLE t FORCE", NO)) == [("rebuild", "warn"), ("server-refuses-online", "block")]


def test_where_a_rule_blocks_anyway_it_gets_the_servers_words():
    (verdict,) = lint(COPIES, NO).verdicts
    assert (verdict.rule, verdict.level) == ("column-type", "block") and "ON DELETE CASCADE" in verdict.why


def test_a_small_table_may_wait():
    (verdict,) = lint(ADDS, NO, {"t": TableFacts(10)}).verdicts
    assert (verdict.rule, verdict.level) == ("server-refuses-online", "allow") and "about 10 rows" in verdict.why
    assert said(lint(ADDS, NO, {"t": TableFacts(10)}, small_rows=5)) == [("server-refuses-online", "block")]


def test_it_has_levels_and_waivers_as_any_rule():
    assert said(lint(ADDS, NO, levels={"server-refuses-online": "warn"})) == [("server-refuses-online", "warn")]
    (verdict,) = lint(ADDS, NO, text="-- steady: allow server-refuses-online: at night").verdicts
    assert (verdict.level, verdict.waived) == ("allow", "at night")


def test_a_waiver_of_a_rule_is_not_asked_for_twice_nor_called_unused():
    waived = "-- steady: allow column-type: at night"
    assert said(lint(COPIES, NO, text=waived)) == [("column-type", "allow")]
    assert said(lint(COPIES, Answer(FREE), text=waived)) == [("column-type", "allow")]


def test_a_check_does_not_fail_where_a_run_may_pass():
    (verdict,) = lint(COPIES, Answer(LATER)).verdicts
    assert verdict.level == "warn" and "A run asks the server first" in verdict.why
    assert said(lint("ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES p (id)", None)) == [("foreign-key", "block")]
    assert said(lint("ALTER TABLE t DROP COLUMN c", Answer(LATER))) == [("drop-column", "block")]
    assert said(lint(COPIES, Answer(LATER), {"t": TableFacts(10)})) == [("column-type", "allow")]
