# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""parse_gate: what it takes, and the exact sentence for each mistake."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import SpecError
from ansible_collections.steady.deploy.plugins.module_utils.probe.duration import seconds
from ansible_collections.steady.deploy.plugins.module_utils.probe.gate import GATE_TYPES, Gate
from ansible_collections.steady.deploy.plugins.module_utils.probe.parse import parse_gate

WHERE = "service web, gate 1"


def test_everything_an_http_gate_takes():
    raw = {
        "type": "http",
        "port": 8000,
        "path": "/readyz?full=1",
        "host": "hotel.example",
        "headers": {"X-Probe": "yes", "X-Number": 3},
        "status": [200, 204],
        "expect_headers": {"X-Version": "1.2"},
        "body": "ok",
        "jmespath": "status == 'ok'",
        "success_threshold": 3,
        "interval": "250ms",
        "timeout": "1s",
        "deadline": "1m30s",
        "min_ready": 2,
    }
    assert parse_gate(raw, WHERE) == Gate(
        type="http",
        port=8000,
        path="/readyz?full=1",
        host="hotel.example",
        headers=(("X-Probe", "yes"), ("X-Number", "3")),
        status=(200, 204),
        expect_headers=(("X-Version", "1.2"),),
        body="ok",
        jmespath="status == 'ok'",
        success_threshold=3,
        interval=0.25,
        timeout=1.0,
        deadline=90.0,
        min_ready=2.0,
    )


@pytest.mark.parametrize(
    ("raw", "gate"),
    [
        ({"type": "tcp", "port": 6379}, Gate("tcp", port=6379)),
        ({"type": "tcp", "port": "6379", "success_threshold": "1"}, Gate("tcp", port=6379, success_threshold=1)),
        ({"type": "http", "port": 80, "status": 204}, Gate("http", port=80, status=(204,))),
        ({"type": "fastcgi", "port": 9000, "path": "/ping"}, Gate("fastcgi", port=9000, path="/ping")),
        ({"type": "fastcgi", "socket": "/run/php.sock", "script": "/a b.php"}, Gate("fastcgi", socket="/run/php.sock", script="/a b.php")),
        ({"type": "exec", "command": ["sleep", 1]}, Gate("exec", command=("sleep", "1"))),
        ({"type": "exec", "command": ["true"]}, Gate("exec", command=("true",))),
        ({"type": "health"}, Gate("health")),
        ({"type": "health", "deadline": "2m"}, Gate("health", deadline=120.0)),
    ],
)
def test_each_type(raw, gate):
    assert parse_gate(raw, WHERE) == gate


def test_nulls_and_defaults_count_as_not_given():
    raw = {
        "type": "tcp",
        "port": 1,
        "path": "/",
        "host": None,
        "headers": {},
        "status": [200],
        "command": [],
        "script": "",
        "interval": 0.2,
    }
    assert parse_gate(raw, WHERE) == Gate("tcp", port=1)


def test_the_services_port_stands_in():
    assert parse_gate({"type": "http"}, WHERE, port=8000).port == 8000
    assert parse_gate({"type": "http", "port": 1}, WHERE, port=8000).port == 1
    assert parse_gate({"type": "fastcgi", "socket": "/s"}, WHERE, port=8000).port is None
    assert parse_gate({"type": "health"}, WHERE, port=8000).port is None


