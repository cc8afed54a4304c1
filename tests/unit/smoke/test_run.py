# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running scenarios against a peer that answers what it is told: order, values, cookies, redirects, waits, sentences, secrets."""

from __future__ import annotations

import json
import typing as t
from itertools import count

import pytest
from unit.probe.fakes import FakeClock

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import GateError, SpecError
from ansible_collections.steady.deploy.plugins.module_utils.smoke.fetch import Asked, Reply
from ansible_collections.steady.deploy.plugins.module_utils.smoke.parse import parse_scenarios
from ansible_collections.steady.deploy.plugins.module_utils.smoke.run import check, run

BASE = "http://127.0.0.1:20010"


def reply(status: int = 200, body: t.Any = "", reason: str = "OK", **headers: t.Any) -> Reply:
    """An answer; a body that is no text is written as JSON, a header with several values is a list."""
    lines = [(name.replace("_", "-"), line) for name, value in headers.items() for line in (value if isinstance(value, list) else [value])]
    return Reply(status, reason, tuple(lines), (body if isinstance(body, str) else json.dumps(body)).encode())


class Peer:
    """Answers in order, the last answer again and again; remembers what was asked."""

    def __init__(self, *replies: Reply | t.Callable[[Asked], Reply]) -> None:
        self._replies = list(replies)
        self.asked: list[Asked] = []

    def __call__(self, asked: Asked) -> Reply:
        self.asked.append(asked)
        answer = self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]
        return answer(asked) if callable(answer) else answer


def scenario(*steps: dict[str, t.Any], **more: t.Any) -> list[dict[str, t.Any]]:
    """A scenario; steps without a name are called a, b, c."""
    return [{"name": "booking", "steps": [{"name": chr(97 + n), **step} for n, step in enumerate(steps)], **more}]


def go(raw: list[dict[str, t.Any]], peer: Peer, bases: t.Mapping[str, t.Sequence[str]] | None = None, **more: t.Any):
    ids = (f"id{n}" for n in count(1))
    settings = {"host": "hotel.test", "clock": FakeClock(), "new_id": lambda: next(ids), **more}
    return run(parse_scenarios(raw), bases or {"web": [BASE]}, fetch=peer, **settings)


def fail(raw: list[dict[str, t.Any]], *replies: Reply, **more: t.Any) -> str:
    with pytest.raises(GateError) as caught:
        go(raw, Peer(*replies), **more)
    assert caught.value.facts["smoke"][-1]["ok"] is False
    return caught.value.message


def test_each_scenario_runs_against_each_replica_of_its_service_with_an_id_of_its_own():
    raw = scenario({"request": {"path": "/${run}"}}) + [
        {"name": "ws", "service": "ws", "steps": [{"name": "x", "request": {"path": "/livez"}}]}
    ]
    peer = Peer(reply())
    told: list[dict[str, t.Any]] = []
    results = go(raw, peer, {"web": ["http://127.0.0.1:1/", "http://127.0.0.1:2"], "ws": ["http://127.0.0.1:3"]}, on_progress=told.append)
    assert [asked.url for asked in peer.asked] == ["http://127.0.0.1:1/id1", "http://127.0.0.1:2/id2", "http://127.0.0.1:3/livez"]
    assert {asked.host for asked in peer.asked} == {"hotel.test"}
    assert told == results
    assert results[0] == {
        "scenario": "booking",
        "step": "a",
        "service": "web",
        "request": "GET http://127.0.0.1:1/id1",
        "status": 200,
        "attempts": 1,
        "seconds": 0.0,
        "ok": True,
        "detail": "HTTP 200 OK",
    }


