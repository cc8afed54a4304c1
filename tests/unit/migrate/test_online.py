"""What MariaDB can be asked about, and how."""

from __future__ import annotations

import pytest

from ansible_collections.steady.deploy.plugins.module_utils.migrate.online import LATER, Answer, Other, Question, later, questions, read
from ansible_collections.steady.deploy.plugins.module_utils.migrate.spec import Migration

NONE = "LOCK=NONE"


@pytest.mark.parametrize(
    ("statement", "asked"),
    [
        ("ALTER TABLE t ADD COLUMN c int", "ALTER TABLE copy ADD COLUMN c int, LOCK=NONE"),
        ("ALTER TABLE `t` ADD t int -- why", "ALTER TABLE copy ADD t int, LOCK=NONE"),
        ("/* t */ alter table t /* why */\n  add c int,\n# more\n  add d int", "alter table copy add c int, add d int, LOCK=NONE"),
        ("ALTER ONLINE TABLE IF EXISTS t DROP c", "ALTER ONLINE TABLE IF EXISTS copy DROP c, LOCK=NONE"),
        ("ALTER TABLE t RENAME COLUMN a TO b", "ALTER TABLE copy RENAME COLUMN a TO b, LOCK=NONE"),
        ("ALTER TABLE t ADD CHECK (`lock` > now())", "ALTER TABLE copy ADD CHECK (`lock` > now()), LOCK=NONE"),
        ("ALTER TABLE t ADD c text DEFAULT 'it''s; RENAME -- t'", "ALTER TABLE copy ADD c text DEFAULT 'it''s; RENAME -- t', LOCK=NONE"),
        ("create unique index i on t (c)", "create unique index i on copy (c) LOCK=NONE"),
        ("CREATE INDEX IF NOT EXISTS `t` USING BTREE ON t (t)", "CREATE INDEX IF NOT EXISTS `t` USING BTREE ON copy (t) LOCK=NONE"),
    ],
)
def test_what_is_asked(statement, asked):
    found = read(statement)
    assert isinstance(found, Question) and found.on("copy", NONE) == asked
    assert found.on("copy") == asked.rpartition(NONE)[0].rstrip(", ")


ONLY_T = Other(frozenset({"t"}))


@pytest.mark.parametrize(
    ("statement", "known"),
    [
        # They say their own, take none, or are about what the copy lacks.
        ("ALTER TABLE t ADD c int, ALGORITHM=COPY", ONLY_T),
        ("ALTER TABLE t ADD c int, LOCK EXCLUSIVE", ONLY_T),
        ("ALTER TABLE t DROP PARTITION p0", ONLY_T),
        ("ALTER TABLE t ADD c int, ORDER BY c", ONLY_T),
        ("ALTER TABLE t DROP FOREIGN KEY f", ONLY_T),
        ("ALTER TABLE t DROP c, DROP CONSTRAINT f", ONLY_T),
        ("ALTER TABLE t DISCARD TABLESPACE", ONLY_T),
        # They would tie the copy to another table.
        ("ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES p (id)", ONLY_T),
        ("ALTER TABLE t ADD (a bigint REFERENCES p (id))", ONLY_T),
        # What a backslash is, or an end of a line to the client, is not known.
        (r"ALTER TABLE t ADD c text DEFAULT 'a\'b'", ONLY_T),
        ("ALTER TABLE t ADD c text DEFAULT 'a\nb'", ONLY_T),
        # Another table has that name afterwards.
        ("ALTER TABLE T RENAME TO u", Other(frozenset({"rename", "to", "u", "alter", "table", "t"}))),
        ("RENAME TABLE `t` TO u", Other(frozenset({"rename", "table", "t", "to", "u"}))),
        ("DROP TABLE t", Other(frozenset({"drop", "table", "t"}))),
        ("CREATE OR REPLACE TABLE t (id int)", Other(frozenset({"create", "or", "replace", "table", "t", "id", "int"}))),
        ("ALTER TABLE shop.t ADD c int", Other(frozenset({"alter", "table", "shop", "t", "add", "c", "int"}))),
        # They change no table, or one that is not there yet.
        ("SELECT 1", Other()),
        ("INSERT INTO t VALUES ('a\\nb\n')", Other()),
        ("CREATE TABLE IF NOT EXISTS u (id int, t_id bigint REFERENCES t (id))", Other()),
        ("-- nothing", Other()),
        ("", Other()),
        # Nobody knows what is there afterwards.
        ("SET foreign_key_checks = 0", Other(ends="session")),
        ("SET STATEMENT lock_wait_timeout = 1 FOR ALTER TABLE t ADD c int", Other(ends="all")),
        ("SELECT 1; ALTER TABLE t ADD c int", Other(ends="all")),
        ("CALL tidy_up()", Other(ends="all")),
        ("USE other", Other(ends="all")),
        ("SELECT 'open", Other(ends="all")),
        ("ALTER TABLE t ADD c int /*! NOT NULL */", Other(ends="all")),
        ("ALTER TABLE t ADD c int /*M!100101 NOT NULL */", Other(ends="all")),
        ("ALTER TABLE t ADD c int /* open", Other(ends="all")),
    ],
)
def test_what_is_not_asked_and_what_is_known_afterwards(statement, known):
    assert read(statement) == known


def asked(*migrations):
    return [(migration, index) for migration, index, dummy in questions(Migration(name, statements=sql) for name, sql in migrations)]


T, U = "ALTER TABLE t ADD a int", "ALTER TABLE u ADD a int"


def test_a_table_that_is_another_one_by_then_is_not_asked_about():
    assert asked(("1", (T, "ALTER TABLE `T` RENAME TO v", T, U)), ("2", (T, U))) == [("1", 0), ("1", 3), ("2", 1)]


def test_settings_hold_for_a_session_and_what_happens_in_it_is_not_forgotten():
    assert asked(("1", (U, "SET foreign_key_checks = 0", T)), ("2", (T, U))) == [("1", 0), ("2", 1)]


def test_behind_what_nobody_can_read_nothing_is_asked():
    assert asked(("1", (T, "CALL tidy_up()", T)), ("2", (U,))) == [("1", 0)]
    assert asked(("1", None), ("2", (U,))) == []


def test_a_check_knows_what_a_run_asks():
    migrations = [Migration("1", statements=(T, "SELECT 1")), Migration("2", statements=None)]
    assert later(migrations) == {"1": (Answer(LATER), None), "2": ()}
