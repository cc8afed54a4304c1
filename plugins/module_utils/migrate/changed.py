# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a migration changed of the schema, as Ansible shows it with --diff. Pure."""

from __future__ import annotations


def schema_diff(before: str, after: str) -> dict[str, str]:
    """The schema before and after, as Database.schema tells it."""
    return {"before_header": "schema before", "after_header": "schema after", "before": before, "after": after}
