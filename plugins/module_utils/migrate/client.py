# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SQL through a database's own client. Whom it connects to is up to its environment: nothing secret is in argv."""

from __future__ import annotations

import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.core.runner import Completed
from ansible_collections.steady.deploy.plugins.module_utils.migrate.adapter import Tool
from ansible_collections.steady.deploy.plugins.module_utils.migrate.asking import ask
from ansible_collections.steady.deploy.plugins.module_utils.migrate.spec import MARIADB, POSTGRESQL

# No start-up file, never ask for a password, stop at the first error, name errors by number; rows without frame, by tabs.
_OPTIONS: dict[str, tuple[str, ...]] = {
    POSTGRESQL: ("-X", "-w", "-q", "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-v", "VERBOSITY=verbose"),
    MARIADB: ("--batch", "--skip-column-names", "--default-character-set=utf8mb4"),
}


class ProgramClient:
    """psql or mariadb, with the arguments before its own: ("psql",), ("mariadb", "hotel")."""

    def __init__(self, tool: Tool, command: t.Sequence[str], engine: str) -> None:
        self._tool = tool
        self._command = tuple(command)
        self._options = _OPTIONS[engine]

    def run(self, sql: str, before: t.Sequence[str] = ()) -> Completed:
        """Run ``sql`` from stdin, whatever becomes of it. ``before`` is argv of a program that runs the client at its end."""
        return ask(self._tool, [*before, *self._command, *self._options], stdin=sql)


def rows(printed: str) -> list[tuple[str, ...]]:
    """What a client prints, as rows."""
    return [tuple(line.split("\t")) for line in printed.splitlines() if line]
