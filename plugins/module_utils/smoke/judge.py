# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judging an answer, and taking values out of it. Pure."""

from __future__ import annotations

import json
import re
import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.probe import match
from ansible_collections.steady.deploy.plugins.module_utils.probe.wording import one_line, show, words
from ansible_collections.steady.deploy.plugins.module_utils.smoke.cookies import CookieJar
from ansible_collections.steady.deploy.plugins.module_utils.smoke.fetch import Reply
from ansible_collections.steady.deploy.plugins.module_utils.smoke.interpolate import Values, fill, fill_deep, fill_jmespath, fill_regex
from ansible_collections.steady.deploy.plugins.module_utils.smoke.scenario import Capture, Expect, HeaderRule, JmespathRule
from ansible_collections.steady.deploy.plugins.module_utils.smoke.veil import is_secret

# What a page says, without what only a browser reads.
_UNREAD = re.compile(r"(?is)<(script|style)\b.*?</\1\s*>|<!--.*?-->|<[^>]*>")
_SHOWN = 200


def judge(expect: Expect, reply: Reply, values: Values) -> str:
    """Empty where the answer is as expected, else what was expected, in a few words."""
    if not (reply.status in expect.status if expect.status else 200 <= reply.status <= 299):
        return f"expected {_statuses(expect.status)}"
    text = text_of(reply)
    for rule in expect.headers:
        wrong = _header(rule, reply, values)
        if wrong:
            return wrong
    if expect.body is not None and fill(expect.body, values) not in text:
        return f"expected the body to contain {show(fill(expect.body, values))}"
    if expect.regex is not None and not re.search(fill_regex(expect.regex, values), text):
        return f"expected the body to match {show(fill_regex(expect.regex, values))}"
    for each in expect.jmespath:
        wrong = _jmespath(each, reply, values)
        if wrong:
            return wrong
    return ""


def _statuses(wanted: tuple[int, ...]) -> str:
    if not wanted:
        return "a status from 200 to 299"
    return "status " + (str(wanted[0]) if len(wanted) == 1 else "one of " + words(map(str, wanted)))


def _header(rule: HeaderRule, reply: Reply, values: Values) -> str:
    found = reply.header(rule.name)
    if rule.regex:
        wanted = fill_regex(rule.value, values)
        if any(re.search(wanted, value) for value in found):
            return ""
        said = f"expected header {rule.name} to match {show(wanted)}"
    else:
        wanted = fill(rule.value, values)
        if wanted in found:
            return ""
        said = f"expected header {rule.name} to be {show(wanted)}"
    if is_secret(rule.name):
        return f"expected another value of header {rule.name}" if found else f"expected header {rule.name}, which is missing"
    return f"{said}, but it is {words(map(show, found)) if found else 'missing'}"


def _jmespath(rule: JmespathRule, reply: Reply, values: Values) -> str:
    try:
        expression = fill_jmespath(rule.expression, values)
        found = match.search(expression, reply.body)
    except ValueError as exc:
        return f"expected `jmespath` {show(rule.expression)} to hold, but {exc}"
    if not rule.exact:
        return "" if match.is_true(found) else f"expected `jmespath` {show(expression)} to be true, but it gives {_json(found)}"
    wanted = fill_deep(rule.value, values)
    # JSON's idea of equal: 1 is not true.
    same = json.dumps(found, sort_keys=True) == json.dumps(wanted, sort_keys=True)
    return (
        ""
        if same or _equal_numbers(found, wanted)
        else f"expected `jmespath` {show(expression)} to be {_json(wanted)}, but it gives {_json(found)}"
    )


def _equal_numbers(one: t.Any, other: t.Any) -> bool:
    return all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in (one, other)) and one == other


def _json(value: t.Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else text[:77] + "..."


def take(capture: Capture, reply: Reply, jar: CookieJar) -> t.Any:
    """The value that a capture takes. Raises ValueError with the reason in a few words."""
    found: t.Any = None
    if capture.by == "jmespath":
        found = match.search(capture.what, reply.body)
    elif capture.by == "regex":
        hit = re.search(capture.what, text_of(reply))
        found = hit.group(1) if hit else None
    elif capture.by == "header":
        found = next(iter(reply.header(capture.what)), None)
    else:
        found = jar.get(capture.what)
    if found is None:
        raise ValueError(f"`{capture.by}` {show(capture.what)} finds nothing")
    return found


def text_of(reply: Reply) -> str:
    """The body as text, as far as it is looked into."""
    return reply.body[: match.BODY_LIMIT].decode("utf-8", "replace")


def tell(reply: Reply, veil: t.Callable[[str], str]) -> str:
    """The answer in a line: status, and where it leads to or the first telling words of its body. ``veil`` masks before anything is cut."""
    if reply.error:
        return f"got no answer: {reply.error}"
    said = f"answered HTTP {reply.status} {reply.reason}".strip()
    location = reply.header("location")
    text = reply.body[:65536].decode("utf-8", "replace")
    if location and 300 <= reply.status < 400:
        text = f"redirects to {location[0]}"
    elif text.lstrip()[:1] == "<":
        text = _UNREAD.sub(" ", text)
    shown = one_line(veil(text), _SHOWN)
    return f"{said}: {shown}" if shown else said
