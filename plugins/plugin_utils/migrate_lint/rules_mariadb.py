# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong on MariaDB. What the server accepts is shown by tests/integration/test_migrate_corpus.py."""

from __future__ import annotations

import functools

from ansible_collections.steady.deploy.plugins.module_utils.migrate.spec import MARIADB
from ansible_collections.steady.deploy.plugins.plugin_utils.migrate_lint.verdict import ALLOW, BLOCK, WARN, Rules

_COPY = "ALGORITHM=COPY: the table is copied, and nobody can write meanwhile (MariaDB from 11.2 on can do most of it with LOCK=NONE)"
_SHARED = "ALGORITHM=INPLACE, LOCK=SHARED: no writes while it is built"
_REBUILD = "ALGORITHM=INPLACE, LOCK=NONE: the table is built anew beside reads and writes"
_INSTANT = "ALGORITHM=INSTANT or NOCOPY, LOCK=NONE: a metadata lock for a moment"
_STAGED = "Add a new column, let the app write both, fill it in batches, switch over, drop the old one a release later."
_TOOL = "Copy with gh-ost or pt-online-schema-change."

_OURS = Rules(MARIADB, _INSTANT)
_sized, _contract, _always = _OURS.sized, _OURS.contract, _OURS.always
_by_server = functools.partial(_OURS.sized, overruled=True)