def test_values_go_from_step_to_step():
    raw = scenario(
        {
            "request": {"path": "/b", "json": {"ref": "s-${run}", "n": 1}},
            "expect": {"status": 201, "headers": {"x-v": "2", "X-W": {"regex": "^a.c$"}}, "body": "booked", "regex": "s-${run}"},
            "capture": {
                "id": {"jmespath": "id"},
                "ref": {"regex": '"ref": "([^"]*)"'},
                "etag": {"header": "ETag"},
                "sid": {"cookie": "sid"},
            },
        },
        {
            "request": {
                "method": "PUT",
                "path": "/b/${id}?r=${ref}",
                "headers": {"If-Match": "${etag}", "X-Sid": "${sid}"},
                "json": {"id": "${id}", "text": "no ${id}"},
            },
            "expect": {"jmespath": {"id": "${id}", "ok": True, "none": None}},
        },
        {"request": {"path": "/f", "form": {"a": "x y", "b": ["${id}", 2]}}, "expect": {"jmespath": "list[?name=='${ref}']"}},
        {"request": {"path": "/t", "body": "ü ${id} $${id}"}},
    )
    peer = Peer(
        reply(201, {"id": 7, "ref": "s-id1", "state": "booked"}, X_V="2", X_W="abc", ETag='"9"', Set_Cookie="sid=c00kie; Path=/"),
        reply(200, {"id": 7, "ok": True}),
        reply(200, {"list": [{"name": "s-id1"}]}),
        reply(),
    )
    go(raw, peer)
    book, change, form, text = peer.asked
    assert (book.method, json.loads(book.body or b""), dict(book.headers)) == (
        "POST",
        {"ref": "s-id1", "n": 1},
        {"Content-Type": "application/json"},
    )
    assert change.url == f"{BASE}/b/7?r=s-id1"
    assert dict(change.headers)["If-Match"] == '"9"' and dict(change.headers)["X-Sid"] == "c00kie"
    assert dict(change.headers)["Cookie"] == "sid=c00kie"
    assert json.loads(change.body or b"") == {"id": 7, "text": "no 7"}
    assert form.body == b"a=x+y&b=7&b=2"
    assert text.body == "ü 7 ${id}".encode()


JSON = {"status": "open", "id": 7}


@pytest.mark.parametrize(
    ("expect", "answer", "sentence"),
    [
        (
            {},
            reply(500, "db\n down", "Internal Server Error"),
            "answered HTTP 500 Internal Server Error: db down; expected a status from 200 to 299",
        ),
        ({"status": 201}, reply(), "answered HTTP 200 OK; expected status 201"),
        ({"status": [200, 204]}, reply(404, reason=""), "answered HTTP 404; expected status one of 200 and 204"),
        (
            {},
            reply(302, "x", "Found", Location="/login"),
            "answered HTTP 302 Found: redirects to /login; expected a status from 200 to 299",
        ),
        (
            {},
            reply(500, "<!doctype html><style>a{}</style><title>Oh</title> <h1>No\ndatabase</h1>", "E"),
            "answered HTTP 500 E: Oh No database; expected a status from 200 to 299",
        ),
        ({}, Reply(error="connection refused"), "got no answer: connection refused"),
        ({"headers": {"X-V": "2"}}, reply(), "answered HTTP 200 OK; expected header X-V to be '2', but it is missing"),
        ({"headers": {"X-V": "2"}}, reply(X_V="1"), "answered HTTP 200 OK; expected header X-V to be '2', but it is '1'"),
        (
            {"headers": {"X-V": {"regex": "^2"}}},
            reply(X_V=["12", "1"]),
            "answered HTTP 200 OK; expected header X-V to match '^2', but it is '12' and '1'",
        ),
        ({"body": "fine"}, reply(body="bad"), "answered HTTP 200 OK: bad; expected the body to contain 'fine'"),
        ({"regex": "^f"}, reply(body="bad"), "answered HTTP 200 OK: bad; expected the body to match '^f'"),
        ({"jmespath": "id"}, reply(body="<p>hm"), "answered HTTP 200 OK: hm; expected `jmespath` 'id' to hold, but the body is not JSON"),
        (
            {"jmespath": "status == 'done'"},
            reply(body=JSON),
            'answered HTTP 200 OK: {"status": "open", "id": 7}; expected `jmespath` "status == \'done\'" to be true, but it gives false',
        ),
        (
            {"jmespath": {"status": "done"}},
            reply(body=JSON),
            'answered HTTP 200 OK: {"status": "open", "id": 7}; expected `jmespath` \'status\' to be "done", but it gives "open"',
        ),
        (
            {"jmespath": {"id": "7"}},
            reply(body=JSON),
            'answered HTTP 200 OK: {"status": "open", "id": 7}; expected `jmespath` \'id\' to be "7", but it gives 7',
        ),
        (
            {"jmespath": {"sum(status)": 1}},
            reply(body=JSON),
            None,
        ),
    ],
)
def test_the_sentence_of_a_failure(expect, answer, sentence):
    message = fail(scenario({"request": {"path": "/b"}, "expect": expect}), answer)
    assert message.startswith(f"smoke test booking, step a: GET {BASE}/b ") and "\n" not in message
    if sentence:
        assert message == f"smoke test booking, step a: GET {BASE}/b {sentence}"


