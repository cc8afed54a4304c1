"""The picture of a rollout: what it says, that nothing in a result can break out of its text, and that it is one file."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ansible_collections.steady.deploy.plugins.plugin_utils.charts import Scale, seconds
from ansible_collections.steady.deploy.plugins.plugin_utils.picture import render

GATE = {
    "service": "web",
    "container": "hotel-new-web-2",
    "type": "http",
    "gate": "http :8080/readyz",
    "held": True,
    "after": 0.4,
    "asked": 3,
    "answers": [{"after": 0.1, "ok": False, "detail": "HTTP 503: hunter2"}, {"after": 0.4, "ok": True, "detail": "HTTP 200 OK"}],
}
GOOD = {
    "app": "hotel",
    "release": "new",
    "previous": "old",
    "plan": ["create release new", "wait until web is ready", "shift traffic", "stop web"],
    "timeline": [
        {"action": "pull", "text": "pull web:v2", "services": [], "after": -2.0, "seconds": 1.5},
        {"action": "create", "text": "create release new", "services": [], "after": 0.2, "seconds": 0.8},
        {"action": "gate", "text": "wait until web is ready", "services": ["web"], "after": 1.0, "seconds": 1.0},
        {"action": "shift", "text": "shift traffic", "services": [], "after": 2.0, "seconds": 0.3},
        {"action": "stop", "text": "stop web", "services": ["web"], "after": 2.3, "seconds": 1.0},
    ],
    "gates": [GATE],
    "drained": {"requests_cut": 0, "streams_cut": 1},
    "traffic": [
        {"second": 1, "release": "old", "requests": 60, "failed": 0, "p50": 0.02, "p95": 0.1},
        {"second": 2, "release": "old", "requests": 20, "failed": 0, "p50": 0.02, "p95": 0.1},
        {"second": 2, "release": "new", "requests": 40, "failed": 2, "p50": 0.03, "p95": 0.2},
        {"second": 3, "release": "new", "requests": 60, "failed": 0, "p50": 0.02, "p95": 0.1},
    ],
    "warnings": ["mind the gap"],
}


class Page(HTMLParser):
    """The elements of a page, and its text."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.text, self.open = [], [], []
        self.feed(page)
        self.close()
        assert self.open == ["html"] or self.open == [], self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)

    def of(self, tag, class_=""):
        return (
            [attrs for name, attrs in self.tags if name == tag and class_ in (attrs.get("class") or "").split(" ")]
            if class_
            else [attrs for name, attrs in self.tags if name == tag]
        )

    def says(self, text):
        return text in " ".join(" ".join(self.text).split())


def test_a_good_rollout():
    page = Page(render(GOOD, host="prod1", when="today"))
    for text in (
        "hotel: release new serves",
        "Release new serves, no step failed.",
        "prod1 · today",
        "pull web:v2",
        "mind the gap",
        "web-2",
    ):
        assert page.says(text), text
    # One bar a step, and one for the gate within its step.
    assert len(page.of("rect", "bar")) == 6
    assert len([attrs for attrs in page.of("li") if attrs.get("class") == "done"]) == 4
    # A failed request among many is seen.
    assert len(page.of("rect", "column")) == 5
    assert len([attrs for attrs in page.of("rect", "column") if "bad" in attrs["class"].split()]) == 1
    assert len(page.of("polyline")) == 2
    assert not page.of("header", "bad")


def test_a_failed_one_says_where_and_what_was_not_reached():
    timeline = [*GOOD["timeline"][:2], {**GOOD["timeline"][2], "failed": "did not hold"}]
    page = Page(render({**GOOD, "failed": True, "undone": True, "msg": "gate did not hold. Undone: old serves", "timeline": timeline}))
    assert page.says("hotel: undone") and page.says("gate did not hold. Undone: old serves")
    classes = [attrs.get("class") for attrs in page.of("li")]
    assert classes[:4] == ["done", "failed", "open", "open"]
    assert page.of("header", "bad") and page.of("div", "failed")


def test_one_refused_before_it_began_is_one_sentence():
    page = Page(render({"failed": True, "msg": "app 'X' is no name"}, app="X"))
    assert page.says("X: failed") and page.says("app 'X' is no name")
    assert not page.of("rect")


def test_what_an_app_said_itself_and_an_exec_gates_command_are_not_shown():
    command = {**GATE, "type": "exec", "gate": "exec redis-cli -a hunter2 ping"}
    page = render({**GOOD, "gates": [GATE, command]})
    assert "hunter2" not in page
    assert "HTTP 503" in page


def test_it_is_one_file_that_loads_and_runs_nothing():
    page = render(GOOD)
    tags = {tag for tag, _attrs in Page(page).tags}
    assert not tags & {"script", "link", "img", "iframe", "object", "image", "use", "a", "form"}
    assert not re.search(r"url\(|@import|https?:", page)
    assert "default-src 'none'" in page
    assert 'name="viewport"' in page and "prefers-color-scheme" in page


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("<script>alert(1)</script>\"'&"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def rows(*keys):
    return st.lists(st.dictionaries(st.sampled_from(keys), ODD), max_size=4) | ODD


RESULTS = st.fixed_dictionaries(
    {},
    optional={
        "app": ODD,
        "release": ODD,
        "previous": ODD,
        "msg": ODD,
        "failed": ODD,
        "undone": ODD,
        "plan": ODD,
        "timeline": rows("action", "text", "after", "seconds", "failed", "services"),
        "gates": rows("service", "container", "type", "gate", "after", "asked", "answers"),
        "traffic": rows("second", "release", "requests", "failed", "p50", "p95"),
        "drained": ODD,
        "warnings": ODD,
    },
)


@given(RESULTS, st.text())
@example(
    {"plan": ["</li><script>alert(1)</script>"], "timeline": [{"action": "gate", "text": "<svg onload=x>", "services": ["<i>"]}]}, "<b>"
)
def test_whatever_is_in_a_result_stays_text(result, host):
    page = render(result, host=host)
    parsed = Page(page)
    assert {tag for tag, _attrs in parsed.tags} <= {
        "html", "head", "meta", "title", "style", "body", "main", "header", "section", "h1", "h2", "p", "dl", "div", "dt", "dd", "span",
        "svg", "rect", "line", "text", "polyline", "figure", "figcaption", "table", "tr", "th", "td", "code", "ol", "ul", "li",
    }  # fmt: skip
    assert not [name for _tag, attrs in parsed.tags for name in attrs if name.startswith("on") or name in ("href", "src", "style")]


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), st.floats(-1e9, 1e9))
def test_whatever_the_times_are_bars_stay_within_the_chart(begin, end, moment):
    scale = Scale(begin, end)
    assert 0 <= scale.at(moment) <= 100
    assert len(scale.ticks()) <= 6


@pytest.mark.parametrize(("value", "text"), [(0.306, "0.31 s"), (12.46, "12.5 s"), (119.6, "2 min 0 s"), (250, "4 min 10 s")])
def test_durations_are_short(value, text):
    assert seconds(value) == text