RULES = (
    # The table is copied.
    _by_server(
        "volatile-default",
        BLOCK,
        _COPY,
        "The default is another one for each row, so the table is copied.",
        "Add the column without a default, set the default in a second statement, fill old rows in batches.",
    ),
    _by_server(
        "stored-generated",
        BLOCK,
        _COPY,
        "A stored generated column is computed for every row.",
        "Make it VIRTUAL, or add a plain column that the app fills.",
    ),
    _by_server("column-type", BLOCK, _COPY, "The new type is stored in another way, so the table is copied.", f"{_STAGED} Or: {_TOOL}"),
    _sized(
        "type-shrink",
        BLOCK,
        _COPY,
        "Every value has to be checked against the shorter type, and one that is too long fails.",
        "Let the app keep to the limit, or stage it by a new column.",
    ),
    _by_server("charset-convert", BLOCK, _COPY, "Every text is converted and every index on it built anew.", _TOOL),
    _by_server(
        "enum-change",
        BLOCK,
        _COPY,
        "Values that change their place change how every row is stored.",
        "Append new values at the end and leave the old ones where they are.",
    ),
    _by_server("check-constraint", BLOCK, _COPY, "Every row is checked in a copy of the table.", f"Check in the app. Or: {_TOOL}"),
    _sized(
        "foreign-key",
        BLOCK,
        _COPY,
        "Every row is looked up in the other table.",
        "Verify the rows first, then add it with foreign_key_checks=0 in the same session: ALGORITHM=NOCOPY, LOCK=NONE.",
    ),
    _by_server(
        "drop-primary-key",
        BLOCK,
        _COPY,
        "The table is ordered by its key: without one it is copied.",
        "Drop the key and add the new one in the same statement.",
    ),
    _sized("partition", BLOCK, _COPY, "Partitioning moves every row.", _TOOL),
    _by_server("system-versioning", BLOCK, _COPY, "Every row gets its own begin and end.", _TOOL),
    _sized(
        "lock-option",
        BLOCK,
        "the lock and algorithm it asks for",
        "It asks for a lock or an algorithm that keeps writers out.",
        "Say ALGORITHM=INSTANT, or ALGORITHM=NOCOPY, LOCK=NONE: the server refuses what can't be done that way.",
    ),
    # The table is built anew, or an index keeps writers out.
    _by_server(
        "auto-increment", BLOCK, _SHARED, "Every row gets a number while nobody can write.", "Make a new table and copy in batches."
    ),
    _by_server(
        "fulltext-index", BLOCK, _SHARED, "Nobody can write until the index is built.", "Build it off-peak, or on a copy of the table."
    ),
    _by_server(
        "nullability",
        WARN,
        _REBUILD,
        "NULL and NOT NULL are stored differently, so the table is built anew.",
        "Have disk for a second table and watch the replicas' lag.",
    ),
    _by_server(
        "primary-key",
        BLOCK,
        _REBUILD,
        "The table is ordered by its key, so it is built anew.",
        "Have disk for a second table and watch the replicas' lag, or make a new table.",
    ),
    _by_server("rebuild", WARN, _REBUILD, "The table is built anew.", "Have disk for a second table and watch the replicas' lag."),
    _sized(
        "server-refuses-online",
        BLOCK,
        "LOCK=SHARED at least: nobody can write meanwhile",
        "The server itself, asked on an empty copy of the table, does not do it while others write.",
        f"{_STAGED} Or: {_TOOL}",
    ),
    _sized(
        "unique-index",
        WARN,
        "ALGORITHM=NOCOPY, LOCK=NONE while the index is built",
        "One value that is there twice fails the migration.",
        "Look for duplicates first.",
    ),
    _sized(
        "foreign-key-unchecked",
        WARN,
        "ALGORITHM=NOCOPY or INSTANT, LOCK=NONE",
        "With foreign_key_checks=0 nobody verifies the rows that are there.",
        "Verify them first: SELECT the rows whose key has no counterpart.",
    ),
    _sized(
        "unbounded-write",
        BLOCK,
        "every row stays locked until the end",
        "Every row is written in one transaction: undo, locks and lag.",
        "Write 1,000 to 10,000 rows by ranges of the key, commit, pause, go on.",
    ),
    _sized(
        "wide-write",
        WARN,
        "every row it reads stays locked until the end",
        "Nothing in the WHERE says how many rows it can be at most.",
        "Write 1,000 to 10,000 rows by ranges of the key, commit, pause, go on.",
    ),
    _sized(
        "truncate",
        BLOCK,
        "an exclusive metadata lock",
        "All rows are gone at once, for the code that runs as well.",
        "DELETE in batches what is not needed any more.",
    ),
    # Breaks the code that runs.
    _contract("drop-column", BLOCK, "Old code reads and writes this column.", "Drop it once no release that uses it runs or is kept."),
    _contract(
        "drop-table",
        BLOCK,
        "Old code uses this table.",
        "Drop it once no release that uses it runs or is kept.",
        "an exclusive metadata lock",
    ),
    _contract("drop-object", BLOCK, "Old code may use what is dropped here.", "Drop it once no release that uses it runs or is kept.", ""),
    _contract("rename-column", BLOCK, "Old code knows the column by its old name.", _STAGED),
    _contract(
        "rename-table",
        BLOCK,
        "Old code knows the table by its old name.",
        "Make a new table or a view, let the app move over, drop the old name a release later.",
    ),
    _contract(
        "drop-enum-value",
        BLOCK,
        "Old code reads and writes the value that goes.",
        "Let the app stop writing it, update old rows in batches, and leave the value where it is.",
        _COPY,
    ),
    _contract(
        "required-value",
        BLOCK,
        "Old code that leaves the column out, or writes NULL, fails from now on.",
        "Give it a default, or make it NOT NULL once no release that leaves it out runs.",
    ),
    _contract("drop-default", WARN, "Old code may count on the default.", "Drop it once no release that counts on it runs."),
    _contract("revoke", WARN, "Old code may need the right that is taken away.", "Take it away once no release that needs it runs.", ""),
    # How the migration is put together.
    _always(
        "implicit-commit",
        WARN,
        "Every DDL statement commits: where a later one fails, the earlier ones stay.",
        "One DDL statement a migration.",
    ),
    _always(
        "lock-table",
        BLOCK,
        "The lock is held until it is given back.",
        "Leave it out: each statement locks what it needs.",
        "the lock it names, until UNLOCK TABLES",
    ),
    # Signal 11 in Item_func_nextval::val_int, within a second of four connections that prepare and execute; tests/integration has it.
    _always(
        "sequence-default",
        BLOCK,
        "MariaDB (10.11.18 and 11.8.9 at least) crashes where several connections at once insert by prepared statements and the default "
        "is a sequence's next value.",
        "Let the app or a BEFORE INSERT trigger take the next value, or use AUTO_INCREMENT or UUID().",
    ),
    _always(
        "timeout-off",
        WARN,
        "This takes off the limit that keeps the migration from blocking everybody.",
        "Leave the timeouts to the play that runs the migration.",
    ),
    # For the record: how a harmless statement locks.
    _always("index-build", ALLOW, "It works beside reads and writes.", "", "ALGORITHM=NOCOPY, LOCK=NONE while the index is built"),
    _always(
        "brief-lock",
        ALLOW,
        "Quick by itself, but it waits for every open transaction on the table, and all others wait behind it.",
        "Keep lock_wait_timeout at a few seconds and try again.",
        _INSTANT,
    ),
)
