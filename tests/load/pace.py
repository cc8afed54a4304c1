"""Waking up on time: asyncio's own timers are rounded up to whole milliseconds."""

from __future__ import annotations

import asyncio
import queue
import threading
import time


class Pacer:
    """Wakes one waiting coroutine at a given time, within about 0.1 ms on an idle machine.

    A thread sleeps (the kernel's sleep is exact) and wakes the loop. Use as `with Pacer() as pacer`.
    """

    def __init__(self) -> None:
        self._due: queue.SimpleQueue[float | None] = queue.SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._awake = asyncio.Event()
        self._thread = threading.Thread(target=self._sleep, name="load-pacer", daemon=True)

    def __enter__(self) -> Pacer:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._due.put(None)
        self._thread.join()

    async def until(self, when: float) -> None:
        """Return at `when` (monotonic seconds). Only for short waits: it cannot be cut short."""
        self._awake.clear()
        self._due.put(when)
        await self._awake.wait()

    def _sleep(self) -> None:
        while (when := self._due.get()) is not None:
            time.sleep(max(0.0, when - time.monotonic()))
            self._loop.call_soon_threadsafe(self._awake.set)
