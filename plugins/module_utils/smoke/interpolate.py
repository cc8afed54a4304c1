# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``${name}`` in texts: what is there, and filling it in. ``$${`` stands for the characters ``${`` themselves. Pure."""

from __future__ import annotations

import json
import re
import typing as t
import urllib.parse

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import SpecError
from ansible_collections.steady.deploy.plugins.module_utils.probe.wording import show

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,59}")
_PART = re.compile(r"\$\$\{|\$\{(?:(" + NAME.pattern + r")\})?")
# What may stand in a URL that the app itself has written.
_URL_CHARS = "%/:?#[]@!$&'()*+,;=~-._"

Values = t.Mapping[str, t.Any]


def names(value: t.Any, what: str) -> set[str]:
    """The names that ``value`` refers to, however deep. Raises SpecError, opened by ``what``, for a ``${`` that names nothing."""
    if isinstance(value, t.Mapping):
        return {name for pair in value.items() for part in pair for name in names(part, what)}
    if isinstance(value, (list, tuple)):
        return {name for part in value for name in names(part, what)}
    if not isinstance(value, str):
        return set()
    found = set()
    for match in _PART.finditer(value):
        if match.group(1):
            found.add(match.group(1))
        elif match.group() == "${":
            raise SpecError(f"{what} has a `${{` without a name and `}}` in {show(value)}; write `$${{` for the characters themselves")
    return found


def fill(text: str, values: Values, quote: t.Callable[[str], str] = str) -> str:
    """``text`` with its names filled in, each value passed through ``quote`` before."""
    return _PART.sub(lambda match: quote(as_text(values[match.group(1)])) if match.group(1) else "${", text)


def fill_deep(value: t.Any, values: Values) -> t.Any:
    """``value`` with all its texts filled. A text that is nothing but one name becomes the value itself: a number stays a number."""
    if isinstance(value, t.Mapping):
        return {fill(key, values) if isinstance(key, str) else key: fill_deep(part, values) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [fill_deep(part, values) for part in value]
    if not isinstance(value, str):
        return value
    whole = _PART.fullmatch(value)
    return values[whole.group(1)] if whole and whole.group(1) else fill(value, values)


def fill_url(text: str, values: Values) -> str:
    """A path or URL, filled. A name that begins it is a link from the app and stays as it is; any other is percent-encoded."""
    first = _PART.match(text)
    if first and first.group(1):
        return encode(as_text(values[first.group(1)])) + fill(text[first.end() :], values, _part)
    return fill(text, values, _part)


def encode(url: str) -> str:
    """A URL without the characters that none may hold."""
    return urllib.parse.quote(url, safe=_URL_CHARS, errors="surrogatepass")


def fill_regex(text: str, values: Values) -> str:
    """A regular expression, filled; values stand for themselves."""
    return fill(text, values, re.escape)


def fill_jmespath(text: str, values: Values) -> str:
    """An expression, filled. Raises ValueError for a value that could end a quotation in it."""
    return fill(text, values, _unquotable)


def as_text(value: t.Any) -> str:
    """A value as it stands within text: what is no text is written as JSON."""
    return value if isinstance(value, str) else json.dumps(value)


def _part(text: str) -> str:
    return urllib.parse.quote(text, safe="", errors="surrogatepass")


def _unquotable(text: str) -> str:
    if any(char in "'\"`\\" for char in text):
        raise ValueError("a captured value with quotes can't stand in an expression; write {expression: value}")
    return text
