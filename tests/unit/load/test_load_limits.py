"""Load goes to loopback or to allowed containers only, and always ends."""

from __future__ import annotations

import math

import pytest
from load import Config, LoadError, Shape, SseClient, TargetRefused, WebSocketClient, generate
from load.limits import validate
from load.target import parse_target


@pytest.mark.parametrize(
    "url, address, port, path",
    [
        ("http://127.0.0.1:8080/", "127.0.0.1", 8080, "/"),
        ("http://127.8.8.8/a?b=c", "127.8.8.8", 80, "/a?b=c"),
        ("http://localhost:81", "127.0.0.1", 81, "/"),
        ("http://[::1]:8080/x", "::1", 8080, "/x"),
    ],
)
def test_loopback_is_allowed(url, address, port, path):
    target = parse_target(url)
    assert (target.address, target.port, target.path) == (address, port, path)


@pytest.mark.parametrize("url", ["http://172.17.0.2/", "http://10.1.2.3:81/", "http://192.168.7.7/", "http://[fd00::2]/"])
def test_container_address_only_on_purpose(url):
    with pytest.raises(TargetRefused, match="allow_container=True"):
        parse_target(url)
    assert parse_target(url, allow_container=True).address in url


@pytest.mark.parametrize(
    "url",
    [
        "http://192.0.2.7/",
        "http://8.8.8.8/",
        "http://172.32.0.1/",
        "http://169.254.169.254/",
        "http://0.0.0.0/",
        "http://[2001:db8::1]/",
        "http://[::ffff:8.8.8.8]/",
        "http://example.org/",
        "http://hotel.localhost/",
        "http://2130706433/",
        "http://127.1/",
        "http://127.0.0.1.example.org/",
        "https://8.8.8.8/",
        "ftp://127.0.0.1/",
        "127.0.0.1:80",
        "",
        "http://",
        "http://127.0.0.1:99999/",
        "http://user:secret@127.0.0.1/",
        "http://[::1/",
    ],
)
def test_everything_else_is_refused(url):
    with pytest.raises(TargetRefused):
        parse_target(url, allow_container=True)


SHAPES = (Shape("get"),)


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"seconds": math.inf}, "seconds=inf"),
        ({"seconds": 3601}, "3600"),
        ({"seconds": 0}, "seconds=0"),
        ({"rate": math.nan}, "rate=nan"),
        ({"rate": -1}, "rate=-1"),
        ({"rate": 1e5, "seconds": 3600}, "above the bound of 1000000"),
        ({"shapes": (*SHAPES, Shape("more", rate=1e6))}, "above the bound"),
        ({"requests": 0}, "requests=0"),
        ({"timeout": math.inf}, "timeout=inf"),
        ({"shapes": ()}, "no shapes"),
        ({"shapes": (Shape("slow", rate=1),)}, "rate of its own"),
        ({"shapes": (Shape("a"), Shape("a"))}, "used twice: a"),
        ({"shapes": (Shape("a", path="rooms"),)}, "does not start with '/'"),
        ({"shapes": (Shape("a", method="GET /"),)}, "not an HTTP method"),
        ({"shapes": (Shape("a", weight=0),)}, "weight of shape 'a'=0"),
        ({"shapes": (Shape("a", timeout=math.inf),)}, "timeout of shape 'a'"),
        ({"shapes": (Shape("a", expect=frozenset()),)}, "expects no status"),
        ({"keepalive": 0}, "keepalive=0"),
        ({"keepalive": 9, "max_connections": 8}, "max_connections=8"),
        ({"fresh": 1.5}, "fresh=1.5"),
        ({"rtt": -1}, "rtt=-1"),
        ({"streams": (SseClient("/a", name="get"),)}, "used twice: get"),
        ({"streams": (SseClient("/a", reconnect_delay=0),)}, "reconnect_delay"),
        ({"streams": (WebSocketClient("/a", interval=0.001),)}, "interval"),
        ({"streams": (WebSocketClient("a"),)}, "does not start with '/'"),
    ],
)
def test_unbounded_or_senseless_loads_are_refused(changes, words):
    settings = {"url": "http://127.0.0.1:9/", "shapes": SHAPES, "rate": 10, "seconds": 1, **changes}
    with pytest.raises(LoadError) as caught:
        validate(Config(**settings))
    assert words in str(caught.value)


def test_a_run_checks_its_target_itself():
    with pytest.raises(TargetRefused):
        generate(Config("http://192.0.2.1/", SHAPES, rate=1, seconds=1)).send(None)
