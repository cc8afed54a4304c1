# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Conditions on an answer, and JMESPath where it is missing or wrong."""

from __future__ import annotations

import sys

import pytest

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import SpecError
from ansible_collections.steady.deploy.plugins.module_utils.probe.gate import Gate
from ansible_collections.steady.deploy.plugins.module_utils.probe.match import check_jmespath, judge


def test_a_host_without_jmespath_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "jmespath", None)
    with pytest.raises(SpecError) as caught:
        check_jmespath("a", "gate http :80/")
    assert caught.value.message == (
        "gate http :80/: `jmespath` needs the python package jmespath on the managed host"
        " (apt install python3-jmespath); without it, use `body`"
    )


@pytest.mark.parametrize("expression", ["a[", "", "nosuch(", "!", "a b"])
def test_a_bad_expression_is_told_before_anything_is_asked(expression):
    with pytest.raises(SpecError) as caught:
        check_jmespath(expression, "gate http :80/")
    assert caught.value.message.startswith(f"gate http :80/: `jmespath` {expression!r} is no valid expression: ")
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    ("expression", "body", "trouble"),
    [
        ("abs(a)", b'{"a": "x"}', "`jmespath` 'abs(a)' failed: "),
        ("nosuch(a)", b"{}", "`jmespath` 'nosuch(a)' failed: "),
        ("a", b"[" * 100_000, "the body is not JSON"),
        ("a", b"", "the body is not JSON"),
        ("a", b'{"a": ""}', "`jmespath` 'a' gives \"\""),
        ("a", b'{"a": []}', "`jmespath` 'a' gives []"),
        ("a", b'{"a": {}}', "`jmespath` 'a' gives {}"),
    ],
)
def test_expressions_that_do_not_hold(expression, body, trouble):
    answer = judge(Gate("http", port=1, jmespath=expression), "HTTP 200 OK", 200, [], body)
    assert not answer.ok
    assert answer.detail.startswith(f"HTTP 200 OK, but {trouble}")
    assert "\n" not in answer.detail


def test_all_conditions_must_hold():
    gate = Gate("http", port=1, expect_headers=(("A", "b"),), body="x", jmespath="x")
    assert judge(gate, "T", 200, [("a", "b")], b'{"x": 1}').ok
    assert not judge(gate, "T", 201, [("a", "b")], b'{"x": 1}').ok
    assert not judge(gate, "T", 200, [], b'{"x": 1}').ok
    assert not judge(gate, "T", 200, [("a", "b")], b'{"y": 1}').ok
    assert not judge(gate, "T", 200, [("a", "b")], b'{"x": false}').ok