HTTP = {"type": "http", "port": 80}
ARGV = 'such as ["redis-cli", "ping"]'


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        ([1], "a gate is a mapping such as {type: http, path: /readyz}, not [1]"),
        ("http", "a gate is a mapping such as {type: http, path: /readyz}, not 'http'"),
        (None, "a gate is a mapping such as {type: http, path: /readyz}, not None"),
        ({}, "`type` is missing; it is one of http, tcp, fastcgi, exec and health"),
        ({"type": "htpp"}, "`type` is one of http, tcp, fastcgi, exec and health, not 'htpp', did you mean `http`?"),
        ({"type": 3}, "`type` is one of http, tcp, fastcgi, exec and health, not 3"),
        ({"type": ["http"]}, "`type` is one of http, tcp, fastcgi, exec and health, not ['http']"),
        ({**HTTP, "pth": "/"}, "unknown key 'pth', did you mean `path`?"),
        ({**HTTP, "succes_treshold": 1}, "unknown key 'succes_treshold', did you mean `success_threshold`?"),
        ({**HTTP, 5: 1}, "unknown key 5"),
        (
            {"type": "tcp", "port": 1, "jmespath": "a"},
            "`jmespath` has no meaning for a gate of type tcp; it takes port, success_threshold, interval, timeout, deadline and min_ready",
        ),
        (
            {"type": "health", "port": 1},
            "`port` has no meaning for a gate of type health; it takes success_threshold, interval, timeout, deadline and min_ready",
        ),
        ({"type": "http"}, "`port` is missing; say which port of the container the gate asks"),
        ({"type": "fastcgi"}, "a gate of type fastcgi needs either `port` or `socket`"),
        ({"type": "fastcgi", "port": 1, "socket": "/s"}, "a gate of type fastcgi needs either `port` or `socket`"),
        ({"type": "fastcgi", "socket": "php.sock"}, "`socket` is an absolute path, not 'php.sock'"),
        ({"type": "exec"}, f"`command` is missing; give the words to run in the container, {ARGV}"),
        ({"type": "exec", "command": []}, f"`command` is missing; give the words to run in the container, {ARGV}"),
        ({"type": "exec", "command": "redis-cli ping"}, f"`command` is a list of words {ARGV}, not 'redis-cli ping'"),
        ({"type": "exec", "command": [True]}, f"`command` is a list of words {ARGV}; True is no word"),
        ({"type": "exec", "command": ["a\0"]}, f"`command` is a list of words {ARGV}; 'a\\x00' is no word"),
        ({"type": "http", "port": 0}, "`port` must lie between 1 and 65535, not 0"),
        ({"type": "http", "port": 65536}, "`port` must lie between 1 and 65535, not 65536"),
        ({"type": "http", "port": "web"}, "`port` is a whole number, not 'web'"),
        ({"type": "http", "port": True}, "`port` is a whole number, not True"),
        ({"type": "http", "port": 80.5}, "`port` is a whole number, not 80.5"),
        ({**HTTP, "status": []}, "`status` needs at least one status code, such as [200, 204]"),
        ({**HTTP, "status": [99]}, "`status` must lie between 100 and 599, not 99"),
        ({**HTTP, "status": "ok"}, "`status` is a whole number, not 'ok'"),
        (
            {**HTTP, "path": "readyz"},
            "`path` starts with / and has neither spaces nor characters beyond ASCII (percent-encode them), not 'readyz'",
        ),
        (
            {**HTTP, "path": "/a b"},
            "`path` starts with / and has neither spaces nor characters beyond ASCII (percent-encode them), not '/a b'",
        ),
        ({**HTTP, "headers": ["a"]}, "`headers` is a mapping of names to values, not ['a']"),
        ({**HTTP, "headers": {"a b": "c"}}, "`headers` has 'a b', which can't be the name of a header"),
        ({**HTTP, "headers": {"A": "b\r\nC: d"}}, "`headers` A is one line of Latin-1 text, not 'b\\r\\nC: d'"),
        ({**HTTP, "headers": {"host": "x"}}, "`headers` can't hold Host; use `host`"),
        ({**HTTP, "host": "a\nb"}, "`host` is one line of Latin-1 text, not 'a\\nb'"),
        ({**HTTP, "host": " "}, "`host` is a text that is not empty, not ''"),
        ({**HTTP, "body": ""}, "`body` is a text that is not empty, not ''"),
        ({**HTTP, "body": 7}, "`body` is a text that is not empty, not 7"),
        ({**HTTP, "success_threshold": 0}, "`success_threshold` must lie between 1 and 100, not 0"),
        ({**HTTP, "interval": 0}, "`interval` must lie between 0.05 and 3600 seconds, not 0"),
        ({**HTTP, "timeout": -1}, "`timeout` must lie between 0.05 and 3600 seconds, not -1"),
        ({**HTTP, "deadline": "2 days"}, "`deadline` is a number of seconds or a duration such as 500ms, 2s or 1m30s, not '2 days'"),
        ({**HTTP, "deadline": float("nan")}, "`deadline` is a number of seconds or a duration such as 500ms, 2s or 1m30s, not nan"),
        ({**HTTP, "min_ready": False}, "`min_ready` is a number of seconds or a duration such as 500ms, 2s or 1m30s, not False"),
        ({**HTTP, "deadline": False}, "`deadline` is a number of seconds or a duration such as 500ms, 2s or 1m30s, not False"),
        (
            {**HTTP, "min_ready": 60},
            "the gate can never hold: 2 successes with 0.2 s between them and 60 s of `min_ready` need 60.2 s, but `deadline` is 60 s",
        ),
        (
            {**HTTP, "success_threshold": 11, "deadline": 2},
            "the gate can never hold: 11 successes with 0.2 s between them and 0 s of `min_ready` need 2 s, but `deadline` is 2 s",
        ),
    ],
)
def test_the_exact_sentence(raw, sentence):
    with pytest.raises(SpecError) as caught:
        parse_gate(raw, WHERE)
    assert caught.value.message == f"{WHERE}: {sentence}"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (2, 2.0),
        (0.5, 0.5),
        ("2", 2.0),
        ("0.5", 0.5),
        ("2s", 2.0),
        ("500ms", 0.5),
        ("1m30s", 90.0),
        ("1.5h", 5400.0),
        (" 3s ", 3.0),
        ("-1", -1.0),
    ],
)
def test_durations(value, expected):
    assert seconds(value) == expected


