# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading scenarios: what is given, what is assumed, and the sentence for each mistake."""

from __future__ import annotations

import copy
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import SpecError
from ansible_collections.steady.deploy.plugins.module_utils.smoke.parse import parse_scenarios
from ansible_collections.steady.deploy.plugins.module_utils.smoke.scenario import (
    Capture,
    Expect,
    HeaderRule,
    JmespathRule,
    Request,
    Scenario,
    Step,
    Wait,
)


def one(**step: t.Any) -> list[dict[str, t.Any]]:
    """A scenario of one step with these keys."""
    return [{"name": "booking", "steps": [{"name": "book", "request": {"path": "/"}, **step}]}]


def test_the_smallest_scenario():
    assert parse_scenarios(one()) == (Scenario("booking", (Step("book", Request("/")),)),)


def test_a_full_scenario():
    raw = [
        {
            "name": "booking",
            "service": "web",
            "steps": [
                {
                    "name": "book",
                    "request": {
                        "method": "put",
                        "url": "https://hotel.example/b",
                        "headers": {"X-A": 7},
                        "json": {"r": "${run}"},
                        "timeout": "1m",
                        "follow": True,
                    },
                    "expect": {
                        "status": ["201", 200],
                        "headers": {"X-V": "2", "X-W": {"regex": "^a"}},
                        "body": "ok",
                        "regex": "o.",
                        "jmespath": {"id": 7, "x": None},
                    },
                    "capture": {"id": {"jmespath": "id"}, "t": {"regex": "(a)"}, "h": {"header": "X-V"}, "c": {"cookie": "s"}},
                    "wait": {"timeout": "10s", "interval": "500ms"},
                },
                {"name": "look", "request": {"path": "/b/${id}", "form": {"a": 1}}, "expect": {"jmespath": "ok", "body": None}},
            ],
        }
    ]
    book = Step(
        "book",
        Request("https://hotel.example/b", "PUT", (("X-A", "7"),), "json", {"r": "${run}"}, 60.0, True),
        Expect(
            (201, 200),
            (HeaderRule("X-V", "2"), HeaderRule("X-W", "^a", True)),
            "ok",
            "o.",
            (JmespathRule("id", 7, True), JmespathRule("x", None, True)),
        ),
        (Capture("id", "jmespath", "id"), Capture("t", "regex", "(a)"), Capture("h", "header", "X-V"), Capture("c", "cookie", "s")),
        Wait(10.0, 0.5),
    )
    look = Step("look", Request("/b/${id}", "POST", (), "form", {"a": 1}), Expect(jmespath=(JmespathRule("ok"),)))
    assert parse_scenarios(raw) == (Scenario("booking", (book, look), "web"),)


