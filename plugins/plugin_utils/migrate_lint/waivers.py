# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waivers: ``steady: allow RULE: REASON`` in a comment of a migration, in SQL or in the language of its file. Pure."""

from __future__ import annotations

import re
import typing as t

_WAIVER = re.compile(r"(?:--|#|//|/\*|^\s*\*)\s*steady:\s*allow\s+([\w-]+)[ \t]*(?::[ \t]*([^\n]*))?", re.MULTILINE)


def waivers(texts: t.Iterable[str]) -> dict[str, str]:
    """The reason by rule id, empty where none is given. A reason counts wherever the same rule is waived again without."""
    found: dict[str, str] = {}
    for text in texts:
        for rule, reason in _WAIVER.findall(text):
            plain = re.sub(r"\s*\*/.*$", "", reason).strip()
            found[rule] = found.get(rule) or plain
    return found
