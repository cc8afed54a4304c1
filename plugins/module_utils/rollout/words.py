# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names in a sentence."""

from __future__ import annotations

import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.probe.wording import words


def counted(one: str, many: str, names: t.Sequence[str]) -> str:
    """``one`` or ``many``, then the names."""
    return f"{one if len(names) == 1 else many} {words(names)}"


def is_or_are(names: t.Sequence[str]) -> str:
    """The verb for so many names."""
    return "is" if len(names) == 1 else "are"
