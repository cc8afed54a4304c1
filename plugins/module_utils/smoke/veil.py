# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeping secrets out of what is told: values that were sent as such are masked wherever they come back."""

from __future__ import annotations

import json
import re
import typing as t
import urllib.parse

MASK = "***"
_SECRET = re.compile(r"(?i)auth|cookie|csrf|xsrf|key|pass|pin\b|secret|session|signature|token|credential|code\b")
# Shorter values would be found by chance in the middle of words.
SHORTEST = 4
_QUERY = re.compile(r"(?<=[?&])([^=&#]*)=([^&#]*)")


def is_secret(name: str) -> bool:
    """Whether a header, field or captured value of this name is one that nobody should read."""
    return bool(_SECRET.search(name))


class Veil:
    """Knows values and masks them in text."""

    def __init__(self) -> None:
        self._hidden: set[str] = set()

    def hide(self, value: t.Any) -> None:
        """Mask this value from now on, also as it stands in a URL and in JSON."""
        text = value if isinstance(value, str) else json.dumps(value)
        if len(text) < SHORTEST:
            return
        quoted = json.dumps(text)[1:-1]
        percent = urllib.parse.quote(text, safe="", errors="replace")
        self._hidden.update((text, quoted, quoted.replace("/", "\\/"), percent, urllib.parse.quote_plus(text, errors="replace")))
        # "Bearer ..." and the like: what follows the first word is the secret.
        if " " in text:
            self.hide(text.partition(" ")[2])

    def hide_within(self, value: t.Any, secret: bool = False) -> None:
        """Mask the texts and numbers in a structure that stand under a name which says so."""
        if isinstance(value, t.Mapping):
            for name, part in value.items():
                self.hide_within(part, secret or is_secret(str(name)))
        elif isinstance(value, (list, tuple)):
            for part in value:
                self.hide_within(part, secret)
        elif secret and value is not None and not isinstance(value, bool):
            self.hide(value)

    def __call__(self, text: str) -> str:
        """``text`` with everything hidden masked, the longest first."""
        for value in sorted(self._hidden, key=len, reverse=True):
            text = text.replace(value, MASK)
        return text

    def url(self, url: str) -> str:
        """A URL to show: what a query gives under a name that says so is masked too."""
        return self(_QUERY.sub(lambda match: f"{match.group(1)}={MASK}" if is_secret(match.group(1)) else match.group(), url))
