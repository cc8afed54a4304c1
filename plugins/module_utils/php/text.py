# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values as PHP's ini parser reads them, in php.ini and in PHP-FPM's own files alike."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import SpecError

# An expression of PHP's constants is computed only where it has no quotes.
_CONSTANTS = re.compile(r"~?\s*E_[A-Z_]+(\s*[&|^]\s*~?\s*E_[A-Z_]+)*")
_SETTING = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# PHP-FPM reads a value that begins with $ as the name of a variable in its own environment. It has none of this name,
# which makes an empty value: written as such, an empty one is refused.
_EMPTY = "$STEADY_EMPTY"


def ini_value(value: t.Any) -> str:
    """The text that gives a setting exactly this value. Raises SpecError for a line break and for lists and mappings."""
    if isinstance(value, bool):
        return "On" if value else "Off"
    if isinstance(value, (int, float)):
        return str(value)
    if not isinstance(value, str):
        raise SpecError(f"is {_kind(value)}, where a text, a number or a boolean is needed")
    if _CONSTANTS.fullmatch(value):
        return value
    return _quoted(value)


def env_value(value: t.Any) -> str:
    """The text that gives an environment variable exactly this value. Raises SpecError where PHP-FPM can't."""
    if isinstance(value, bool):
        return '"true"' if value else '"false"'
    if value is None or value == "":
        return _EMPTY
    if isinstance(value, str) and value.startswith("$"):
        raise SpecError("begins with $, which PHP-FPM takes for the name of a variable of its own")
    if isinstance(value, (str, int, float)):
        return _quoted(str(value))
    raise SpecError(f"is {_kind(value)}, where a text, a number or a boolean is needed")


def setting_name(name: str) -> str:
    """The name of a php.ini setting. Raises SpecError for what can't be one."""
    if not _SETTING.fullmatch(name):
        raise SpecError(f"'{name}' is no name of a php.ini setting")
    return name


def variable_name(name: str) -> str:
    """The name of an environment variable. Raises SpecError for what can't be one."""
    if not _NAME.fullmatch(name):
        raise SpecError(f"'{name}' is no name of an environment variable")
    return name


def _quoted(value: str) -> str:
    if any(char in value for char in "\n\r\0"):
        raise SpecError("has a line break, which PHP's ini files can't hold")
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$")
    return f'"{escaped}"'


def _kind(value: t.Any) -> str:
    if value is None:
        return "nothing"
    return "a list" if isinstance(value, (list, tuple)) else "a mapping"
