# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading scenarios from parameters, with one clear sentence for each mistake. Pure.

No sentence shows a header's value or a body: they may be secrets.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import SpecError
from ansible_collections.steady.deploy.plugins.module_utils.probe import readers
from ansible_collections.steady.deploy.plugins.module_utils.probe.wording import show, suggest, words
from ansible_collections.steady.deploy.plugins.module_utils.smoke.interpolate import NAME, fill_regex, names
from ansible_collections.steady.deploy.plugins.module_utils.smoke.scenario import (
    CAPTURES,
    CONTENT_TYPES,
    Capture,
    Expect,
    HeaderRule,
    JmespathRule,
    Request,
    Scenario,
    Step,
    Wait,
)

BUILT_IN = ("run",)
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_REQUEST = ("method", "path", "url", "headers", *CONTENT_TYPES, "timeout", "follow")
_EXPECT = ("status", "headers", "body", "regex", "jmespath")
_timeout = readers.duration(0.05, 600.0)
_wait = readers.duration(0.1, 3600.0)


def parse_scenarios(raw: t.Any) -> tuple[Scenario, ...]:
    """Read the scenarios. A key that is null counts as not given. Raises SpecError, nothing else."""
    found: list[Scenario] = []
    for number, one in enumerate(_list(raw, "parameter scenarios", "scenarios"), 1):
        scenario = _scenario(one, number)
        if scenario.name in (other.name for other in found):
            raise SpecError(f"scenario {scenario.name}: the name is used twice; every scenario needs its own")
        found.append(scenario)
    return tuple(found)


def _scenario(raw: t.Any, number: int) -> Scenario:
    given = _mapping(raw, f"scenario {number}", ("name", "service", "steps"), "a scenario is a mapping with `name` and `steps`")
    name = _name(given, f"scenario {number}")
    where = f"scenario {name}"
    known = set(BUILT_IN)
    steps: list[Step] = []
    for index, one in enumerate(_list(given.get("steps"), f"{where}: `steps`", "steps"), 1):
        step = _step(one, where, index, known)
        if step.name in (other.name for other in steps):
            raise SpecError(f"{where}, step {step.name}: the name is used twice in the scenario; every step needs its own")
        known.update(capture.name for capture in step.captures)
        steps.append(step)
    service = given.get("service")
    return Scenario(name, tuple(steps), None if service is None else readers.text(service, f"{where}: `service`"))


def _step(raw: t.Any, scenario: str, number: int, known: t.Collection[str]) -> Step:
    where = f"{scenario}, step {number}"
    given = _mapping(raw, where, ("name", "request", "expect", "capture", "wait"), "a step is a mapping with `name` and `request`")
    where = f"{scenario}, step {_name(given, where)}"
    if "request" not in given:
        raise SpecError(f"{where}: `request` is missing; it is a mapping such as {{path: /}}")
    for key in ("request", "expect"):
        for name in sorted(names(given.get(key), f"{where}: `{key}`")):
            if name not in known:
                raise SpecError(
                    f"{where}: `{key}` uses ${{{name}}}, which no earlier step captures{suggest(name, known)}"
                    f"; known here: {words(sorted(known))}"
                )
    return Step(
        given["name"],
        _request(given["request"], f"{where}: `request`"),
        _expect(given.get("expect", {}), f"{where}: `expect`"),
        _captures(given.get("capture", {}), f"{where}: `capture`"),
        _waits(given["wait"], f"{where}: `wait`") if "wait" in given else None,
    )


def _request(raw: t.Any, what: str) -> Request:
    given = _mapping(raw, what, _REQUEST, "is a mapping such as {path: /}")
    if ("path" in given) == ("url" in given):
        raise SpecError(f"{what} needs either `path`, which starts with /, or `url`, an absolute one")
    bodies = [key for key in CONTENT_TYPES if key in given]
    if len(bodies) > 1:
        raise SpecError(f"{what} has {words(f'`{key}`' for key in bodies)}; a request has one body")
    encoding = bodies[0] if bodies else ""
    content = given.get(encoding) if encoding else None
    if encoding == "form" and not isinstance(content, t.Mapping):
        raise SpecError(f"{what}: `form` is a mapping of fields to values")
    if encoding == "body" and not isinstance(content, str):
        raise SpecError(f"{what}: `body` is a text; for data use `json` or `form`")
    method = given.get("method", "POST" if encoding else "GET")
    if not isinstance(method, str) or method.upper() not in _METHODS:
        raise SpecError(f"{what}: `method` is one of {words(_METHODS)}, not {show(method)}")
    follow = given.get("follow", False)
    if not isinstance(follow, bool):
        raise SpecError(f"{what}: `follow` is true or false, not {show(follow)}")
    timeout = _timeout(given["timeout"], f"{what}: `timeout`") if "timeout" in given else Request.timeout
    return Request(_target(given, what), method.upper(), _headers(given, what), encoding, content, timeout, follow)


def _target(given: t.Mapping[str, t.Any], what: str) -> str:
    key = "path" if "path" in given else "url"
    target = readers.text(given[key], f"{what}: `{key}`")
    if not re.fullmatch(r"[!-~]+", target):
        raise SpecError(f"{what}: `{key}` has neither spaces nor characters beyond ASCII (percent-encode them), not {show(target)}")
    # What begins with a captured value can only be judged once it is filled in.
    if not target.startswith("${"):
        if key == "path" and not re.match(r"/(?!/)", target):
            raise SpecError(f"{what}: `path` starts with one /, not {show(target)}")
        if key == "url" and not re.match(r"https?://[^/?#@]+([/?#]|$)", target):
            # Not shown: a password may stand in it.
            raise SpecError(f"{what}: `url` starts with http:// or https:// and a host, without a user name")
    return target


