"""An environment against its schema: each sentence as the user gets it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import SpecError
from ansible_collections.steady.deploy.plugins.module_utils.env.check import check
from ansible_collections.steady.deploy.plugins.module_utils.env.schema import parse_schema
from ansible_collections.steady.deploy.plugins.module_utils.env.types import TYPES


def wrong(rule, value, environment="", **more):
    """The one sentence about a variable KEY of this rule and value, '' where it fits."""
    names = {"environments": [environment]} if environment else {}
    found = check({"KEY": value}, parse_schema({"variables": {"KEY": rule}, **names, **more}, environment), environment)
    assert found.unknown == ()
    assert len(found.violations) <= 1
    return "".join(found.violations)


SENTENCES = [
    ({"required": True}, "", "KEY is empty: it is required"),
    ({"required": True, "hint": "32 random bytes"}, None, "KEY is empty: it is required (32 random bytes)"),
    ({"type": "integer"}, "1.5", "KEY is '1.5', which is no integer: give a whole number"),
    ({"type": "boolean"}, "maybe", "KEY is 'maybe', which is no boolean: give true or false"),
    ({"type": "port"}, 0, "KEY is '0', which is no port: give a number from 1 to 65535"),
    ({"type": "port"}, 65536, "KEY is '65536', which is no port: give a number from 1 to 65535"),
    ({"type": "url"}, "example.com", "KEY is 'example.com', which is no url: give a URL, such as https://example.com"),
    ({"type": "host"}, "https://a.b", "KEY is 'https://a.b', which is no host: give a host name or an address, without scheme and port"),
    ({"type": "email"}, "a@b@c", "KEY is 'a@b@c', which is no email: give a mail address, such as user@example.com"),
    ({"type": "duration"}, "soon", "KEY is 'soon', which is no duration: give a duration, such as 30s or 1m30s"),
    ({"allowed": ["a", "b", "c"]}, "d", "KEY is 'd', which is not allowed: give 'a', 'b' or 'c'"),
    ({"type": "boolean", "forbidden": [True]}, "1", "KEY is '1', which is forbidden: give another value"),
    ({"forbidden": ["*"], "separator": ","}, "https://a, *", "KEY has the part '*', which is forbidden: give another value"),
    ({"pattern": "[a-z]+"}, "ab1", "KEY is 'ab1', which does not match the pattern [a-z]+: give one that does"),
    ({"min_length": 4}, "abc", "KEY is too short: give at least 4 characters"),
    (
        {"type": "url", "schemes": ["https", "wss"]},
        "http://a.b",
        "KEY is 'http://a.b', which has a scheme not allowed: give a URL that begins with 'https://' or 'wss://'",
    ),
    ({"allowed": ["x"]}, "a\nb" + "c" * 80, "KEY is 'a b" + "c" * 56 + "…', which is not allowed: give 'x'"),
    ({"type": "port"}, "redis://me:pa/s@s@h:1/0", "KEY is 'redis://***@h:1/0', which is no port: give a number from 1 to 65535"),
    # A secret's value is in none of them.
    ({"secret": True, "type": "integer"}, "x1", "KEY has a value that is no integer: give a whole number"),
    ({"secret": True, "pattern": "base64:.+"}, "x", "KEY has a value that does not match the pattern base64:.+: give one that does"),
    ({"secret": True, "forbidden": ["x"]}, "x", "KEY has a value that is forbidden: give another value"),
    ({"secret": True, "allowed": ["a"]}, "x", "KEY has a value that is not allowed: give 'a'"),
]


@pytest.mark.parametrize(("rule", "value", "sentence"), SENTENCES)
def test_the_sentence_says_what_is_wrong_and_what_to_do(rule, value, sentence):
    assert wrong(rule, value) == sentence


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("integer", ["0", "-12", "+3"], ["", " 1", "1e3", "0x1", "\u0661"]),
        ("boolean", ["true", "FALSE", "1", "0", "yes", "off"], ["2", "wahr", "tru"]),
        ("port", ["1", "3306", "65535"], ["-1", "99999", "80/tcp", "\u0663"]),
        (
            "host",
            ["redis", "a.b-c.example", "10.0.0.1", "::1", "[::1]", "under_score"],
            ["a b", "-a", "a..b", "256.1.1.1", "h:80", "a" * 300],
        ),
        (
            "url",
            ["https://a.b", "redis://:x@h:6379/0", "http://[::1]:80/x?y"],
            ["//a", "https://", "https://a b", "http://h:99999", "http://h:0"],
        ),
        ("email", ["a@b", "a.b+c@example.com"], ["a", "@b", "a@", "a b@c", "a@b,c@d"]),
        ("duration", ["5", "1m30s", "250ms", "0"], ["-1", "5 s", "1d", "m"]),
        ("string", ["anything\n"], []),
    ],
)
def test_types(kind, good, bad):
    fits = TYPES[kind][0]
    assert [text for text in good if not fits(text)] == []
    assert [text for text in bad if fits(text)] == []


def test_all_violations_are_told_at_once_and_by_name():
    schema = {"variables": {"B": {"type": "port"}, "A": {"required": True}, "C": {"required": True}}}
    found = check({"B": "x", "C": ""}, parse_schema(schema))
    assert [sentence.split(":")[0] for sentence in found.violations] == ["A is missing", "B is 'x', which is no port", "C is empty"]


def test_rules_that_differ_in_an_environment():
    schema = {
        "environments": ["production", "staging"],
        "variables": {
            "APP_DEBUG": {"type": "boolean", "in": {"production": {"forbidden": [True]}}},
            "CORS": {"separator": ",", "in": {"production": {"forbidden": ["*"], "required": True}}},
        },
    }
    env = {"APP_DEBUG": "TRUE", "CORS": "*"}
    assert check(env, parse_schema(schema, "staging"), "staging").violations == ()
    assert check(env, parse_schema(schema, "production"), "production").violations == (
        "APP_DEBUG is 'TRUE', which is forbidden in production: give another value",
        "CORS has the part '*', which is forbidden in production: give another value",
    )
    assert check({}, parse_schema(schema, "production"), "production").violations == ("CORS is missing: it is required in production",)


def test_unknown_variables_are_warned_of_or_refused():
    schema = {"variables": {"APP_DEBUG": {}}}
    sentences = ("APP_DEBGU is not in the schema: did you mean APP_DEBUG?", "FOO is not in the schema: add it there, or remove it")
    found = check({"FOO": 1, "APP_DEBGU": 1}, parse_schema(schema))
    assert (found.violations, found.unknown) == ((), sentences)
    found = check({"FOO": 1, "APP_DEBGU": 1}, parse_schema({**schema, "additional": False}))
    assert (found.violations, found.unknown) == (sentences, ())


def test_without_a_schema_only_what_can_not_be_written_is_told():
    found = check({"FOO": 1, "A B": 1, "N": "\0"}, parse_schema({}))
    assert found.unknown == ()
    assert [sentence.split(" ")[0] for sentence in found.violations] == ["'A", "N"]


@pytest.mark.parametrize(
    ("schema", "environment", "sentence"),
    [
        (None, "", "the schema must be a mapping with the keys environments, additional, variables"),
        ({"vars": {}}, "", "the schema has the key 'vars', which is not known; there are environments, additional, variables"),
        ({"additional": "no"}, "", "the schema: `additional` must be true or false"),
        ({"variables": {"A": "string"}}, "", "variable A must be a mapping with the keys type, required, "),
        ({"variables": {"A": {"requird": True}}}, "", "variable A has the key 'requird', which is not known; there are type, "),
        ({"variables": {"A": {"type": "int"}}}, "", "variable A: type 'int' is not known; there are string, integer, "),
        ({"variables": {"A": {"min_length": True}}}, "", "variable A: `min_length` must be a whole number"),
        ({"variables": {"A": {"allowed": "x"}}}, "", "variable A: `allowed` must be a list"),
        ({"variables": {"A": {"pattern": "("}}}, "", "variable A: pattern '(' is no regular expression: "),
        ({"variables": {"A": {"schemes": ["https"]}}}, "", "variable A: `schemes` is for type url only"),
        (
            {"variables": {"A": {"in": {"prod": {}}}}, "environments": ["production"]},
            "production",
            "variable A: `in` has 'prod', which is not in the schema's list `environments`: add it there or correct it",
        ),
        # A mistake for production is told in staging.
        (
            {"variables": {"A": {"in": {"production": {"typ": "url"}}}}, "environments": ["production", "staging"]},
            "staging",
            "variable A, in production has the key 'typ', which is not known; there are type, ",
        ),
        (
            {"environments": ["production", "staging"]},
            "",
            "app_environment is not set, but the schema has rules for production, staging: set app_environment to one of them",
        ),
        (
            {"environments": ["production"]},
            "prodution",
            "app_environment is 'prodution', but the schema has rules for production: set app_environment to one of them",
        ),
    ],
)
def test_a_schema_is_read_strictly(schema, environment, sentence):
    with pytest.raises(SpecError) as caught:
        parse_schema(schema, environment)
    assert caught.value.message.startswith(sentence)


RULES = st.fixed_dictionaries(
    {"secret": st.just(True), "type": st.sampled_from(sorted(TYPES))},
    optional={
        "min_length": st.integers(0, 99),
        "allowed": st.just(["other"]),
        "pattern": st.just("o+"),
        "separator": st.sampled_from([",", " "]),
        "required": st.booleans(),
    },
)


@given(RULES, st.text(alphabet="QXZ,@:/ \n0", min_size=3))
def test_no_sentence_holds_a_secret(rule, value):
    value = f"QZ{value}ZQ"
    assert "QZ" not in wrong(rule, value) and "ZQ" not in wrong(rule, value)


@given(
    st.dictionaries(st.text(max_size=8), st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=8)), max_size=4),
    st.sampled_from(sorted(TYPES)),
)
def test_no_environment_breaks_the_check(env, kind):
    check(env, parse_schema({"variables": {"A": {"type": kind}}, "additional": False}))