def test_numbers_are_equal_however_written_and_true_is_no_number():
    go(scenario({"request": {"path": "/"}, "expect": {"jmespath": {"a": 1.0, "b": True}}}), Peer(reply(body={"a": 1, "b": True})))
    assert "to be 1, but it gives true" in fail(
        scenario({"request": {"path": "/"}, "expect": {"jmespath": {"b": 1}}}), reply(body={"b": True})
    )


@pytest.mark.parametrize("capture", [{"jmespath": "x"}, {"regex": "(x)"}, {"header": "X"}, {"cookie": "x"}])
def test_a_capture_that_finds_nothing_fails_the_step(capture):
    message = fail(scenario({"request": {"path": "/"}, "capture": {"v": capture}}), reply(body={"a": 1}))
    assert message.endswith(f"`{next(iter(capture))}` {next(iter(capture.values()))!r} finds nothing") or "'(x)' finds nothing" in message


def test_what_comes_after_a_failure_is_not_asked():
    peer = Peer(reply(), reply(500), reply())
    with pytest.raises(GateError) as caught:
        go(scenario(*[{"request": {"path": f"/{n}"}} for n in range(3)]), peer)
    assert [asked.url[-1] for asked in peer.asked] == ["0", "1"]
    assert [(told["step"], told["ok"]) for told in caught.value.facts["smoke"]] == [("a", True), ("b", False)]


def test_a_wait_asks_again_until_the_answer_is_as_expected():
    clock = FakeClock()
    peer = Peer(Reply(error="connection refused"), reply(body={"mails": []}), reply(body={"mails": [1]}))
    told: list[dict[str, t.Any]] = []
    raw = scenario({"request": {"path": "/"}, "expect": {"jmespath": "mails"}, "wait": {"timeout": 10, "interval": 2}})
    results = go(raw, peer, clock=clock, on_progress=told.append)
    assert (results[0]["attempts"], results[0]["seconds"], clock.time) == (3, 4.0, 1004.0)
    assert [one["ok"] for one in told] == [False, False, True]


def test_a_wait_ends():
    clock = FakeClock()
    raw = scenario({"request": {"path": "/"}, "expect": {"status": 200}, "wait": {"timeout": 5, "interval": 2}})
    message = fail(raw, reply(503, reason="Busy"), clock=clock)
    assert message == f"smoke test booking, step a: GET {BASE}/ answered HTTP 503 Busy; expected status 200 (3 attempts in 4.0 s)"


def test_redirects_are_followed_only_where_asked_and_stay_with_the_base():
    moved = reply(302, "", "Found", Location="https://hotel.test/here?a=1", Set_Cookie="s=1234")
    peer = Peer(moved, reply(body="there"))
    raw = scenario({"request": {"path": "/f/", "form": {"a": "b"}, "follow": True}, "expect": {"body": "there"}})
    assert go(raw, peer)[0]["request"] == f"GET {BASE}/here?a=1"
    second = peer.asked[1]
    # The cookie was set for /f.
    assert (second.method, second.url, second.host, second.body, second.headers) == ("GET", f"{BASE}/here?a=1", "hotel.test", None, ())


def test_a_redirect_to_another_host_takes_no_secret_along():
    peer = Peer(reply(307, Location="//other.test:81/x", Set_Cookie="s=1234; Path=/"), reply())
    headers = {"Authorization": "Bearer abc", "X-Plain": "p"}
    go(scenario({"request": {"path": "/f", "json": {}, "headers": headers, "follow": True}}), peer)
    second = peer.asked[1]
    assert (second.method, second.url, second.host, second.body) == ("POST", "http://other.test:81/x", "other.test:81", b"{}")
    assert dict(second.headers) == {"X-Plain": "p", "Content-Type": "application/json"}


def test_redirects_in_a_circle_end():
    message = fail(scenario({"request": {"path": "/f", "follow": True}}), reply(301, Location="/f"))
    assert message == f"smoke test booking, step a: GET {BASE}/f was redirected more than 10 times, last to http://hotel.test/f"


