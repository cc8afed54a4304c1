# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Statements that MariaDB itself is to refuse, and their trial on an empty copy."""

from __future__ import annotations

import pytest

from ansible_collections.steady.deploy.plugins.plugin_utils.migrate_lint.enforce import guarded, probe_statements


@pytest.mark.parametrize(
    ("statement", "asked"),
    [
        ("ALTER TABLE t ADD COLUMN c int", "ALTER TABLE t ADD COLUMN c int, ALGORITHM=INSTANT"),
        ("ALTER TABLE t ADD c int -- why", "ALTER TABLE t ADD c int, ALGORITHM=INSTANT"),
        ("ALTER TABLE t ADD KEY (c), ADD d int", "ALTER TABLE t ADD KEY (c), ADD d int, ALGORITHM=NOCOPY, LOCK=NONE"),
        ("ALTER TABLE t DROP COLUMN c", "ALTER TABLE t DROP COLUMN c, ALGORITHM=NOCOPY, LOCK=NONE"),
        (
            "ALTER TABLE t ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES p (id)",
            "ALTER TABLE t ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES p (id), ALGORITHM=NOCOPY, LOCK=NONE",
        ),
        ("create unique index i on t (c)", "create unique index i on t (c) ALGORITHM=NOCOPY LOCK=NONE"),
        ("ALTER TABLE t ADD algorithm int", None),
        ("ALTER TABLE t ADD c int, ALGORITHM=COPY", None),
        ("ALTER TABLE t RENAME TO u", None),
        ("ALTER TABLE t RENAME COLUMN a TO b", "ALTER TABLE t RENAME COLUMN a TO b, ALGORITHM=INSTANT"),
        ("ALTER TABLE t DROP PARTITION p0", None),
        ("DROP INDEX i ON t", None),
        ("DROP TABLE t", None),
        ("SELECT 1; ALTER TABLE t ADD c int", None),
        ("ALTER TABLE t ADD c int /* why */ DEFAULT 1", None),
        ("'", None),
        ("", None),
    ],
)
def test_what_is_asked_for(statement, asked):
    assert guarded(statement) == asked


@pytest.mark.parametrize(
    ("name", "copy"),
    [("t", "steady_probe"), ("`t`", "steady_probe"), ("shop.t", "shop.steady_probe"), ("`my shop`.`t t`", "`my shop`.steady_probe")],
)
def test_the_trial_is_in_the_same_schema(name, copy):
    assert probe_statements(f"ALTER TABLE {name} ADD t int") == (
        f"DROP TABLE IF EXISTS {copy}",
        f"CREATE TABLE {copy} LIKE {name}",
        f"ALTER TABLE {copy} ADD t int, ALGORITHM=INSTANT",
        f"DROP TABLE IF EXISTS {copy}",
    )
    index = probe_statements(f"CREATE INDEX t ON {name} (t)")
    assert index is not None and index[2] == f"CREATE INDEX t ON {copy} (t) ALGORITHM=NOCOPY LOCK=NONE"


@pytest.mark.parametrize(
    "statement", ["ALTER TABLE t DROP FOREIGN KEY f", "ALTER TABLE t DROP CONSTRAINT f", "ALTER TABLE t RENAME u", "SELECT 1"]
)
def test_what_can_not_be_tried_on_a_copy(statement):
    assert probe_statements(statement) is None
