# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Comparing an environment with its schema: one sentence for each thing that is wrong, never with a secret in it. Pure."""

from __future__ import annotations

import difflib
import re
import typing as t
from dataclasses import dataclass
from urllib.parse import urlsplit

from ansible_collections.steady.deploy.plugins.module_utils.env.schema import Rule, Schema
from ansible_collections.steady.deploy.plugins.module_utils.env.text import as_text, unwritable
from ansible_collections.steady.deploy.plugins.module_utils.env.types import TYPES, plain

_LONGEST = 60


@dataclass(frozen=True)
class Findings:
    """``violations`` must be mended; ``unknown`` are variables without a rule that were let through."""

    violations: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


def check(env: t.Mapping[str, t.Any], schema: Schema, environment: str = "") -> Findings:
    """All findings, by name of the variable."""
    found = unwritable(env)
    place = f" in {environment}" if environment else ""
    for name, rule in sorted(schema.rules.items()):
        text = as_text(env.get(name))
        if text:
            wrong = _wrong(text, rule, place)
            found += [f"{name} {wrong}{_hint(rule)}"] if wrong else []
        elif rule.required:
            said = "is empty" if name in env else "is missing"
            found.append(f"{name} {said}: it is required{place}{_hint(rule)}")
    unknown = [_unknown(str(name), schema) for name in sorted(env, key=str) if schema.rules and name not in schema.rules]
    return Findings(tuple(found), tuple(unknown)) if schema.additional else Findings((*found, *unknown))


def _wrong(text: str, rule: Rule, place: str) -> str:
    """What is wrong with a value, or an empty text."""
    if len(text) < rule.min_length:
        return f"is too short: give at least {rule.min_length} characters"
    for part in text.split(rule.separator) if rule.separator else (text,):
        wrong = _wrong_part(part.strip() if rule.separator else part, rule, place)
        if wrong:
            return wrong
    return ""


def _wrong_part(text: str, rule: Rule, place: str) -> str:
    fits, example = TYPES[rule.kind]
    seen = "has a value" if rule.secret else f"{'has the part' if rule.separator else 'is'} {shown(text)}"
    that = " that" if rule.secret else ", which"
    if plain(rule.kind, text) in rule.forbidden:
        return f"{seen}{that} is forbidden{place}: give another value"
    if rule.allowed and plain(rule.kind, text) not in rule.allowed:
        return f"{seen}{that} is not allowed{place}: give {_either(rule.allowed)}"
    if not fits(text):
        return f"{seen}{that} is no {rule.kind}: give {example}"
    if rule.schemes and urlsplit(text).scheme not in rule.schemes:
        return f"{seen}{that} has a scheme not allowed{place}: give a URL that begins with {_either([f'{one}://' for one in rule.schemes])}"
    if rule.pattern and not re.fullmatch(rule.pattern, text):
        return f"{seen}{that} does not match the pattern {rule.pattern}: give one that does"
    return ""


def _unknown(name: str, schema: Schema) -> str:
    close = difflib.get_close_matches(name, schema.rules, 1, 0.8)
    advice = f"did you mean {close[0]}?" if close else "add it there, or remove it"
    return f"{name} is not in the schema: {advice}"


def _hint(rule: Rule) -> str:
    return f" ({rule.hint})" if rule.hint else ""


def _either(values: t.Sequence[str]) -> str:
    quoted = [f"'{value}'" for value in values]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} or {quoted[-1]}"


def shown(text: str) -> str:
    """A value for a person's eye: on one line, bounded, and without a password that a URL carries."""
    text = re.sub(r"://.*@", "://***@", text, flags=re.DOTALL)
    text = " ".join(text.split()) if text.split() else text
    return repr(text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…")
