# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading a gate from a compose file's ``x-steady`` or from parameters, with one clear sentence for each mistake. Pure."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import SpecError
from ansible_collections.steady.deploy.plugins.module_utils.probe import readers
from ansible_collections.steady.deploy.plugins.module_utils.probe.gate import GATE_TYPES, Gate
from ansible_collections.steady.deploy.plugins.module_utils.probe.options import gate_argument_spec
from ansible_collections.steady.deploy.plugins.module_utils.probe.wording import show, suggest, words

__all__ = ["gate_argument_spec", "parse_gate"]

_TIMES = {"interval": (0.05, 3600.0), "timeout": (0.05, 3600.0), "deadline": (0.1, 86400.0), "min_ready": (0.0, 86400.0)}
_COMMON = ("type", "success_threshold", *_TIMES)
_ANSWER = ("path", "host", "headers", "status", "expect_headers", "body", "jmespath")
_KEYS = {
    "http": (*_COMMON, "port", *_ANSWER),
    "tcp": (*_COMMON, "port"),
    "fastcgi": (*_COMMON, "port", "socket", "script", *_ANSWER),
    "exec": (*_COMMON, "command"),
    "health": _COMMON,
}
_DEFAULTS = {field.name: field.default for field in dataclasses.fields(Gate) if field.name != "type"}
_ALL = ("type", *_DEFAULTS)


def parse_gate(raw: t.Mapping[str, t.Any], where: str, port: int | None = None) -> Gate:
    """Read one gate. ``where`` opens each error (``service web, gate 1``), ``port`` stands in for a missing one.

    A key that is null, or that equals the default, counts as not given: parameters of a module arrive
    with all their defaults filled in. Raises SpecError, nothing else.
    """
    given = _given(raw, where)
    kind = given["type"]
    for key in given:
        if key not in _KEYS[kind]:
            takes = words(known for known in _DEFAULTS if known in _KEYS[kind])
            raise SpecError(f"{where}: `{key}` has no meaning for a gate of type {kind}; it takes {takes}")
    values: dict[str, t.Any] = {}
    for key, value in given.items():
        values[key] = kind if key == "type" else _READERS[key](value, f"{where}: `{key}`")
    if port is not None and "port" in _KEYS[kind] and "socket" not in values:
        values.setdefault("port", port)
    gate = Gate(**values)
    _whole(gate, where)
    return gate


def _given(raw: t.Any, where: str) -> dict[str, t.Any]:
    """The keys that say something, all of them known; ``type`` is among them and is one of GATE_TYPES."""
    if not isinstance(raw, t.Mapping):
        raise SpecError(f"{where}: a gate is a mapping such as {{type: http, path: /readyz}}, not {show(raw)}")
    for key in raw:
        if key not in _ALL:
            raise SpecError(f"{where}: unknown key {show(key)}{suggest(key, _ALL)}")
    given = {key: value for key, value in raw.items() if value is not None and (key == "type" or not _is_default(value, _DEFAULTS[key]))}
    if "type" not in given:
        raise SpecError(f"{where}: `type` is missing; it is one of {words(GATE_TYPES)}")
    if not isinstance(given["type"], str) or given["type"] not in GATE_TYPES:
        raise SpecError(f"{where}: `type` is one of {words(GATE_TYPES)}, not {show(given['type'])}{suggest(given['type'], GATE_TYPES)}")
    return given


def _whole(gate: Gate, where: str) -> None:
    """What no single key can tell."""
    if gate.type in ("http", "tcp") and gate.port is None:
        raise SpecError(f"{where}: `port` is missing; say which port of the container the gate asks")
    if gate.type == "fastcgi" and (gate.port is None) == (not gate.socket):
        raise SpecError(f"{where}: a gate of type fastcgi needs either `port` or `socket`")
    if gate.type == "exec" and not gate.command:
        raise SpecError(f'{where}: `command` is missing; give the words to run in the container, such as ["redis-cli", "ping"]')
    least = (gate.success_threshold - 1) * gate.interval + gate.min_ready
    if least >= gate.deadline:
        raise SpecError(
            f"{where}: the gate can never hold: {gate.success_threshold} successes with {gate.interval:g} s between them"
            f" and {gate.min_ready:g} s of `min_ready` need {least:g} s, but `deadline` is {gate.deadline:g} s"
        )


def _is_default(value: t.Any, default: t.Any) -> bool:
    if isinstance(value, (list, tuple, dict)):
        return isinstance(default, tuple) and list(value) == list(default)
    return not isinstance(value, bool) and isinstance(value, (str, int, float)) and value == default


_READERS: dict[str, t.Callable[[t.Any, str], t.Any]] = {
    "port": readers.number(1, 65535),
    "path": readers.path,
    "host": readers.line,
    "headers": readers.headers,
    "status": readers.statuses,
    "expect_headers": readers.headers,
    "body": readers.text,
    "jmespath": readers.text,
    "command": readers.command,
    "script": readers.file,
    "socket": readers.file,
    "success_threshold": readers.number(1, 100),
    **{key: readers.duration(*bounds) for key, bounds in _TIMES.items()},
}
