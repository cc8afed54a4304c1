# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which line of a log says most."""

from __future__ import annotations

import re
import typing as t

_TROUBLE = re.compile(r"error|exception|fatal|panic|denied|refused|fail", re.IGNORECASE)
_LONGEST = 300


def telling_line(lines: t.Sequence[str]) -> str:
    """The last line that names trouble, else the last line that is not empty, on one line and bounded; '' where there is none."""
    shown = [" ".join(line.split()) for line in lines if line.strip()]
    line = next((line for line in reversed(shown) if _TROUBLE.search(line)), shown[-1] if shown else "")
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"
