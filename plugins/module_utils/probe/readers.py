# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading single values that people wrote. Each reader takes the value and ``what``, which opens its sentence; raises SpecError. Pure."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import SpecError
from ansible_collections.steady.deploy.plugins.module_utils.probe.duration import seconds
from ansible_collections.steady.deploy.plugins.module_utils.probe.wording import instead, show

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


def mapping(value: t.Any, what: str, keys: t.Sequence[str], example: str) -> dict[str, t.Any]:
    """Reads a mapping with none but these keys. What is null is left out: a module's parameters hold that for what was not given."""
    if not isinstance(value, t.Mapping):
        raise SpecError(f"{what} must be a mapping such as {example}, not {show(value)}")
    for key in value:
        if key not in keys:
            raise SpecError(f"{what} has the key {show(key)}, which is not known{instead(key, keys)}")
    return {key: one for key, one in value.items() if one is not None}


def duration(low: float, high: float) -> t.Callable[[t.Any, str], float]:
    """Reads seconds, or text such as ``500ms``, within bounds."""

    def read(value: t.Any, what: str) -> float:
        found = seconds(value)
        if found is None:
            raise SpecError(f"{what} is a number of seconds or a duration such as 500ms, 2s or 1m30s, not {show(value)}")
        if not low <= found <= high:
            raise SpecError(f"{what} must lie between {low:g} and {high:g} seconds, not {show(value)}")
        return found

    return read


def number(low: int, high: int) -> t.Callable[[t.Any, str], int]:
    """Reads a whole number within bounds."""

    def read(value: t.Any, what: str) -> int:
        # Compose's interpolation makes text of numbers.
        if isinstance(value, str) and re.fullmatch(r"[0-9]{1,6}", value):
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise SpecError(f"{what} is a whole number, not {show(value)}")
        if not low <= value <= high:
            raise SpecError(f"{what} must lie between {low} and {high}, not {show(value)}")
        return value

    return read


def statuses(value: t.Any, what: str) -> tuple[int, ...]:
    """One status code or several."""
    items = value if isinstance(value, (list, tuple)) else [value]
    if not items:
        raise SpecError(f"{what} needs at least one status code, such as [200, 204]")
    return tuple(number(100, 599)(item, what) for item in items)


def text(value: t.Any, what: str) -> str:
    """Text that is not empty."""
    if not isinstance(value, str) or not value:
        raise SpecError(f"{what} is a text that is not empty, not {show(value)}")
    return value


def line(value: t.Any, what: str) -> str:
    """Text that fits into a header: one line of Latin-1."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        value = show(value)
    stripped = value.strip(" \t") if isinstance(value, str) else value
    if not all(char == "\t" or " " <= char <= "~" or "\xa0" <= char <= "\xff" for char in text(stripped, what)):
        raise SpecError(f"{what} is one line of Latin-1 text, not {show(value)}")
    return stripped


def path(value: t.Any, what: str) -> str:
    """Path and query of a request."""
    if not re.fullmatch(r"/[!-~]*", text(value, what)):
        raise SpecError(f"{what} starts with / and has neither spaces nor characters beyond ASCII (percent-encode them), not {show(value)}")
    return value


def file(value: t.Any, what: str) -> str:
    """An absolute path on the host."""
    if not text(value, what).startswith("/") or not value.isprintable():
        raise SpecError(f"{what} is an absolute path, not {show(value)}")
    return value


def headers(value: t.Any, what: str) -> tuple[tuple[str, str], ...]:
    """Names and values of headers; ``what`` tells those of a request from those of an answer."""
    if not isinstance(value, t.Mapping):
        raise SpecError(f"{what} is a mapping of names to values, not {show(value)}")
    found = []
    for name, content in value.items():
        if not isinstance(name, str) or not _TOKEN.fullmatch(name):
            raise SpecError(f"{what} has {show(name)}, which can't be the name of a header")
        if name.lower() == "host" and what.endswith(": `headers`"):
            raise SpecError(f"{what} can't hold Host; use `host`")
        found.append((name, line(content, f"{what} {name}") if content != "" else ""))
    return tuple(found)


def command(value: t.Any, what: str) -> tuple[str, ...]:
    """The words of a command."""
    example = f'{what} is a list of words such as ["redis-cli", "ping"]'
    if not isinstance(value, (list, tuple)):
        raise SpecError(f"{example}, not {show(value)}")
    found = tuple(str(word) if isinstance(word, (int, float)) and not isinstance(word, bool) else word for word in value)
    for word in found:
        if not isinstance(word, str) or "\0" in word:
            raise SpecError(f"{example}; {show(word)} is no word")
    return found
