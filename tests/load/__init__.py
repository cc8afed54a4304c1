"""An open-loop load generator that counts every failure.

Requests are due at fixed times and are sent then, whatever became of those before;
latency counts from the due time. Nothing is ever retried. Example:

    config = Config(
        url="http://127.0.0.1:8080/", host="hotel.test", rate=100, seconds=60,
        shapes=default_mix(get="/", post="/bookings", slow="/slow"),
        streams=(WebSocketClient("/ws"), SseClient("/events")),
        version=HeaderVersion("X-Steady-Release"),
    )
    with Load(config) as load:
        load.mark("rollout start")
        ...
        load.mark("rollout end")
        result = load.stop()
    assert result.clean, result.kinds()
    during = result.between("rollout start", "rollout end")
    print(during.latency.p99, during.max_gap)
"""

from __future__ import annotations

from .config import (
    BodyVersion,
    Config,
    HeaderVersion,
    Response,
    Shape,
    SseClient,
    WebSocketClient,
    default_mix,
)
from .engine import generate
from .errors import LoadError, TargetRefused
from .process import Load
from .result import (
    KINDS,
    Failure,
    Latency,
    Mark,
    Result,
    Second,
    ShapeStats,
    StreamStats,
    Version,
    Window,
)
from .table import render

__all__ = [
    "KINDS",
    "BodyVersion",
    "Config",
    "Failure",
    "HeaderVersion",
    "Latency",
    "Load",
    "LoadError",
    "Mark",
    "Response",
    "Result",
    "Second",
    "Shape",
    "ShapeStats",
    "SseClient",
    "StreamStats",
    "TargetRefused",
    "Version",
    "WebSocketClient",
    "Window",
    "default_mix",
    "generate",
    "render",
]
