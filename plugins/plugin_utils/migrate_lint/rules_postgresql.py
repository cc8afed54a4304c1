# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong on PostgreSQL. Every lock and rewrite named here is shown by tests/integration/test_migrate_corpus.py."""

from __future__ import annotations

from ansible_collections.steady.deploy.plugins.module_utils.migrate.spec import POSTGRESQL
from ansible_collections.steady.deploy.plugins.plugin_utils.migrate_lint.verdict import ALLOW, BLOCK, WARN, Rules

_REWRITE = "AccessExclusiveLock while the table is rewritten: no reads, no writes"
_SCAN = "AccessExclusiveLock while the table is scanned: no reads, no writes"
_BRIEF = "AccessExclusiveLock at most, for a moment"
_APART = "in a migration of its own, since one migration is one transaction"
_STAGED = "Add a new column, let the app write both, fill it in batches, switch over, drop the old one a release later."

_OURS = Rules(POSTGRESQL, _BRIEF)
_sized, _contract, _always = _OURS.sized, _OURS.contract, _OURS.always

RULES = (
    # Rewrites.
    _sized(
        "volatile-default",
        BLOCK,
        _REWRITE,
        "The default is computed anew for each row, so every row is written again.",
        "Add the column without a default, set the default in a second statement, fill old rows in batches, in migrations of their own.",
    ),
    _sized(
        "stored-generated",
        BLOCK,
        _REWRITE,
        "A stored generated column is computed for every row.",
        "Add a plain column, fill it by a trigger or by the app, and old rows in batches.",
    ),
    _sized(
        "serial-column",
        BLOCK,
        _REWRITE,
        "Every row gets a number, so every row is written again.",
        "Add a nullable bigint, make a sequence its default, fill old rows in batches, in migrations of their own, then make it the key.",
    ),
    _sized("column-type", BLOCK, _REWRITE, "The new type is stored in another way, so every row is written again.", _STAGED),
    _sized(
        "type-shrink",
        BLOCK,
        _REWRITE,
        "Every value has to be checked against the shorter type, and one that is too long fails the migration.",
        f"Add CHECK (length(...) <= n) NOT VALID, then VALIDATE it {_APART}.",
    ),
    _sized(
        "timestamp-zone",
        WARN,
        _REWRITE,
        "Between timestamp and timestamptz no row is written again only where the session's TimeZone is UTC.",
        "Run the migration with SET timezone = 'UTC' where the values are UTC; otherwise add a new column and fill it in batches.",
    ),
    _sized(
        "domain-column",
        WARN,
        _REWRITE,
        "A new column of a domain with a constraint is checked in every row, and every row is written again.",
        "Give the column the type below the domain, and a CHECK with NOT VALID.",
    ),
    _sized(
        "set-unlogged",
        BLOCK,
        _REWRITE,
        "SET LOGGED and SET UNLOGGED write the whole table again, and an unlogged table is empty after a crash.",
        "Make a new table, copy in batches, swap the names.",
    ),
    _sized(
        "table-move",
        BLOCK,
        _REWRITE,
        "Another tablespace or access method means that the whole table is copied.",
        "Make a new table there, copy in batches, swap the names.",
    ),
    _sized("cluster", BLOCK, _REWRITE, "CLUSTER writes the whole table again.", "Use pg_repack, or leave the order to an index."),
    _sized(
        "vacuum-full",
        BLOCK,
        _REWRITE,
        "VACUUM FULL writes the whole table again.",
        "A plain VACUUM is enough to reuse the room; pg_repack gives it back while the table is used.",
    ),
    # Scans and builds.
    _sized(
        "set-not-null",
        BLOCK,
        _SCAN,
        "Every row is looked at for a NULL.",
        "ADD CHECK (column IS NOT NULL) NOT VALID in a contract migration, VALIDATE it and SET NOT NULL in the next: that needs no scan.",
    ),
    _sized(
        "check-constraint",
        BLOCK,
        _SCAN,
        "Every row is checked.",
        f"Add it with NOT VALID, then VALIDATE CONSTRAINT, which lets others read and write, {_APART}.",
    ),
    _sized(
        "foreign-key",
        BLOCK,
        "ShareRowExclusiveLock on both tables while the table is scanned: no writes to either",
        "Every row is looked up in the other table.",
        f"Add it with NOT VALID, then VALIDATE CONSTRAINT {_APART}.",
    ),
    _sized(
        "unique-constraint",
        BLOCK,
        "AccessExclusiveLock while the index is built: no reads, no writes",
        "The index behind the constraint is built meanwhile.",
        "CREATE UNIQUE INDEX CONCURRENTLY, then ADD CONSTRAINT ... UNIQUE USING INDEX.",
    ),
    _sized(
        "primary-key",
        BLOCK,
        "AccessExclusiveLock while the index is built: no reads, no writes",
        "The index behind the key is built, and its columns are searched for NULLs, meanwhile.",
        "Make the columns NOT NULL by way of a validated CHECK, CREATE UNIQUE INDEX CONCURRENTLY, then ADD PRIMARY KEY USING INDEX.",
    ),
    _sized(
        "primary-key-index",
        WARN,
        _SCAN,
        "Every row is looked at for a NULL, unless the columns of the index are NOT NULL already.",
        "Make them NOT NULL first, by way of a validated CHECK: it needs no scan then.",
    ),
    _sized(
        "collation",
        BLOCK,
        "AccessExclusiveLock while the indexes on the column are built: no reads, no writes",
        "Under another collation, every index on the column is built anew.",
        "CREATE INDEX CONCURRENTLY ... (column COLLATE ...), and name the collation in the queries that need it.",
    ),
    _sized(
        "exclude-constraint",
        BLOCK,
        "AccessExclusiveLock while the index is built: no reads, no writes",
        "An exclusion constraint can't be added in steps: its index is built meanwhile.",
        "There is none on a table in use: make a new table with the constraint and copy in batches.",
    ),
    _sized(
        "create-index",
        BLOCK,
        "ShareLock while the index is built: no writes",
        "Nobody can write until the index is built.",
        "CREATE INDEX CONCURRENTLY, outside of a transaction, with a long lock_timeout.",
    ),
    _sized(
        "reindex",
        BLOCK,
        "ShareLock on the table and AccessExclusiveLock on its indexes while they are built: no writes, hardly reads",
        "Nobody can write until the indexes are built again, and nobody can read by way of them.",
        "REINDEX ... CONCURRENTLY, outside of a transaction.",
    ),
    _sized(
        "attach-partition",
        WARN,
        "AccessExclusiveLock on the new partition while it is scanned",
        "Every row of the new partition is checked against its bounds.",
        "Add a validated CHECK with the same bounds to it first: it needs no scan then.",
    ),
    _sized(
        "refresh-view",
        BLOCK,
        "AccessExclusiveLock on the materialized view while its query runs: no reads",
        "Nobody can read the view until its query has ended.",
        "REFRESH MATERIALIZED VIEW CONCURRENTLY, which needs a unique index on it.",
    ),
    _sized(
        "drop-index",
        WARN,
        "AccessExclusiveLock on the table and its index",
        "It waits for every open transaction on the table, and all others wait behind it.",
        "DROP INDEX CONCURRENTLY, outside of a transaction.",
    ),
    _sized(
        "detach-partition",
        WARN,
        "AccessExclusiveLock on both tables",
        "It waits for every open transaction on the whole table, and all others wait behind it.",
        "DETACH PARTITION ... CONCURRENTLY, outside of a transaction.",
    ),
    _sized(
        "unbounded-write",
        BLOCK,
        "RowExclusiveLock, and every row stays locked until the end",
        "Every row is written in one transaction: other writers of these rows wait until it ends.",
        "Write 1,000 to 10,000 rows by ranges of the key, commit, pause, go on.",
    ),
    _sized(
        "wide-write",
        WARN,
        "RowExclusiveLock, and every row it meets stays locked until the end",
        "Nothing in the WHERE says how many rows it can be at most.",
        "Write 1,000 to 10,000 rows by ranges of the key, commit, pause, go on.",
    ),
    _sized(
        "truncate",
        BLOCK,
        "AccessExclusiveLock: no reads, no writes",
        "All rows are gone at once, for the code that runs as well.",
        "DELETE in batches what is not needed any more.",
    ),
    # Breaks the code that runs.
    _contract("drop-column", BLOCK, "Old code reads and writes this column.", "Drop it once no release that uses it runs or is kept."),
    _contract("drop-table", BLOCK, "Old code uses this table.", "Drop it once no release that uses it runs or is kept."),
    _contract("drop-object", BLOCK, "Old code may use what is dropped here.", "Drop it once no release that uses it runs or is kept."),
    _contract("rename-column", BLOCK, "Old code knows the column by its old name.", _STAGED),
    _contract(
        "rename-table",
        BLOCK,
        "Old code knows the table by its old name.",
        "Rename it and make a view of the old name in one transaction; drop the view a release later.",
    ),
    _contract(
        "rename-object",
        BLOCK,
        "Old code knows it by its old name.",
        "Make a second one with the new name, drop the old one a release later.",
    ),
    _contract(
        "rename-enum-value",
        BLOCK,
        "Old code reads and writes the old value.",
        "Add the new value, let the app write it, update old rows in batches, leave the old value where it is.",
        "RowExclusiveLock on the catalog",
    ),
    _contract(
        "required-value",
        BLOCK,
        "Old code that leaves the column out, or writes NULL, fails from now on.",
        "Give it a default, or make it NOT NULL in a contract migration, once no release that leaves it out or writes NULL runs.",
    ),
    _contract("drop-default", WARN, "Old code may count on the default.", "Drop it once no release that counts on it runs."),
    _contract("revoke", WARN, "Old code may need the right that is taken away.", "Take it away once no release that needs it runs.", ""),
    _always(
        "drop-not-null",
        WARN,
        "Old code may not expect a NULL in this column.",
        "Write no NULL before no release runs that can't read one.",
        _BRIEF,
    ),
    # How the migration is put together.
    _sized(
        "held-lock",
        BLOCK,
        "the lock that was taken before it, until the transaction ends: no writes, and mostly no reads",
        "It takes long while its transaction keeps users out of a table that was locked before.",
        "Give it a migration of its own: one migration is one transaction.",
    ),
    _sized(
        "second-lock",
        WARN,
        "the lock of a statement before it, while it waits for its own",
        "While it waits for this table, users wait for the one that a statement before it has locked.",
        "Give each table a migration of its own.",
    ),
    _always(
        "concurrently-in-transaction",
        BLOCK,
        "This can't run inside of a transaction: the server refuses it.",
        "Give it a migration of its own that runs without a transaction.",
    ),
    _always(
        "domain-constraint",
        WARN,
        "A constraint on a domain is checked in every table that uses it.",
        "Use a CHECK on the tables, added with NOT VALID.",
        "ShareLock on every table that uses the domain, while it is scanned",
    ),
    _always(
        "lock-table",
        BLOCK,
        "The lock is held until the end of the transaction.",
        "Leave it out: each statement locks what it needs.",
        "the lock it names, until the end of the transaction",
    ),
    _always(
        "timeout-off",
        WARN,
        "This takes off the limit that keeps the migration from blocking everybody.",
        "Leave the timeouts to the play that runs the migration.",
    ),
    _always("too-long-name", WARN, "Names are cut at 63 bytes, so this one will not be what it says.", "Choose a shorter name."),
    # For the record: how a harmless statement locks.
    _always(
        "concurrently",
        ALLOW,
        "It works beside reads and writes, and waits for transactions that are open.",
        "Give it a long lock_timeout, and look for an index that is left invalid where it fails.",
        "ShareUpdateExclusiveLock; ExclusiveLock on a materialized view",
    ),
    _always("validate", ALLOW, "It scans the table beside reads and writes.", "", "ShareUpdateExclusiveLock while the table is scanned"),
    _always(
        "brief-lock",
        ALLOW,
        "Quick by itself, but it waits for every open transaction on the table, and all others wait behind it.",
        "Keep lock_timeout at a few seconds and try again.",
        _BRIEF,
    ),
)
