# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a migration changed of the schema, as Ansible shows it with --diff."""

from __future__ import annotations

import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import MigrateError


class HasSchema(t.Protocol):
    """A database that can tell its schema."""

    def schema(self) -> str:
        """Its schema as text. Raises MigrateError."""


def schema_diff(label: str, before: str, database: HasSchema) -> tuple[list[dict[str, str]], list[str]]:
    """The schema before and now, where it differs; and a warning where it can't be asked, since what is applied is applied."""
    try:
        after = database.schema()
    except MigrateError as exc:
        return [], [f"what became of the schema can't be shown: {exc.message}"]
    if after == before:
        return [], []
    return [{"before_header": f"schema of {label}", "after_header": "", "before": before, "after": after}], []