WHERE = "scenario booking, step book: "


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        ([], "parameter scenarios is a list of scenarios, at least one"),
        ({"a": 1}, "parameter scenarios is a list of scenarios, at least one"),
        (["x"], "scenario 1: a scenario is a mapping with `name` and `steps`, not a text"),
        ([{"steps": []}], "scenario 1: `name` is a text of one line and 80 characters at most, such as booking"),
        ([{"name": "a\nb", "steps": []}], "scenario 1: `name` is a text of one line and 80 characters at most, such as booking"),
        ([{"name": "a"}], "scenario a: `steps` is a list of steps, at least one"),
        ([{"name": "a", "step": []}], "scenario 1: unknown key 'step', did you mean `steps`?"),
        (one() + one(), "scenario booking: the name is used twice; every scenario needs its own"),
        (one(service=1)[0], "parameter scenarios is a list of scenarios, at least one"),
        ([{"name": "a", "steps": [7]}], "scenario a, step 1: a step is a mapping with `name` and `request`, not a int"),
        (
            [{"name": "a", "steps": [{"name": "b", "request": {"path": "/"}}] * 2}],
            "scenario a, step b: the name is used twice in the scenario; every step needs its own",
        ),
        (one(expects={}), "scenario booking, step 1: unknown key 'expects', did you mean `expect`?"),
        (one(request=None), WHERE + "`request` is missing; it is a mapping such as {path: /}"),
        (one(request="GET /"), WHERE + "`request` is a mapping such as {path: /}, not a text"),
        (one(request={"pth": "/"}), WHERE + "`request`: unknown key 'pth', did you mean `path`?"),
        (one(request={}), WHERE + "`request` needs either `path`, which starts with /, or `url`, an absolute one"),
        (
            one(request={"path": "/", "url": "http://a"}),
            WHERE + "`request` needs either `path`, which starts with /, or `url`, an absolute one",
        ),
        (one(request={"path": "a"}), WHERE + "`request`: `path` starts with one /, not 'a'"),
        (one(request={"path": "//a"}), WHERE + "`request`: `path` starts with one /, not '//a'"),
        (
            one(request={"path": "/a b"}),
            WHERE + "`request`: `path` has neither spaces nor characters beyond ASCII (percent-encode them), not '/a b'",
        ),
        (one(request={"url": "ftp://a"}), WHERE + "`request`: `url` starts with http:// or https:// and a host, without a user name"),
        (
            one(request={"url": "http://u:pw@a/"}),
            WHERE + "`request`: `url` starts with http:// or https:// and a host, without a user name",
        ),
        (
            one(request={"path": "/", "method": "FETCH"}),
            WHERE + "`request`: `method` is one of GET, HEAD, POST, PUT, PATCH, DELETE and OPTIONS, not 'FETCH'",
        ),
        (one(request={"path": "/", "json": 1, "form": {}}), WHERE + "`request` has `json` and `form`; a request has one body"),
        (one(request={"path": "/", "form": "a"}), WHERE + "`request`: `form` is a mapping of fields to values"),
        (one(request={"path": "/", "body": {}}), WHERE + "`request`: `body` is a text; for data use `json` or `form`"),
        (one(request={"path": "/", "follow": "yes"}), WHERE + "`request`: `follow` is true or false, not 'yes'"),
        (
            one(request={"path": "/", "timeout": "soon"}),
            WHERE + "`request`: `timeout` is a number of seconds or a duration such as 500ms, 2s or 1m30s, not 'soon'",
        ),
        (one(request={"path": "/", "timeout": 0}), WHERE + "`request`: `timeout` must lie between 0.05 and 600 seconds, not 0"),
        (one(request={"path": "/", "headers": ["a"]}), WHERE + "`request`: `headers` is a mapping of names to values, not ['a']"),
        (one(request={"path": "/", "headers": {"Host": "a"}}), WHERE + "`request`: `headers` can't hold Host; use `host`"),
        (
            one(request={"path": "/", "headers": {"Authorization": "Bearer s3cret\nX: y"}}),
            WHERE + "`request`: `headers` Authorization is not one line of Latin-1 text",
        ),
        (
            one(request={"path": "/${id}"}),
            WHERE + "`request` uses ${id}, which no earlier step captures; known here: run",
        ),
        (
            one(request={"path": "/", "json": {"a": [{"b": "${rum}"}]}}),
            WHERE + "`request` uses ${rum}, which no earlier step captures, did you mean `run`?; known here: run",
        ),
        (
            one(expect={"body": "${x"}),
            WHERE + "`expect` has a `${` without a name and `}` in '${x'; write `$${` for the characters themselves",
        ),
        (one(expect=200), WHERE + "`expect` is a mapping such as {status: 200}, not a int"),
        (one(expect={"stauts": 200}), WHERE + "`expect`: unknown key 'stauts', did you mean `status`?"),
        (one(expect={"status": 42}), WHERE + "`expect`: `status` must lie between 100 and 599, not 42"),
        (one(expect={"headers": {"X-A": {"re": "a"}}}), WHERE + "`expect`: `headers` X-A: unknown key 're'"),
        (
            one(expect={"regex": "("}),
            WHERE + "`expect`: `regex` '(' is no valid regular expression: missing ), unterminated subpattern at position 0",
        ),
        (one(expect={"body": 7}), WHERE + "`expect`: `body` is a text that is not empty, not 7"),
        (one(expect={"jmespath": 7}), WHERE + "`expect`: `jmespath` is a text that is not empty, not 7"),
        (one(capture=["a"]), WHERE + "`capture` is a mapping of names to where their values come from, not a list"),
        (one(capture={"a b": {"header": "X"}}), WHERE + "`capture` can't set 'a b'; a name has letters, digits and _, and is none of run"),
        (one(capture={"run": {"header": "X"}}), WHERE + "`capture` can't set 'run'; a name has letters, digits and _, and is none of run"),
        (one(capture={"a": "id"}), WHERE + "`capture` a is a mapping with one of jmespath, regex, header and cookie, not a text"),
        (one(capture={"a": {"heade": "X"}}), WHERE + "`capture` a: unknown key 'heade', did you mean `header`?"),
        (one(capture={"a": {}}), WHERE + "`capture` a needs exactly one of jmespath, regex, header and cookie"),
        (
            one(capture={"a": {"regex": "id=.*"}}),
            WHERE + "`capture` a: `regex` 'id=.*' has no group; put what is to be captured in parentheses",
        ),
        (one(wait={}), WHERE + "`wait`: `timeout` is missing; say how long to wait at most, such as 10s"),
        (one(wait=10), WHERE + "`wait` is a mapping such as {timeout: 10s, interval: 500ms}, not a int"),
        (
            one(wait={"timeout": 1, "interval": 2}),
            WHERE + "`wait`: `interval` 2 s is longer than `timeout` 1 s, so nothing would be repeated",
        ),
    ],
)
def test_mistakes(raw, sentence):
    with pytest.raises(SpecError) as caught:
        parse_scenarios(raw)
    assert caught.value.message == sentence


def test_a_capture_is_known_to_later_steps_of_its_scenario_only():
    steps = [
        {"name": "a", "request": {"path": "/"}, "capture": {"id": {"header": "X"}}},
        {"name": "b", "request": {"path": "/${id}"}, "expect": {"jmespath": {"x": "${id}"}}},
    ]
    assert len(parse_scenarios([{"name": "one", "steps": steps}])[0].steps) == 2
    with pytest.raises(SpecError, match=r"^scenario two, step b: `request` uses"):
        parse_scenarios([{"name": "one", "steps": steps}, {"name": "two", "steps": steps[1:]}])


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["${run}", "${", "/", "http://a", "("]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "name",
                    "steps",
                    "request",
                    "path",
                    "url",
                    "json",
                    "headers",
                    "expect",
                    "capture",
                    "regex",
                    "wait",
                    "jmespath",
                    "status",
                    "timeout",
                ]
            )
            | st.text(max_size=3),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(JUNK, st.sampled_from(["request", "expect", "capture", "wait"]))
def test_no_input_makes_a_fault(junk, key):
    for raw in (junk, [junk], one(**{key: junk}), [{"name": "a", "steps": [junk]}]):
        before = copy.deepcopy(raw)
        try:
            parse_scenarios(raw)
        except SpecError as exc:
            assert "\n" not in exc.message and exc.message.startswith(("scenario", "parameter scenarios"))
        assert repr(raw) == repr(before)
