# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The schema of an app's environment: what it declares, read strictly. Pure data."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, replace

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import SpecError
from ansible_collections.steady.deploy.plugins.module_utils.env.text import as_text
from ansible_collections.steady.deploy.plugins.module_utils.env.types import TYPES, plain


@dataclass(frozen=True)
class Rule:
    """What one variable must be.

    ``allowed``, ``forbidden``, ``pattern`` and ``kind`` hold for each part where ``separator`` is set. ``min_length`` counts
    characters of the whole. ``hint`` says in the user's words what to give.
    """

    kind: str = "string"
    required: bool = False
    secret: bool = False
    allowed: tuple[str, ...] = ()
    forbidden: tuple[str, ...] = ()
    schemes: tuple[str, ...] = ()
    pattern: str = ""
    min_length: int = 0
    separator: str = ""
    hint: str = ""


@dataclass(frozen=True)
class Schema:
    """All rules for one environment. ``additional`` says whether variables without a rule are let through, with a warning."""

    rules: t.Mapping[str, Rule]
    additional: bool = True


# Key in the schema -> (field of Rule, what it must be).
_FIELDS: dict[str, tuple[str, type]] = {
    "type": ("kind", str),
    "required": ("required", bool),
    "secret": ("secret", bool),
    "allowed": ("allowed", list),
    "forbidden": ("forbidden", list),
    "schemes": ("schemes", list),
    "pattern": ("pattern", str),
    "min_length": ("min_length", int),
    "separator": ("separator", str),
    "hint": ("hint", str),
}
_CALLED: dict[type, str] = {str: "a text", bool: "true or false", list: "a list", int: "a whole number", dict: "a mapping"}


def parse_schema(raw: t.Any, environment: str = "") -> Schema:
    """Read a schema for one environment. Raises SpecError with the place of the first thing that is wrong."""
    _known(raw, "the schema", {"environments": list, "additional": bool, "variables": dict})
    names = tuple(str(name) for name in raw.get("environments", ()))
    if names and environment not in names:
        said = f"is {environment!r}" if environment else "is not set"
        raise SpecError(f"app_environment {said}, but the schema has rules for {', '.join(names)}: set app_environment to one of them")
    rules = {str(name): _rule(f"variable {name}", entry or {}, names, environment) for name, entry in raw.get("variables", {}).items()}
    return Schema(rules, raw.get("additional", True))


def _rule(where: str, raw: t.Any, names: t.Sequence[str], environment: str) -> Rule:
    _known(raw, where, {**{key: kind for key, (_field, kind) in _FIELDS.items()}, "in": dict})
    rule = _changed(Rule(), where, {key: value for key, value in raw.items() if key != "in"})
    found = rule
    for name, entry in raw.get("in", {}).items():
        if name not in names:
            raise SpecError(f"{where}: `in` has {name!r}, which is not in the schema's list `environments`: add it there or correct it")
        _known(entry, f"{where}, in {name}", {key: kind for key, (_field, kind) in _FIELDS.items()})
        # Those of other environments are read too: a mistake shows in staging, not first in production.
        here = _changed(rule, f"{where}, in {name}", entry)
        found = here if name == environment else found
    return found


def _changed(rule: Rule, where: str, raw: t.Mapping[str, t.Any]) -> Rule:
    values: dict[str, t.Any] = {field: raw[key] for key, (field, _kind) in _FIELDS.items() if key in raw}
    for field, value in values.items():
        if isinstance(value, list):
            values[field] = tuple(as_text(one) for one in value)
    rule = replace(rule, **values)
    if rule.kind not in TYPES:
        raise SpecError(f"{where}: type {rule.kind!r} is not known; there are {', '.join(TYPES)}")
    if rule.schemes and rule.kind != "url":
        raise SpecError(f"{where}: `schemes` is for type url only")
    try:
        re.compile(rule.pattern)
    except re.error as exc:
        raise SpecError(f"{where}: pattern {rule.pattern!r} is no regular expression: {exc}") from None
    return replace(
        rule,
        allowed=tuple(plain(rule.kind, one) for one in rule.allowed),
        forbidden=tuple(plain(rule.kind, one) for one in rule.forbidden),
        schemes=tuple(one.lower() for one in rule.schemes),
    )


def _known(raw: t.Any, where: str, keys: t.Mapping[str, type]) -> None:
    if not isinstance(raw, dict):
        raise SpecError(f"{where} must be a mapping with the keys {', '.join(keys)}")
    for key, value in raw.items():
        if key not in keys:
            raise SpecError(f"{where} has the key {key!r}, which is not known; there are {', '.join(keys)}")
        wanted = keys[key]
        # True is an int to Python.
        if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
            raise SpecError(f"{where}: `{key}` must be {_CALLED[wanted]}")
