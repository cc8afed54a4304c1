# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the engine asks of a migration tool, and what an adapter is given to ask it with."""

from __future__ import annotations

import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.core.runner import Completed
from ansible_collections.steady.deploy.plugins.module_utils.migrate.spec import Migration, Outcome, Pending


class Tool(t.Protocol):
    """Runs argv where the code of the new release is: in a one-off container of it, or in a folder of the host."""

    def run(
        self, argv: t.Sequence[str], *, stdin: str | None = None, timeout: float | None = None, env: t.Mapping[str, str] | None = None
    ) -> Completed:
        """Run and return, whatever the exit code. rc 127 when the program does not exist, 124 after ``timeout`` seconds."""


class Adapter(t.Protocol):
    """One migration tool. Each method raises MigrateError with one sentence where the tool gives no answer it knows.

    No adapter trusts an exit code alone: what it believes must also be said by what the tool printed.
    """

    def pending(self, tool: Tool) -> Pending:
        """What the database lacks. Changes nothing."""

    def migrations(self, tool: Tool, ids: t.Sequence[str]) -> tuple[Migration, ...]:
        """These pending migrations with their phase and the SQL that will run. Changes nothing."""

    def apply(self, tool: Tool, ids: t.Sequence[str]) -> Outcome:
        """Apply exactly these, which `pending` told last, in this order. Says how far that came: asked of the database afterwards."""
