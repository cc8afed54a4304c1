# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The environment as text: values as a process sees them, and the file that gives Compose exactly these. Pure."""

from __future__ import annotations

import json
import re
import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import SpecError

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
# Within double quotes Compose knows these escapes; `\$` keeps a dollar sign from starting a variable.
_ESCAPES = (("\\", "\\\\"), ('"', '\\"'), ("$", "\\$"), ("\n", "\\n"), ("\r", "\\r"))

_PLAIN = {"n": "\n", "r": "\r"}


def as_text(value: t.Any) -> str:
    """A value as a process sees it: booleans as ``true`` and ``false``, none as an empty text, lists and mappings as JSON."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, int, float)):
        return str(value)
    return json.dumps(value)


def unwritable(env: t.Mapping[str, t.Any]) -> list[str]:
    """One sentence for each name or value that no environment can carry."""
    wrong = []
    for name in sorted(env, key=str):
        if not _NAME.fullmatch(str(name)):
            wrong.append(f"{name!r} is no name for a variable: use letters, digits, `_`, `.` and `-`, no digit first")
        elif "\0" in as_text(env[name]):
            wrong.append(f"{name} holds a NUL character, which no environment can carry: encode it, in base64 for instance")
        elif any("\ud800" <= char <= "\udfff" for char in as_text(env[name])):
            wrong.append(f"{name} is no valid Unicode text: encode it, in base64 for instance")
    return wrong


def env_file(env: t.Mapping[str, t.Any]) -> str:
    """The text of an environment file, by name. Raises SpecError where a name or a value can't be in an environment."""
    wrong = unwritable(env)
    if wrong:
        raise SpecError("; ".join(wrong))
    return "".join(f'{name}="{_escaped(as_text(env[name]))}"\n' for name in sorted(env))


def values_in(text: str) -> list[str]:
    """The values in the text of an environment file: those that ``env_file`` wrote exactly, of others what stands after ``=``."""
    found = []
    for line in text.splitlines():
        value = line.partition("=")[2].strip()
        quoted = re.fullmatch(r'"(.*)"', value)
        if quoted:
            value = re.sub(r"\\(.)", lambda match: _PLAIN.get(match.group(1), match.group(1)), quoted.group(1))
        found.append(value)
    return found


def _escaped(text: str) -> str:
    for plain, escaped in _ESCAPES:
        text = text.replace(plain, escaped)
    return text