def test_a_link_to_the_hosts_name_goes_to_the_release_that_is_tried():
    peer = Peer(reply(body='go to "https://hotel.test:8443/confirm/abcd?x=1&y=2"'), reply())
    go(scenario({"request": {"path": "/"}, "capture": {"link": {"regex": '"([^"]+)"'}}}, {"request": {"url": "${link}"}}), peer)
    assert peer.asked[1].url == f"{BASE}/confirm/abcd?x=1&y=2"
    other = Peer(reply())
    go(scenario({"request": {"url": "http://mail.test:8025/m?to=${run}"}}), other)
    assert (other.asked[0].url, other.asked[0].host) == ("http://mail.test:8025/m?to=id1", "mail.test:8025")


def test_a_link_that_is_none():
    raw = scenario({"request": {"path": "/"}, "capture": {"link": {"regex": "<(.*)>"}}}, {"request": {"url": "${link}"}})
    message = fail(raw, reply(body="<javascript:alert(1)>"))
    assert message.endswith("'javascript:alert(1)' is neither a path that starts with / nor an http or https URL")


SECRETS = {
    "header": "h34der-s3cret",
    "basic": "dXNlcjpwYXNz",
    "body": "b0dy/s3cret",
    "cookie": "c00kie-s3cret",
    "captured": "c4ptured-s3cret",
    "token": "t0ken-s3cret",
    "query": "qu3ry-s3cret",
}


def test_no_secret_is_ever_told():
    raw = scenario(
        {"request": {"path": "/"}, "capture": {"token": {"regex": "token=(.*)"}, "sid": {"cookie": "sid"}}},
        {
            "request": {
                "path": f"/x/${{token}}?api_key={SECRETS['query']}&v=1",
                "headers": {"Authorization": f"Basic {SECRETS['basic']}", "X-Api-Key": SECRETS["header"]},
                "json": {"user": {"password": SECRETS["body"]}},
            }
        },
    )
    # An app that says back whatever it got.
    everything = " ".join(SECRETS.values()) + json.dumps(SECRETS["body"]).replace("/", "\\/")
    told: list[dict[str, t.Any]] = []
    peer = Peer(
        reply(body=f"token={SECRETS['token']}", Set_Cookie=[f"a={SECRETS['cookie']}", f"sid={SECRETS['captured']}"]),
        reply(500, everything, everything),
    )
    with pytest.raises(GateError) as caught:
        go(raw, peer, on_progress=told.append)
    everywhere = json.dumps([caught.value.message, caught.value.facts, told])
    assert [name for name, secret in SECRETS.items() if secret in everywhere] == []
    # In no other spelling either.
    assert "s3cret" not in everywhere
    assert f"GET {BASE}/ " in everywhere.replace('"', " ") and "api_key=***&v=1" in everywhere


def test_no_part_of_a_secret_is_told_where_an_answer_is_cut():
    raw = scenario({"request": {"path": "/", "headers": {"Authorization": "abcdefgh"}}})
    for before in range(180, 201):
        assert "abc" not in fail(raw, reply(500, "." * before + "abcdefgh"))


def test_the_value_of_a_secret_header_is_not_told():
    message = fail(scenario({"request": {"path": "/"}, "expect": {"headers": {"Set-Cookie": "a"}}}), reply(Set_Cookie="sid=abcdefg"))
    assert message.endswith("answered HTTP 200 OK; expected another value of header Set-Cookie")


def test_a_value_that_would_break_a_header():
    raw = scenario({"request": {"path": "/"}, "capture": {"v": {"jmespath": "v"}}}, {"request": {"path": "/", "headers": {"X-A": "${v}"}}})
    assert fail(raw, reply(body={"v": "a\r\nX: y"})).endswith(
        "header X-A would not be one line of Latin-1 text once its names are filled in"
    )


def test_a_service_that_is_not_there():
    with pytest.raises(SpecError) as caught:
        check(parse_scenarios(scenario({"request": {"path": "/"}}, service="wep")), ["web", "ws"])
    assert (
        caught.value.message
        == "scenario booking: service 'wep' takes no traffic through the edge, did you mean `web`?; these do: web and ws"
    )


def test_an_expression_that_is_none_asks_nothing():
    peer = Peer(reply())
    with pytest.raises(SpecError, match=r"^scenario booking, step a: `jmespath` 'a b' is no valid expression"):
        go(scenario({"request": {"path": "/"}, "expect": {"jmespath": "a b"}}), peer)
    assert peer.asked == []