@pytest.mark.parametrize("value", [None, True, "", "s", "1 s", "1x", "1s2", "1e3", "٣s", [], float("inf"), 10**400, "9" * 400])
def test_what_is_no_duration(value):
    assert seconds(value) is None


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(max_size=8)
ANYTHING = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6) | st.integers(), inner, max_size=4)
)
KEYS = st.sampled_from([*Gate.__dataclass_fields__]) | st.text(max_size=12) | st.integers()
LIKELY = st.sampled_from([*GATE_TYPES, "/", "/x", "2s", "500ms", 1, 80, 0.5, [200], ["a"], {"A": "b"}, {"A": 1e308}])


@given(ANYTHING | st.dictionaries(KEYS, ANYTHING | LIKELY, max_size=8), st.none() | st.integers(1, 65535))
def test_nothing_but_spec_error_comes_out(raw, port):
    try:
        gate = parse_gate(raw, WHERE, port)
    except SpecError as exc:
        assert exc.message.startswith(f"{WHERE}: ")
        assert "\n" not in exc.message
    else:
        assert gate.type in GATE_TYPES
        hash(gate)


@given(
    st.fixed_dictionaries(
        {"type": st.sampled_from(GATE_TYPES), "port": st.just(80)},
        optional={key: ANYTHING | LIKELY for key in Gate.__dataclass_fields__ if key not in ("type", "port")},
    )
)
def test_what_is_taken_is_within_bounds(raw):
    try:
        gate = parse_gate(raw, WHERE)
    except SpecError:
        return
    assert 0.05 <= gate.interval <= 3600
    assert 0.05 <= gate.timeout <= 3600
    assert 0 <= gate.min_ready < gate.deadline <= 86400
    assert all(isinstance(code, int) and 100 <= code <= 599 for code in gate.status)
    assert gate.path.startswith("/")
    assert all(isinstance(word, str) for word in gate.command)
