# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judging an answer that has a status, headers and a body, whichever protocol brought it."""

from __future__ import annotations

import json
import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import SpecError
from ansible_collections.steady.deploy.plugins.module_utils.probe.base import Answer
from ansible_collections.steady.deploy.plugins.module_utils.probe.gate import Gate
from ansible_collections.steady.deploy.plugins.module_utils.probe.wording import one_line, show, words

BODY_LIMIT = 1024 * 1024


def check_jmespath(expression: str, where: str) -> None:
    """Raise SpecError unless this host has jmespath and ``expression`` is one. ``where`` opens the sentence."""
    try:
        import jmespath
    except ImportError:
        raise SpecError(
            f"{where}: `jmespath` needs the python package jmespath on the managed host"
            " (apt install python3-jmespath); without it, use `body`"
        ) from None
    try:
        jmespath.compile(expression)
    except (jmespath.exceptions.JMESPathError, ValueError, RecursionError) as exc:
        raise SpecError(f"{where}: `jmespath` {show(expression)} is no valid expression: {one_line(str(exc))}") from None


def wants_body(gate: Gate) -> bool:
    """Whether the gate looks into the body."""
    return gate.body is not None or gate.jmespath is not None


def judge(gate: Gate, title: str, status: int, headers: t.Sequence[tuple[str, str]], body: bytes) -> Answer:
    """Whether the answer is what the gate expects. ``title`` such as ``HTTP 200 OK`` opens the detail.

    ``body`` may hold one byte more than BODY_LIMIT to say that there was more.
    """
    text = body[:BODY_LIMIT].decode("utf-8", "replace")
    if status not in gate.status:
        return Answer(False, _quote(title, _location(status, headers) or text))
    for name, wanted in gate.expect_headers:
        found = [value.strip() for key, value in headers if key.lower() == name.lower()]
        if not found:
            return Answer(False, f"{title}, but header {name} is missing")
        if wanted not in found:
            return Answer(False, f"{title}, but header {name} is {words([show(value) for value in found])} instead of {show(wanted)}")
    if gate.body is not None and gate.body not in text:
        return Answer(False, _quote(f"{title}, but the body does not contain {show(gate.body)}", text))
    if gate.jmespath is not None:
        trouble = _jmespath_trouble(gate.jmespath, body)
        if trouble:
            return Answer(False, _quote(f"{title}, but {trouble}", text))
    return Answer(True, title)


def _quote(title: str, text: str) -> str:
    shown = one_line(text)
    return f"{title}: {shown}" if shown else title


def _location(status: int, headers: t.Sequence[tuple[str, str]]) -> str:
    location = next((value for key, value in headers if key.lower() == "location"), "")
    return f"redirects to {location}" if location and 300 <= status < 400 else ""


def _jmespath_trouble(expression: str, body: bytes) -> str:
    """Why the expression does not hold for the body, or an empty text."""
    check_jmespath(expression, "the gate")
    try:
        found = search(expression, body)
    except ValueError as exc:
        return str(exc)
    return "" if is_true(found) else f"`jmespath` {show(expression)} gives {json.dumps(found)}"


def search(expression: str, body: bytes) -> t.Any:
    """What a valid expression finds in a JSON body. Raises ValueError with the reason in a few words."""
    import jmespath

    if len(body) > BODY_LIMIT:
        raise ValueError(f"the body is longer than {BODY_LIMIT} bytes, too long for `jmespath`")
    try:
        document = json.loads(body.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        raise ValueError("the body is not JSON") from None
    try:
        return jmespath.search(expression, document)
    # A function of the expression can meet any value of the document: not only JMESPath's own errors come out.
    except Exception as exc:  # noqa: BLE001
        raise ValueError(f"`jmespath` {show(expression)} failed: {one_line(str(exc))}") from None


def is_true(found: t.Any) -> bool:
    """JMESPath's own idea of true: a zero is true, nothing and what is empty is not."""
    return not (found is None or found is False or found in ("", [], {}))
