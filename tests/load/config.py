"""What to send: shapes, streams and limits. Plain data, so that it can go to another process."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from .target import Target, parse_target


@dataclass(frozen=True)
class Response:
    """A whole HTTP response. `headers` has lower-case names; of repeated ones the last counts."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body as UTF-8 text, with broken bytes replaced."""
        return self.body.decode("utf-8", "replace")


Check = Callable[[Response], "str | None"]
VersionOf = Callable[[Response], "str | None"]


@dataclass(frozen=True)
class HeaderVersion:
    """Reads the answering release from a response header."""

    name: str

    def __call__(self, response: Response) -> str | None:
        """Return the header's value, or None where it is missing or empty."""
        return response.headers.get(self.name.lower()) or None


@dataclass(frozen=True)
class BodyVersion:
    """Reads the answering release from the body: the first group of `pattern`, or its whole match."""

    pattern: str

    def __call__(self, response: Response) -> str | None:
        """Return the first match, or None."""
        match = re.search(self.pattern, response.text)
        if match is None:
            return None
        return match.group(1) if match.re.groups else match.group(0)


@dataclass(frozen=True)
class Shape:
    """One kind of request.

    `path` and `body` are fixed, templates, or functions of the request's number.
    In templates `{n}` is that number (unique in a run) and `{run}` the run's own token.
    `check` gets the `Response` and returns what is wrong, or None.
    A shape with `rate` (requests/s) is sent on its own schedule beside the mix, and its
    times are kept out of the mix's percentiles: meant for slow requests.
    """

    name: str
    method: str = "GET"
    path: str | Callable[[int], str] = "/"
    body: None | str | bytes | Callable[[int], str | bytes] = None
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    weight: float = 1.0
    expect: frozenset[int] = frozenset({200})
    check: Check | None = None
    rate: float | None = None
    timeout: float | None = None  # seconds from the scheduled time; None: the load's own

    def target_of(self, n: int, run: str) -> str:
        """The request target of request `n`."""
        return self.path(n) if callable(self.path) else _fill(self.path, n, run)

    def body_of(self, n: int, run: str) -> bytes | None:
        """The body of request `n`, or None where the shape has none."""
        body = self.body(n) if callable(self.body) else self.body
        if body is None or isinstance(body, bytes):
            return body
        return (body if callable(self.body) else _fill(body, n, run)).encode()


@dataclass(frozen=True)
class WebSocketClient:
    """A WebSocket client that sends `message` every `interval` seconds and waits for the echo.

    Any received message that contains the sent text is the echo; others are pushes.
    A close with a code of `cut_codes` and a successful reconnect is `cut`, not failed.
    """

    path: str
    name: str = "websocket"
    message: str = "echo {run} {n}"
    interval: float = 0.2
    reply_timeout: float = 5.0
    open_timeout: float = 5.0
    reconnect_delay: float = 0.1
    headers: Mapping[str, str] = field(default_factory=dict)
    subprotocol: str | None = None
    cut_codes: frozenset[int] = frozenset({1001, 1012})


@dataclass(frozen=True)
class SseClient:
    """A Server-Sent Events client. `silence` seconds without one byte is a failure."""

    path: str
    name: str = "sse"
    open_timeout: float = 5.0
    silence: float = 15.0
    reconnect_delay: float = 0.1
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Config:
    """A whole load: where, what, how fast, how long.

    `rate` is the mix's requests/s; shapes with a rate of their own come on top.
    `seconds` bounds the run, `requests` bounds it further. `keepalive` is the number of
    keep-alive clients, grown to at most `max_connections` while all are busy; `fresh` is
    the share of requests that each use a connection of their own.
    `rtt` (seconds) models distant clients: they learn of a close by the server only that
    much later, so a request that they send in between is lost, as it would be. 0: as near
    as loopback is. `ca` is a file with the CA that an https URL's certificate must come from;
    without one it is not checked. `http2`: requests go by HTTP/2, as browsers send them;
    streams stay with HTTP/1.1.
    """

    url: str
    shapes: tuple[Shape, ...]
    rate: float
    seconds: float
    requests: int | None = None
    host: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    keepalive: int = 32
    max_connections: int = 1024
    fresh: float = 0.1
    timeout: float = 10.0
    connect_timeout: float = 5.0
    rtt: float = 0.0
    streams: tuple[WebSocketClient | SseClient, ...] = ()
    version: VersionOf | None = None
    seed: int = 1
    allow_container: bool = False
    ca: str | None = None
    http2: bool = False
    run: str = field(default_factory=lambda: secrets.token_hex(4))

    def target(self) -> Target:
        """The checked target. Raises `TargetRefused`."""
        return parse_target(self.url, self.allow_container)

    @property
    def authority(self) -> str:
        """The Host header that is sent."""
        return self.host or self.target().authority

    @property
    def server_name(self) -> str:
        """The host name asked for: the Host header without its port."""
        return urlsplit(f"//{self.authority}").hostname or ""

    def total_rate(self) -> float:
        """Requests/s of the mix and of all shapes with a rate of their own."""
        return self.rate + sum(shape.rate for shape in self.shapes if shape.rate is not None)


def default_mix(
    get: str = "/",
    post: str | None = None,
    body: str = '{"n": {n}, "run": "{run}"}',
    slow: str | None = None,
    post_expect: frozenset[int] = frozenset({200, 201}),
) -> tuple[Shape, ...]:
    """The usual mix: 70 % GET and 30 % POST, and a slow GET every 2 s (a 3 s one is then always in flight)."""
    shapes = [Shape("get", path=get, weight=7 if post else 1)]
    if post:
        shapes.append(Shape("post", "POST", post, body, weight=3, expect=post_expect))
    if slow:
        shapes.append(Shape("slow", path=slow, rate=0.5, timeout=30))
    return tuple(shapes)


def _fill(template: str, n: int, run: str) -> str:
    # Not str.format: bodies are often JSON, full of braces.
    return template.replace("{n}", str(n)).replace("{run}", run)
