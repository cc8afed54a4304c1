# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Durations as people write them: a number of seconds, or text such as ``2s``, ``500ms``, ``1m30s``."""

from __future__ import annotations

import re
import typing as t

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_NUMBER = r"[0-9]{1,9}(?:\.[0-9]{1,9})?"
_PART = re.compile(rf"({_NUMBER})(ms|s|m|h)")
_WHOLE = re.compile(rf"(?:{_NUMBER}(?:ms|s|m|h))+")


def seconds(value: t.Any) -> float | None:
    """The duration in seconds, or None where ``value`` is none. Negative numbers are returned as they are."""
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        try:
            number = float(value)
        except OverflowError:
            return None
        # Not a number, or without an end.
        return number if number - number == 0 else None
    if not isinstance(value, str):
        return None
    text = value.strip()
    if re.fullmatch(rf"-?{_NUMBER}", text):
        return float(text)
    if not _WHOLE.fullmatch(text):
        return None
    return round(sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text)), 6)
