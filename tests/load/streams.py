"""Long-lived clients: what a WebSocket and an SSE client have in common."""

from __future__ import annotations

import asyncio
from array import array
from dataclasses import dataclass
from typing import Any

from .config import Config, SseClient, WebSocketClient
from .errors import ExchangeFailed
from .recorder import FIRST_BYTES
from .result import Failure, StreamStats, latency_of, max_gap
from .target import Target

MAX_DELAY = 1.0  # seconds between two tries while nothing answers


@dataclass(frozen=True)
class Closed:
    """How a link ended. `failure` is a kind and a detail, where the end is a failure."""

    word: str
    orderly: bool = False
    abnormal: bool = False
    failure: tuple[str, str] | None = None
    first_bytes: bytes = b""


class Stream:
    """Connects, serves a link, connects again, until `stop`. Counts every end."""

    def __init__(self, spec: Any, config: Config, target: Target, start: float) -> None:
        self.spec = spec
        self.config = config
        self.target = target
        self.pushes = 0
        self.unanswered = 0
        self.latencies: list[float] = []
        self._start = start
        self._connects = 0
        self._cut = 0
        self._abnormal = 0
        self._closes: dict[str, int] = {}
        self._failures: list[Failure] = []
        self._messages = array("d")
        self._reconnecting = False  # after an orderly close, until it is known what follows
        self._task: asyncio.Task | None = None
        self._stopping = False

    async def connect(self) -> Any:
        """Open a link. Raises `ExchangeFailed`."""
        raise NotImplementedError

    async def serve(self, link: Any) -> Closed:
        """Use the link until it ends."""
        raise NotImplementedError

    async def close(self, link: Any) -> None:
        """End the link from this side."""
        raise NotImplementedError

    def got_message(self) -> None:
        """Count one echo or event, now."""
        self._messages.append(self.now())

    def now(self) -> float:
        """Seconds since the start of the run."""
        return asyncio.get_running_loop().time() - self._start

    def stop(self) -> None:
        """Make `run` return soon."""
        self._stopping = True
        if self._task is not None:
            self._task.cancel()

    async def run(self) -> None:
        """Keep a link open until `stop`."""
        self._task = asyncio.ensure_future(self._loop())
        if self._stopping:
            self._task.cancel()
        try:
            await self._task
        except asyncio.CancelledError:
            if not self._stopping:
                raise
        if self._reconnecting:
            # The end of the run must not leave open whether the last cut was only a cut.
            link = await self._open()
            if link is not None:
                await self.close(link)

    def stats(self, end: float) -> StreamStats:
        """The frozen numbers; `end` is the run's end."""
        return StreamStats(
            name=self.spec.name,
            connects=self._connects,
            messages=len(self._messages),
            pushes=self.pushes,
            unanswered=self.unanswered,
            cut=self._cut,
            abnormal=self._abnormal,
            failed=len(self._failures),
            closes=dict(self._closes),
            latency=latency_of(self.latencies),
            max_gap=max_gap([time for time in self._messages if time <= end], 0.0, end),
            failures=tuple(self._failures),
        )

    def troubles(self) -> int:
        """Failures and broken connections so far."""
        return len(self._failures) + self._abnormal

    async def _loop(self) -> None:
        delay = self.spec.reconnect_delay
        while True:
            link = await self._open()
            if link is None:
                await asyncio.sleep(delay)
                delay = max(self.spec.reconnect_delay, min(delay * 2, MAX_DELAY))
                continue
            delay = self.spec.reconnect_delay
            try:
                closed = await self.serve(link)
                self._book(closed)
            finally:
                await self.close(link)
            await asyncio.sleep(delay)

    async def _open(self) -> Any:
        reconnecting = self._reconnecting
        try:
            link = await self.connect()
        except ExchangeFailed as exc:
            self._reconnecting = False
            self._fail(exc.kind, exc.detail, exc.first_bytes)
            return None
        self._reconnecting = False
        self._connects += 1
        self._cut += reconnecting
        return link

    def _book(self, closed: Closed) -> None:
        self._closes[closed.word] = self._closes.get(closed.word, 0) + 1
        self._reconnecting = closed.orderly
        self._abnormal += closed.abnormal
        if closed.failure is not None:
            self._fail(*closed.failure, closed.first_bytes)

    def _fail(self, kind: str, detail: str, first_bytes: bytes) -> None:
        now = self.now()
        self._failures.append(Failure(now, now, self.spec.name, kind, detail, first_bytes[:FIRST_BYTES]))

    def headers(self) -> dict[str, str]:
        """The headers of the config and of the stream, names in lower case."""
        return {name.lower(): value for name, value in (*self.config.headers.items(), *self.spec.headers.items())}


def make_stream(spec: WebSocketClient | SseClient, config: Config, target: Target, start: float) -> Stream:
    """The client for a stream of the configuration."""
    # Here, so that a load without WebSockets needs no `websockets` package.
    if isinstance(spec, WebSocketClient):
        from .websocket import WebSocketStream as kind
    else:
        from .sse import SseStream as kind
    return kind(spec, config, target, start)
