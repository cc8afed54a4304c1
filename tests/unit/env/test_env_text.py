"""The environment as text."""

from __future__ import annotations

import pytest

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import SpecError
from ansible_collections.steady.deploy.plugins.module_utils.env.text import as_text, env_file, values_in


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (True, "true"),
        (False, "false"),
        (0, "0"),
        (1.5, "1.5"),
        ("", ""),
        ("No", "No"),
        ([1, "a"], '[1, "a"]'),
        ({"a": True}, '{"a": true}'),
    ],
)
def test_values_are_what_a_process_sees(value, text):
    assert as_text(value) == text


def test_a_file_is_sorted_and_escaped():
    assert env_file({"B": 'a"b$c\\d\ne\rf#g', "A": 1}) == 'A="1"\nB="a\\"b\\$c\\\\d\\ne\\rf#g"\n'


def test_what_no_environment_can_carry_is_refused_without_its_value():
    with pytest.raises(SpecError) as caught:
        env_file({"A": "geheim\0", "B": "geheim\udc80", "C D": "geheim", "1": "geheim", 2: ""})
    message = caught.value.message
    assert "geheim" not in message
    assert message.startswith("'1' is no name") and message.count(";") == 4
    assert "A holds a NUL character" in message and "B is no valid Unicode" in message


def test_values_can_be_found_in_a_file_again():
    env = {"A": 'a"b$c\\d\ne\rf#g', "B": "", "C": "\\n", "D": "x=y"}
    assert values_in("# a comment\n" + env_file(env)) == ["", *env.values()]
    # Of a file that somebody else wrote what stands there.
    assert values_in("A=plain text\nexport B='x'") == ["plain text", "'x'"]
