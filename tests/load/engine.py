"""The open loop: sends each request when it is due, whatever became of those before it."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import h11

from .clients import Pool
from .config import Config, Response
from .errors import ExchangeFailed
from .limits import validate
from .pace import Pacer
from .recorder import FIRST_BYTES, Recorder
from .result import Failure, Result
from .streams import Stream, make_stream

SHORT = 0.05  # seconds; longer waits can be cut short by `stop`


@dataclass(frozen=True)
class Due:
    """One entry of the schedule."""

    at: float  # seconds since the start
    number: int
    shape: int
    fresh: bool
    newest: bool


def schedule(config: Config) -> Iterator[Due]:
    """The requests of a run in order of their time: the same for the same configuration and seed."""
    draw = random.Random(config.seed)
    mix = [index for index, shape in enumerate(config.shapes) if shape.rate is None]
    weights = list(itertools.accumulate(config.shapes[index].weight for index in mix))
    sources = [_times(config.rate, None)]
    sources += [_times(shape.rate, index) for index, shape in enumerate(config.shapes) if shape.rate is not None]
    merged = heapq.merge(*sources, key=lambda entry: entry[0])
    for number, (at, own) in enumerate(merged):
        if at >= config.seconds or number == config.requests:
            return
        shape = draw.choices(mix, cum_weights=weights)[0] if own is None else own
        yield Due(at, number, shape, draw.random() < config.fresh, draw.random() < 0.5)


def _times(rate: float, shape: int | None) -> Iterator[tuple[float, int | None]]:
    # A product and no running sum, which would drift.
    return ((count / rate, shape) for count in itertools.count())


class Engine:
    """One run. `run` returns when everything that was sent has ended."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.target = validate(config)
        self.recorder = Recorder(config)
        self.start = 0.0  # loop time, which is time.monotonic()
        self._stop = asyncio.Event()
        self._streams: list[Stream] = []
        self._authority = config.host or self.target.authority
        self._pool = Pool(config, self.target, self.recorder)

    def stop(self) -> None:
        """Send nothing new. What is in flight still ends."""
        self._stop.set()

    def peek(self) -> dict[str, int]:
        """The numbers so far: requests, ok, failed (with those of streams)."""
        failed = len(self.recorder.failures) + sum(stream.troubles() for stream in self._streams)
        return {"requests": self.recorder.requests, "ok": self.recorder.ok, "failed": failed}

    async def run(self, started: Callable[[float], object] = lambda start: None) -> Result:
        """Run to the end and return the result. `started` gets the start as monotonic time."""
        loop = asyncio.get_running_loop()
        cpu, started_at = time.process_time(), time.time()
        self.start = loop.time() + 0.02
        started(self.start)
        self._streams = streams = [make_stream(entry, self.config, self.target, self.start) for entry in self.config.streams]
        running = [asyncio.create_task(stream.run()) for stream in streams]
        try:
            seconds = await self._send_all()
        finally:
            for stream in streams:
                stream.stop()
            await asyncio.gather(*running)
        self._pool.close()
        return self.recorder.result(started_at, seconds, [stream.stats(seconds) for stream in streams], time.process_time() - cpu)

    async def _send_all(self) -> float:
        """Send all that is due; return for how many seconds, once all of it has ended."""
        with Pacer() as pacer:
            return await self._send_paced(pacer)

    async def _send_paced(self, pacer: Pacer) -> float:
        loop = asyncio.get_running_loop()
        in_flight: set[asyncio.Task] = set()
        for due in schedule(self.config):
            if self.start + due.at > loop.time():
                await self._pause(self.start + due.at, pacer)
            elif due.number % 50 == 0:
                await asyncio.sleep(0)  # behind: let answers in between
            if self._stop.is_set():
                break
            self.recorder.requests += 1
            self.recorder.lags.append(loop.time() - self.start - due.at)
            task = loop.create_task(self._request(due))
            in_flight.add(task)
            task.add_done_callback(in_flight.discard)
        else:
            # The run lasts as long as was asked for, also when its last request was due earlier.
            if self.config.requests is None:
                await self._pause(self.start + self.config.seconds, pacer)
        seconds = loop.time() - self.start
        while in_flight:
            await asyncio.wait(in_flight)
        return seconds

    async def _pause(self, until: float, pacer: Pacer) -> None:
        wait = until - asyncio.get_running_loop().time()
        if wait > SHORT:
            # Stopping must not wait for the next request of a slow schedule.
            try:
                await asyncio.wait_for(self._stop.wait(), wait - SHORT)
                return
            except TimeoutError:
                pass
        await pacer.until(until)

    async def _request(self, due: Due) -> None:
        loop = asyncio.get_running_loop()
        shape = self.config.shapes[due.shape]
        scheduled = self.start + due.at
        kind = detail = ""
        first, version = b"", None
        try:
            head, body = self._message(due)
            response, first = await self._pool.send(head, body, scheduled + (shape.timeout or self.config.timeout), due.fresh, due.newest)
            done = loop.time()
            version = self.config.version(response) if self.config.version else None
            kind, detail = self._judge(due.shape, response)
        except ExchangeFailed as exc:
            done, kind, detail, first = loop.time(), exc.kind, exc.detail, exc.first_bytes
        except Exception as exc:  # noqa: BLE001 - the caller's own functions; no request may go uncounted
            done, kind, detail = loop.time(), "shape_error", f"{type(exc).__name__}: {exc}"
        failure = None
        if kind:
            failure = Failure(done - self.start, due.at, shape.name, kind, detail, first[:FIRST_BYTES], due.number)
        self.recorder.record(due.at, done - self.start, due.shape, version, failure)

    def _message(self, due: Due) -> tuple[h11.Request, bytes | None]:
        config, shape = self.config, self.config.shapes[due.shape]
        body = shape.body_of(due.number, config.run)
        headers = {"host": self._authority, "user-agent": "steady-load"}
        if body is not None:
            headers["content-type"] = shape.content_type
        headers.update((name.lower(), value) for name, value in (*config.headers.items(), *shape.headers.items()))
        if body is not None or shape.method in ("POST", "PUT", "PATCH"):
            headers["content-length"] = str(len(body or b""))
        head = h11.Request(method=shape.method, target=shape.target_of(due.number, config.run), headers=list(headers.items()))
        return head, body

    def _judge(self, index: int, response: Response) -> tuple[str, str]:
        shape = self.config.shapes[index]
        if response.status not in shape.expect:
            wanted = "/".join(str(status) for status in sorted(shape.expect))
            return "bad_status", f"status {response.status} instead of {wanted}"
        if shape.check is not None:
            try:
                wrong = shape.check(response)
            except Exception as exc:  # noqa: BLE001 - the caller's own function
                wrong = f"the check raised {type(exc).__name__}: {exc}"
            if wrong:
                return "check_failed", str(wrong)
        return "", ""


async def generate(config: Config) -> Result:
    """Run a load in the running event loop and return its result.

    For tests of the load itself; elsewhere use `Load`, which has a process of its own.
    """
    return await Engine(config).run()
