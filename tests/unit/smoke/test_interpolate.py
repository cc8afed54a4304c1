# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names in texts, filled in: properties that hold for any value."""

from __future__ import annotations

import json
import re
import urllib.parse

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import SpecError
from ansible_collections.steady.deploy.plugins.module_utils.smoke import interpolate as i

TEXT = st.text(max_size=30) | st.text("${}a", max_size=12)
VALUE = st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.text("${}run", max_size=12)
NAME = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,20}", fullmatch=True)


@given(TEXT, st.dictionaries(NAME, VALUE))
def test_an_escaped_text_comes_out_as_it_was(text, values):
    escaped = text.replace("${", "$${")
    assert i.names(escaped, "x") == set()
    assert i.fill(escaped, values) == text


@given(NAME, VALUE, st.text("ab /", max_size=5), st.text("ab /}{", max_size=5))
def test_a_value_is_never_read_again(name, value, before, after):
    text = f"{before}${{{name}}}{after}"
    assert i.names(text, "x") == {name}
    assert i.fill(text, {name: value}) == before + i.as_text(value) + after


@given(NAME, VALUE)
def test_a_text_that_is_one_name_keeps_the_type(name, value):
    reference = f"${{{name}}}"
    assert i.fill_deep({"a": [reference, 7, None]}, {name: value}) == {"a": [value, 7, None]}
    assert i.fill_deep({reference: f"{reference}!"}, {name: value}) == {i.as_text(value): i.as_text(value) + "!"}


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
def test_a_value_within_a_path_is_one_part_of_it(value):
    filled = i.fill_url("/mails?to=${to}&x=1", {"to": value})
    assert urllib.parse.parse_qs(urllib.parse.urlsplit(filled).query, keep_blank_values=True) == {"to": [value], "x": ["1"]}
    assert re.fullmatch(r"[!-~]*", filled)


def test_a_link_from_the_app_stays_a_link():
    assert i.fill_url("${link}", {"link": "http://a/b?c=d&e=%20f#g"}) == "http://a/b?c=d&e=%20f#g"
    assert i.fill_url("${link}&to=${to}", {"link": "/x?a=ü b", "to": "a&b"}) == "/x?a=%C3%BC%20b&to=a%26b"


@given(TEXT)
def test_a_value_in_a_regular_expression_stands_for_itself(value):
    assert re.fullmatch(i.fill_regex("a${v}b", {"v": value}), f"a{value}b")


@given(st.text("ab'\"`\\", max_size=6))
def test_a_value_never_ends_a_quotation_in_an_expression(value):
    jmespath = pytest.importorskip("jmespath")
    try:
        expression = i.fill_jmespath("v == '${v}'", {"v": value})
    except ValueError:
        assert set(value) & set("'\"`\\")
        return
    assert jmespath.search(expression, {"v": value}) is True


@pytest.mark.parametrize("text", ["${", "${}", "${a", "${a b}", "${1}", "${a.b}", "x$$ ${"])
def test_what_names_nothing_is_refused(text):
    with pytest.raises(SpecError, match=r"^here has a `"):
        i.names({"a": [text]}, "here")


def test_other_dollars_are_left_alone():
    assert i.fill("$5 $x $$ {a} ${a}", {"a": 1}) == "$5 $x $$ {a} 1"
    assert i.as_text({"a": True}) == json.dumps({"a": True})
