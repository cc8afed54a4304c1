"""What a load must fulfil before it may start: complete, bounded, aimed where it may go."""

from __future__ import annotations

import math
import re

from .config import Config, Shape, SseClient, WebSocketClient
from .errors import LoadError
from .target import Target

MAX_SECONDS = 3600.0
MAX_REQUESTS = 1_000_000

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


def validate(config: Config) -> Target:
    """Return the target of `config`. Raises `LoadError` with what to change, `TargetRefused` for the target."""
    target = config.target()
    _positive("rate", config.rate)
    _positive("seconds", config.seconds)
    for name in ("timeout", "connect_timeout"):
        _positive(name, getattr(config, name))
    if config.seconds > MAX_SECONDS:
        raise LoadError(f"seconds={config.seconds:g} is above the bound of {MAX_SECONDS:g}. Run several loads.")
    if config.requests is not None and config.requests < 1:
        raise LoadError(f"requests={config.requests} sends nothing. Give at least 1, or None for no own bound.")
    if not config.shapes:
        raise LoadError("There are no shapes. Give at least one Shape.")
    if not any(shape.rate is None for shape in config.shapes):
        raise LoadError("Every shape has a rate of its own. Give at least one without, for the mix.")
    names = [shape.name for shape in config.shapes] + [stream.name for stream in config.streams]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise LoadError(f"Names are used twice: {', '.join(twice)}. Give each shape and stream its own.")
    for shape in config.shapes:
        _check_shape(shape)
    for stream in config.streams:
        _check_stream(stream)
    expected = config.total_rate() * config.seconds
    if expected > MAX_REQUESTS:
        raise LoadError(f"{expected:.0f} requests are above the bound of {MAX_REQUESTS}. Lower rate or seconds.")
    if not 1 <= config.keepalive <= config.max_connections:
        raise LoadError(f"keepalive={config.keepalive} must be from 1 to max_connections={config.max_connections}.")
    if not 0 <= config.fresh <= 1:
        raise LoadError(f"fresh={config.fresh} is a share: give a number from 0 to 1.")
    if not 0 <= config.rtt < 10:
        raise LoadError(f"rtt={config.rtt} is in seconds: give a number from 0 to below 10.")
    if config.http2 and not target.secure:
        raise LoadError("http2 needs TLS: give an https URL.")
    return target


def _positive(what: str, value: float) -> None:
    if not (math.isfinite(value) and value > 0):
        raise LoadError(f"{what}={value} is not a bounded load. Give a finite number above 0.")


def _check_shape(shape: Shape) -> None:
    where = f"shape {shape.name!r}"
    if not _TOKEN.fullmatch(shape.method):
        raise LoadError(f"The method {shape.method!r} of {where} is not an HTTP method.")
    if isinstance(shape.path, str) and not shape.path.startswith("/"):
        raise LoadError(f"The path {shape.path!r} of {where} does not start with '/'.")
    if shape.rate is not None:
        _positive(f"rate of {where}", shape.rate)
    if shape.timeout is not None:
        _positive(f"timeout of {where}", shape.timeout)
    _positive(f"weight of {where}", shape.weight)
    if not shape.expect:
        raise LoadError(f"The {where} expects no status at all. Give the set of right ones, like {{200}}.")


def _check_stream(stream: WebSocketClient | SseClient) -> None:
    where = f"stream {stream.name!r}"
    if not stream.path.startswith("/"):
        raise LoadError(f"The path {stream.path!r} of {where} does not start with '/'.")
    # Without a pause between two connects a stream would be an unbounded load of its own.
    if not 0.01 <= stream.reconnect_delay <= 60:
        raise LoadError(f"reconnect_delay of {where} must be from 0.01 to 60 s.")
    for name in ("interval", "reply_timeout", "open_timeout", "silence"):
        if hasattr(stream, name):
            _positive(f"{name} of {where}", getattr(stream, name))
    if isinstance(stream, WebSocketClient) and stream.interval < 0.005:
        raise LoadError(f"interval of {where} must be at least 0.005 s.")
