# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What squawk says of PostgreSQL's statements, in the names of our rules."""

from __future__ import annotations

import json
import os
import re
import shutil
import sysconfig
import tempfile
import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import MigrateError
from ansible_collections.steady.deploy.plugins.module_utils.core.runner import Runner, SubprocessRunner
from ansible_collections.steady.deploy.plugins.plugin_utils.migrate_lint.words import Sql

# squawk's rule, our rule, and what the statement must look like for it: one squawk rule means several things to us, and one
# text can hold several statements. Rules that are not here are a matter of style, or judged with more knowledge by us.
_SAME = (
    ("constraint-missing-not-valid", "check-constraint", r"ALTER TABLE .*ADD (CONSTRAINT \S+ )?CHECK"),
    ("adding-foreign-key-constraint", "foreign-key", r"ALTER TABLE .*ADD (CONSTRAINT \S+ )?FOREIGN KEY"),
    ("disallowed-unique-constraint", "unique-constraint", r"ALTER TABLE .*UNIQUE"),
    ("adding-serial-primary-key-field", "primary-key", r"ALTER TABLE .*PRIMARY KEY"),
    ("adding-not-nullable-field", "set-not-null", r"ALTER TABLE .*SET NOT NULL"),
    ("adding-required-field", "required-value", r"ALTER TABLE .*ADD .*NOT NULL"),
    ("ban-drop-not-null", "drop-not-null", r"ALTER TABLE .*DROP NOT NULL"),
    ("ban-drop-column", "drop-column", r"ALTER TABLE .*DROP"),
    ("renaming-column", "rename-column", r"ALTER (FOREIGN )?TABLE .*RENAME"),
    ("renaming-table", "rename-table", r"ALTER (FOREIGN )?TABLE .*RENAME TO"),
    ("ban-set-schema", "rename-object", r"ALTER .*SET SCHEMA"),
    ("renaming-object", "rename-enum-value", r"ALTER TYPE .*RENAME VALUE"),
    ("renaming-object", "rename-object", r"ALTER (?!TABLE |INDEX )(?!.*RENAME (VALUE|CONSTRAINT) ).*RENAME"),
    ("require-concurrent-partition-detach", "detach-partition", r"ALTER TABLE .*DETACH PARTITION"),
    ("require-concurrent-index-creation", "create-index", r"CREATE (UNIQUE )?INDEX"),
    ("require-concurrent-index-deletion", "drop-index", r"DROP INDEX"),
    ("require-concurrent-reindex", "reindex", r"REINDEX"),
    ("ban-drop-table", "drop-table", r"DROP TABLE"),
    ("ban-alter-domain-with-add-constraint", "domain-constraint", r"ALTER DOMAIN"),
    ("identifier-too-long", "too-long-name", r""),
    ("syntax-error", "unparsable", r""),
)


class Squawk(t.Protocol):
    """The linter for PostgreSQL."""

    def judge(self, statements: t.Sequence[str]) -> list[frozenset[str]]:
        """The names of squawk's rules that each statement meets. Raises MigrateError where squawk can't say."""


class SquawkCli:
    """The real one: the program of the Python package squawk-cli."""

    def __init__(self, runner: Runner | None = None) -> None:
        self._runner = runner or SubprocessRunner(os.environ)

    def judge(self, statements: t.Sequence[str]) -> list[frozenset[str]]:
        """See Squawk.judge. Each statement goes into a file of its own, so that one that can't be read spoils no other."""
        if not statements:
            return []
        with tempfile.TemporaryDirectory() as folder:
            # The user's own settings and remarks for squawk must not switch anything off without a reason.
            _write(folder, ".squawk.toml", "")
            names = [f"{index}.sql" for index in range(len(statements))]
            for name, statement in zip(names, statements):
                _write(folder, name, statement.replace("squawk-ignore", "squawk ignore"))
            done = self._runner.run([program(), "--reporter", "json", *names], cwd=folder, timeout=60)
        found: list[set[str]] = [set() for dummy in statements]
        try:
            # Its exit code is 1 for any remark as well as for a file that is not there: only the answer itself counts.
            for remark in json.loads(done.stdout):
                found[names.index(remark["file"])].add(remark["rule_name"])
        except (ValueError, KeyError, TypeError) as exc:
            said = (done.stderr or done.stdout).strip() or f"exit code {done.rc}"
            raise MigrateError(f"Migrations can't be judged: squawk gave no answer that can be read: {said}") from exc
        return [frozenset(rules) for rules in found]


def program() -> str:
    """Where squawk is. Raises MigrateError where it is not installed."""
    beside = os.path.join(sysconfig.get_path("scripts"), "squawk")
    path = beside if os.access(beside, os.X_OK) else shutil.which("squawk")
    if path is None:
        raise MigrateError(
            "Migrations can't be judged: squawk is not installed on the controller. "
            "Run 'pip install squawk-cli' in the environment that Ansible runs in."
        )
    return path


def ours(theirs: frozenset[str], sql: Sql) -> list[str]:
    """The ids of our rules that squawk saw met by this statement."""
    return [rule for name, rule, shape in _SAME if name in theirs and re.match(shape, sql.flat.canon)]


def _write(folder: str, name: str, text: str) -> None:
    with open(os.path.join(folder, name), "w", encoding="utf-8", errors="replace") as stream:
        stream.write(text)
