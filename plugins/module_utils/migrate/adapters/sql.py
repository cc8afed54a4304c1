# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plain SQL files with a ledger of our own, through psql or mariadb.

On PostgreSQL a file is one transaction, with its row of the ledger in it. Elsewhere, and for a file that can't run in a
transaction, its row is written before and completed after it: a row without an end was begun and nobody knows how far it came.
"""

from __future__ import annotations

import posixpath
import re
import typing as t
from dataclasses import replace

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import MigrateError
from ansible_collections.steady.deploy.plugins.module_utils.migrate.adapter import Tool
from ansible_collections.steady.deploy.plugins.module_utils.migrate.adapters.remembering import Remembering
from ansible_collections.steady.deploy.plugins.module_utils.migrate.asking import (
    NOTHING_LEFT,
    check_ids,
    conclude,
    left_behind,
    no_answer,
    read,
)
from ansible_collections.steady.deploy.plugins.module_utils.migrate.client import ProgramClient, rows
from ansible_collections.steady.deploy.plugins.module_utils.migrate.indexes import is_concurrent
from ansible_collections.steady.deploy.plugins.module_utils.migrate.phases import described
from ansible_collections.steady.deploy.plugins.module_utils.migrate.spec import POSTGRESQL, Migration, Outcome, Pending
from ansible_collections.steady.deploy.plugins.module_utils.migrate.statements import TRANSACTION, first_word, split

LEDGER = "steady_migrations"
_MAKE = (
    f"CREATE TABLE IF NOT EXISTS {LEDGER} "
    "(id varchar(190) PRIMARY KEY, checksum char(64) NOT NULL, begun timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP, ended timestamp NULL);\n"
)
_ASK = f"SELECT id, checksum, CASE WHEN ended IS NULL THEN 0 ELSE 1 END FROM {LEDGER} ORDER BY id;\n"
_NO_LEDGER = re.compile(r"42P01|\b1146\b")
_MARK = "-- ledger"
_ALONE = "nothing: it is one statement"
# Files and ledger in one command: the client is what this script becomes.
_LOOK = f"""find "$0" -name '*.sql' -type f -exec sha256sum {{}} + && echo '{_MARK}' && exec "$@" """
_FILE = re.compile(r"([0-9a-f]{64}) [ *](.+)")
_ID = re.compile(r"[\w.+@/-]{1,190}", re.ASCII)


class SqlFiles(Remembering):
    """``command`` is the client's. ``id`` of a migration is its path below ``folder``; the order is that of their names."""

    def __init__(self, command: t.Sequence[str], folder: str, engine: str) -> None:
        self._command = tuple(command)
        self._folder = folder
        self._engine = engine
        self._checksums: dict[str, str] = {}

    def migrations(self, tool: Tool, ids: t.Sequence[str]) -> tuple[Migration, ...]:
        """See Adapter."""
        texts = read(tool, [self._path(each) for each in ids])
        return tuple(described(each, each, texts[self._path(each)], split(texts[self._path(each)], self._engine)) for each in ids)

    def apply(self, tool: Tool, ids: t.Sequence[str]) -> Outcome:
        """See Adapter."""
        if not ids:
            return Outcome()
        pending, sums = self._recent(tool), self._checksums
        check_ids(ids, pending)
        texts = read(tool, [self._path(each) for each in ids])
        # Before the first one runs: a file that can't be split would be found out in the midst of it.
        scripts = [self._script(each, sums[each], texts[self._path(each)]) for each in ids]
        client = ProgramClient(tool, self._command, self._engine)
        undone = True
        for each, script in zip(ids, scripts):
            done = client.run(script)
            if done.rc:
                if self._left(texts[self._path(each)]) == _ALONE:
                    # What fails as a whole is as if it had never begun.
                    undone = not client.run(f"DELETE FROM {LEDGER} WHERE id = '{each}' AND ended IS NULL;\n").rc
                break
        outcome = conclude(
            self._command[0],
            ids,
            done,
            lambda: self._look(tool, begun=True),
            lambda each: self._left(texts[self._path(each)]),
        )
        if outcome.failed is None or undone or outcome.failed in self._look(tool).pending:
            return outcome
        left = f"only its row in {LEDGER}, which could not be taken out: delete it"
        return replace(outcome, left=left, final=True)

    def _left(self, text: str) -> str:
        """What a file that failed leaves behind. A statement is done wholly or not at all, in MariaDB since its DDL is crash-safe (10.6);
        but not one of PostgreSQL that works beside others.
        """
        left, statements = left_behind(self._engine, text), split(text, self._engine)
        alone = len(statements) == 1 and not (self._engine == POSTGRESQL and is_concurrent(statements[0]))
        return _ALONE if alone and left != NOTHING_LEFT else left

    def _look(self, tool: Tool, begun: bool = False) -> Pending:
        """What is pending. ``begun`` takes what was begun and never ended as pending."""
        done = ProgramClient(tool, self._command, self._engine).run(_ASK, ["sh", "-c", _LOOK, self._folder])
        listed, found, printed = done.stdout.partition(f"{_MARK}\n")
        if done.rc and not (found and _NO_LEDGER.search(done.stderr)):
            raise no_answer(self._command[0] if found else f"listing {self._folder}", done)
        sums = self._checksums = self._sums(listed)
        ledger = {row[0]: (row[1], row[2] == "1") for row in rows(printed)}
        drift = []
        for each, (checksum, ended) in ledger.items():
            if not ended:
                drift.append(
                    f"migration {each} was begun and never ended: see what of it is there, then delete its row in {LEDGER} to run it "
                    "again, or set its `ended` to go on behind it"
                )
            elif each not in sums:
                drift.append(f"migration {each} is applied, but the code does not have it any more")
            elif sums[each] != checksum:
                drift.append(f"migration {each} was changed after it was applied: put it back, and make a new one of the change")
        applied = {each for each, (dummy, ended) in ledger.items() if ended or not begun}
        return Pending(tuple(sums), tuple(each for each in sums if each not in applied), tuple(drift))

    def _sums(self, listed: str) -> dict[str, str]:
        found = {}
        for checksum, path in _FILE.findall(listed):
            name = posixpath.relpath(path, self._folder)
            if not _ID.fullmatch(name):
                raise MigrateError(f"file {name} in {self._folder} needs a name of letters, digits, `.`, `_` and `-`, 190 at most")
            found[name] = checksum
        # By the name of the file: a folder contract/ beside the others says only what phase they are.
        order = sorted(found, key=lambda name: (posixpath.basename(name), name))
        return {name: found[name] for name in order}

    def _script(self, name: str, checksum: str, text: str) -> str:
        """The SQL that applies a file and keeps the ledger."""
        words = {first_word(each) for each in split(text, self._engine)}
        begin = f"INSERT INTO {LEDGER} (id, checksum) VALUES ('{name}', '{checksum}');\n"
        end = f";\nUPDATE {LEDGER} SET ended = CURRENT_TIMESTAMP WHERE id = '{name}';\n"
        if self._engine != POSTGRESQL:
            return f"{_MAKE}{begin}{text}\nDELIMITER ;\n{end}"
        if left_behind(self._engine, text) != NOTHING_LEFT:
            return f"{_MAKE}{begin}{text}\n{end}"
        own = sorted(words.intersection(TRANSACTION))
        if own:
            raise MigrateError(
                f"migration {name} has {own[0]} of its own, but runs in a transaction: take it out, or note `steady: no transaction`"
            )
        return f"BEGIN;\n{_MAKE}{begin}{text}\n{end}COMMIT;\n"

    def _path(self, name: str) -> str:
        return posixpath.join(self._folder, name)
