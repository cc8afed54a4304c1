# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Laravel's artisan, from Laravel 8 on.

It prints for people only, wrapped to the width of a terminal, and exits with 1 for an empty database and for any error alike.
No command of it tells where the files are, some of which may be a package's own (loadMigrationsFrom): Laravel itself is asked.
A migration that was applied and whose file is gone is not in its list, so it can't tell of that drift.
"""

from __future__ import annotations

import json
import re
import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import MigrateError
from ansible_collections.steady.deploy.plugins.module_utils.core.runner import Completed
from ansible_collections.steady.deploy.plugins.module_utils.migrate.adapter import Tool
from ansible_collections.steady.deploy.plugins.module_utils.migrate.adapters.remembering import Remembering
from ansible_collections.steady.deploy.plugins.module_utils.migrate.asking import ask, check_ids, conclude, left_behind, no_answer, read
from ansible_collections.steady.deploy.plugins.module_utils.migrate.phases import described
from ansible_collections.steady.deploy.plugins.module_utils.migrate.spec import Migration, Outcome, Pending
from ansible_collections.steady.deploy.plugins.module_utils.migrate.statements import has_comment, split

# Lines are never wrapped nor cut.
_WIDE = {"COLUMNS": "100000"}
_NO_TABLE = "Migration table not found"
_NONE = "No migrations found"
_ROW = re.compile(r"^  (\S+) [. ]*(?:(Pending)|\[\d+\] Ran)\s*$", re.MULTILINE)
# Up to Laravel 8 it is a table: Ran?, Migration, Batch.
_OLD_ROW = re.compile(r"^\| (Yes|No) +\| (\S+) +\|[ \d]*\|\s*$", re.MULTILINE)
# Of a dry run: the name, or the class where it has one, then its queries.
_NAMED = re.compile(r"^  (\S+) \.*\s*$")
_QUERY = re.compile("^  ⇂ (.*?) *$")
# Runs artisan, and has what it has loaded tell the files of all migrations by name, in the order in which they are applied. A
# package's own folders are among the migrator's paths (Illuminate's Migrator) once the application is booted.
_MARK = "steady.deploy answers: "
_FILES = """
[, $folder, $artisan] = $argv;
register_shutdown_function(static function () use ($folder) {
    $migrator = Illuminate\\Container\\Container::getInstance()->make("migrator");
    echo "\\nMARK", json_encode($migrator->getMigrationFiles(array_merge($migrator->paths(), [$folder]))), "\\n";
});
$argv = $_SERVER["argv"] = [$artisan, "--version"];
$argc = $_SERVER["argc"] = 2;
require realpath($artisan);
""".replace("MARK", _MARK)
_EMPTY = "artisan makes its table even for a dry run, so the SQL of a first migration can't be seen without changing the database"
_READS = "it reads the database, and a dry run of artisan reads nothing: what really runs may be more, or less"
_HIDES = "artisan shows its SQL in one line, in which a comment hides what follows it"
_UNSEEN = "the dry run of artisan did not show it"


class Artisan(Remembering):
    """``folder`` is below the folder of the application, or absolute."""

    def __init__(self, command: t.Sequence[str], folder: str, engine: str) -> None:
        self._command = tuple(command)
        self._folder = folder
        self._engine = engine
        self._has_table = False
        self._paths: dict[str, str] = {}

    def migrations(self, tool: Tool, ids: t.Sequence[str]) -> tuple[Migration, ...]:
        """See Adapter."""
        paths = self._files(tool, ids)
        texts = read(tool, [paths[each] for each in ids])
        self._recent(tool)
        shown = self._dry_run(tool, ids) if ids else {}
        return tuple(
            described(each, f"{each}.php", texts[paths[each]], *self._sql(shown.get(each) if shown is not None else _EMPTY)) for each in ids
        )

    def apply(self, tool: Tool, ids: t.Sequence[str]) -> Outcome:
        """See Adapter. One command: artisan sorts them by name, as it does for its list, and stops at the first that fails."""
        if not ids:
            return Outcome()
        check_ids(ids, self._recent(tool))
        done = self._run(tool, "migrate", "--force", *self._only(tool, ids))
        return conclude(
            "artisan migrate",
            ids,
            done,
            lambda: self.pending(tool),
            lambda each: left_behind(self._engine, "".join(read(tool, [self._paths[each]]).values())),
        )

    def _look(self, tool: Tool) -> Pending:
        done = self._run(tool, "migrate:status")
        self._has_table = _NO_TABLE not in done.stdout
        if not self._has_table:
            names = tuple(self._files(tool))
            return Pending(names, names)
        rows = [(name, state == "Pending") for name, state in _ROW.findall(done.stdout)]
        rows = rows or [(name, ran == "No") for ran, name in _OLD_ROW.findall(done.stdout)]
        if done.rc or not (rows or _NONE in done.stdout):
            raise no_answer("artisan migrate:status", done)
        return Pending(tuple(name for name, dummy in rows), tuple(name for name, pending in rows if pending))

    def _dry_run(self, tool: Tool, ids: t.Sequence[str]) -> dict[str, list[str]] | None:
        """The queries of each migration, or None where that can't be asked without changing anything."""
        if not self._has_table:
            return None
        done = self._run(tool, "migrate", "--pretend", "--force", *self._only(tool, ids))
        if done.rc:
            raise no_answer("artisan migrate --pretend", done)
        names = {_class(each): each for each in ids}
        found: dict[str, list[str]] = {}
        queries: list[str] = []
        for line in done.stdout.splitlines():
            named, query = _NAMED.match(line), _QUERY.match(line)
            if query:
                queries.append(query.group(1))
            elif named:
                queries = found.setdefault(names.get(named.group(1), named.group(1)), [])
        return found

    def _sql(self, queries: list[str] | str | None) -> tuple[tuple[str, ...] | None, str]:
        if queries is None:
            return None, _UNSEEN
        if isinstance(queries, str):
            return None, queries
        try:
            hides = any(has_comment(query, self._engine) for query in queries)
            statements = tuple(statement for query in queries for statement in split(query, self._engine))
        except MigrateError:
            hides = True
        if hides:
            return None, _HIDES
        reads = any(statement.lower().startswith("select") for statement in statements)
        return statements, _READS if reads else ""

    def _files(self, tool: Tool, ids: t.Sequence[str] = ()) -> dict[str, str]:
        """The paths of all migrations by name, in order, asked once. Raises MigrateError where one of ``ids`` has none."""
        if not self._paths or not self._paths.keys() >= set(ids):
            done = ask(tool, [*(self._command[:-1] or ("php",)), "-r", _FILES, "--", self._folder, self._command[-1]])
            for line in done.stdout.splitlines():
                if line.startswith(_MARK):
                    self._paths = dict(json.loads(line[len(_MARK) :]))
                    break
            else:
                raise no_answer("asking Laravel where its migrations are", done)
        lacks = [each for each in ids if each not in self._paths]
        if lacks:
            raise MigrateError(f"migration {lacks[0]} has no file in {self._folder} nor in a package: set `folder` to where it is")
        return self._paths

    def _only(self, tool: Tool, ids: t.Sequence[str]) -> list[str]:
        files = self._files(tool, ids)
        paths = [files[each] for each in ids]
        # A package's are whole paths. Of the others it makes no difference, since artisan runs in the application's folder.
        whole = ["--realpath"] if any(path.startswith("/") for path in paths) else []
        return [*whole, *(f"--path={path}" for path in paths)]

    def _run(self, tool: Tool, *words: str) -> Completed:
        return ask(tool, [*self._command, *words, "--no-interaction", "--no-ansi"], env=_WIDE)


def _class(name: str) -> str:
    """2026_01_01_000000_create_rooms -> CreateRooms."""
    return "".join(word[:1].upper() + word[1:] for word in name.split("_")[4:])