def _headers(given: t.Mapping[str, t.Any], what: str) -> tuple[tuple[str, str], ...]:
    raw = given.get("headers", {})
    found = readers.headers(dict.fromkeys(raw, "") if isinstance(raw, t.Mapping) else raw, f"{what}: `headers`")
    return tuple((name, _header_value(raw[name], f"{what}: `headers` {name}")) for name, dummy in found)


def _header_value(value: t.Any, what: str) -> str:
    try:
        return "" if value == "" else readers.line(value, what)
    except SpecError:
        raise SpecError(f"{what} is not one line of Latin-1 text") from None


def _expect(raw: t.Any, what: str) -> Expect:
    given = _mapping(raw, what, _EXPECT, "is a mapping such as {status: 200}")
    regex = given.get("regex")
    return Expect(
        readers.statuses(given["status"], f"{what}: `status`") if "status" in given else (),
        _header_rules(given.get("headers", {}), f"{what}: `headers`"),
        readers.text(given["body"], f"{what}: `body`") if "body" in given else None,
        None if regex is None else _regex(regex, f"{what}: `regex`"),
        _jmespath_rules(given["jmespath"], f"{what}: `jmespath`") if "jmespath" in given else (),
    )


def _header_rules(raw: t.Any, what: str) -> tuple[HeaderRule, ...]:
    found = readers.headers(dict.fromkeys(raw, "") if isinstance(raw, t.Mapping) else raw, what)
    rules = []
    for name, dummy in found:
        rule = raw[name]
        if isinstance(rule, t.Mapping):
            given = _mapping(rule, f"{what} {name}", ("regex",), "is a text, or {regex: ...}")
            rules.append(HeaderRule(name, _regex(given.get("regex"), f"{what} {name}: `regex`"), regex=True))
        else:
            rules.append(HeaderRule(name, _header_value(rule, f"{what} {name}")))
    return tuple(rules)


def _jmespath_rules(raw: t.Any, what: str) -> tuple[JmespathRule, ...]:
    if isinstance(raw, t.Mapping):
        return tuple(JmespathRule(readers.text(expression, what), value, exact=True) for expression, value in raw.items())
    return (JmespathRule(readers.text(raw, what)),)


def _regex(raw: t.Any, what: str) -> str:
    text = readers.text(raw, what)
    try:
        re.compile(fill_regex(text, dict.fromkeys(names(text, what), "x")))
    except (re.error, RecursionError, OverflowError) as exc:
        raise SpecError(f"{what} {show(text)} is no valid regular expression: {exc}") from None
    return text


def _captures(raw: t.Any, what: str) -> tuple[Capture, ...]:
    given = _mapping(raw, what, None, "is a mapping of names to where their values come from")
    found = []
    for name, source in given.items():
        if not isinstance(name, str) or not NAME.fullmatch(name) or name in BUILT_IN:
            raise SpecError(f"{what} can't set {show(name)}; a name has letters, digits and _, and is none of {words(BUILT_IN)}")
        one = _mapping(source, f"{what} {name}", CAPTURES, f"is a mapping with one of {words(CAPTURES)}")
        if len(one) != 1:
            raise SpecError(f"{what} {name} needs exactly one of {words(CAPTURES)}")
        by, text = next(iter(one.items()))
        readers.text(text, f"{what} {name}: `{by}`")
        if names(text, f"{what} {name}: `{by}`"):
            raise SpecError(f"{what} {name}: `{by}` can't hold ${{...}}; take the whole and compare it under `expect`")
        if by == "regex" and not re.compile(_regex(text, f"{what} {name}: `regex`")).groups:
            raise SpecError(f"{what} {name}: `regex` {show(text)} has no group; put what is to be captured in parentheses")
        found.append(Capture(name, by, text))
    return tuple(found)


def _waits(raw: t.Any, what: str) -> Wait:
    given = _mapping(raw, what, ("timeout", "interval"), "is a mapping such as {timeout: 10s, interval: 500ms}")
    if "timeout" not in given:
        raise SpecError(f"{what}: `timeout` is missing; say how long to wait at most, such as 10s")
    wait = Wait(_wait(given["timeout"], f"{what}: `timeout`"), _wait(given.get("interval", 0.5), f"{what}: `interval`"))
    if wait.interval > wait.timeout:
        raise SpecError(f"{what}: `interval` {wait.interval:g} s is longer than `timeout` {wait.timeout:g} s, so nothing would be repeated")
    return wait


def _mapping(raw: t.Any, what: str, keys: t.Collection[str] | None, shape: str) -> dict[str, t.Any]:
    """The keys that say something, all of them known."""
    if not isinstance(raw, t.Mapping):
        joined = f"{what} {shape}" if shape.startswith("is ") else f"{what}: {shape}"
        raise SpecError(f"{joined}, not a {'text' if isinstance(raw, str) else type(raw).__name__}")
    for key in raw:
        if keys is not None and key not in keys:
            raise SpecError(f"{what}: unknown key {show(key)}{suggest(key, keys)}")
    return {key: value for key, value in raw.items() if value is not None}


def _list(raw: t.Any, what: str, word: str) -> list[t.Any]:
    if not isinstance(raw, (list, tuple)) or not raw:
        raise SpecError(f"{what} is a list of {word}, at least one")
    return list(raw)


def _name(given: t.Mapping[str, t.Any], where: str) -> str:
    name = given.get("name")
    if not isinstance(name, str) or not name.strip() or not name.isprintable() or len(name) > 80:
        raise SpecError(f"{where}: `name` is a text of one line and 80 characters at most, such as booking")
    return name
