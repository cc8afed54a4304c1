# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Small pieces of sentences: how errors and answers show what came from outside."""

from __future__ import annotations

import difflib
import typing as t


def show(value: t.Any, limit: int = 60) -> str:
    """``value`` as a person would write it in YAML or Python, on one short line."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):
        # Python refuses to write out a huge number, or a structure that holds itself.
        text = f"a {type(value).__name__} that is too large"
    return text if len(text) <= limit else text[: limit - 3] + "..."


def words(items: t.Iterable[str]) -> str:
    """``a, b and c``."""
    known = list(items)
    return known[0] if len(known) == 1 else f"{', '.join(known[:-1])} and {known[-1]}"


def suggest(wrong: t.Any, known: t.Iterable[str]) -> str:
    """``, did you mean `path`?`` where something known is close, else nothing."""
    close = difflib.get_close_matches(wrong[:60], list(known), n=1) if isinstance(wrong, str) else []
    return f", did you mean `{close[0]}`?" if close else ""


def instead(wrong: t.Any, known: t.Sequence[str]) -> str:
    """The same, or ``; there are a, b and c`` where nothing is close."""
    return suggest(wrong, known) or f"; there are {words(known)}"


def one_line(text: str, limit: int = 120) -> str:
    """Text from outside on one line: white space folded, control characters dropped, cut at ``limit``."""
    # Longer than needed is folded only as far as it can be shown.
    folded = " ".join(text[: limit * 8].split())
    return "".join(char for char in folded if char.isprintable())[:limit].strip()


def plural(count: int, word: str) -> str:
    """``1 time``, ``2 times``."""
    return f"{count} {word}" if count == 1 else f"{count} {word}s"
