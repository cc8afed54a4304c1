# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fakes that the probe tests share: time, workers, commands, and a peer on loopback that says what it is told."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.core.runner import Completed
from ansible_collections.steady.deploy.plugins.module_utils.probe.base import Answer, Target
from ansible_collections.steady.deploy.plugins.module_utils.probe.gate import Gate
from ansible_collections.steady.deploy.plugins.module_utils.probe.workers import Finished


class FakeClock:
    """Time that passes only when told."""

    def __init__(self) -> None:
        self.time = 1000.0

    def now(self) -> float:
        return 1_700_000_000.0 + self.time

    def monotonic(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds


class FakeWorkers:
    """Probes that take fake time, truly side by side: each ends at its own moment."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.under_way: list[Finished] = []
        self.most = 0

    def start(self, key: int, ask: t.Callable[[], Answer]) -> None:
        started = self.clock.time
        assert key not in [ended.key for ended in self.under_way], "a gate was asked twice at once"
        try:
            answer = ask()
        except Exception as exc:  # noqa: BLE001
            self.under_way.append(Finished(key, started, started, error=exc))
            return
        duration = getattr(answer, "duration", 0.01)
        self.under_way.append(Finished(key, started, started + duration, answer))
        self.most = max(self.most, len(self.under_way))

    def wait(self, seconds: float) -> list[Finished]:
        assert seconds < 3600, "the poller would sleep for ever"
        until = self.clock.time + max(0.001, seconds)
        first = min([until] + [ended.finished for ended in self.under_way])
        self.clock.time = max(self.clock.time, first)
        done = [ended for ended in self.under_way if ended.finished <= self.clock.time]
        self.under_way = [ended for ended in self.under_way if ended.finished > self.clock.time]
        return done


class Timed(Answer):
    """An answer that takes ``duration`` seconds of fake time."""

    duration = 0.01


def timed(ok: bool, detail: str, duration: float) -> Timed:
    answer = Timed(ok, detail)
    object.__setattr__(answer, "duration", duration)
    return answer


class ScriptedProbe:
    """Answers by a function of (seconds since the start, target, gate)."""

    def __init__(self, clock: FakeClock, say: t.Callable[[float, Target, Gate], Answer]) -> None:
        self.clock = clock
        self.start = clock.time
        self.say = say
        self.asked: list[tuple[float, Target, Gate]] = []

    def probe(self, target: Target, gate: Gate) -> Answer:
        at = self.clock.time - self.start
        self.asked.append((round(at, 3), target, gate))
        return self.say(at, target, gate)


class FakeRunner:
    """Answers each command by a function, and remembers it."""

    def __init__(self, say: t.Callable[[tuple[str, ...]], tuple[int, str, str]]) -> None:
        self.say = say
        self.calls: list[tuple[tuple[str, ...], float | None]] = []

    def run(self, argv, *, stdin=None, timeout=None, env=None, cwd=None) -> Completed:
        self.calls.append((tuple(argv), timeout))
        return Completed(tuple(argv), *self.say(tuple(argv)))


class Peer:
    """A listener on loopback. ``talk`` gets each connection and what came first on it."""

    def __init__(self, talk: t.Callable[[socket.socket, bytes], None], path: str = "") -> None:
        self._talk = talk
        self._socket = socket.socket(socket.AF_UNIX if path else socket.AF_INET, socket.SOCK_STREAM)
        self._socket.bind(path or ("127.0.0.1", 0))
        self._socket.listen(8)
        self.port = 0 if path else self._socket.getsockname()[1]
        self.target = Target(socket=path) if path else Target(address="127.0.0.1", port=self.port)
        self.got: list[bytes] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _address = self._socket.accept()
                threading.Thread(target=self._one, args=(connection,), daemon=True).start()

    def _one(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            connection.settimeout(5)
            first = connection.recv(65536)
            self.got.append(first)
            self._talk(connection, first)

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._socket.close()


def says(*parts: bytes, pause: float = 0.0) -> t.Callable[[socket.socket, bytes], None]:
    """A talk that sends the parts, with a pause after each, and hangs up."""

    def talk(connection: socket.socket, _first: bytes) -> None:
        for part in parts:
            connection.sendall(part)
            time.sleep(pause)

    return talk


def free_port() -> int:
    """A port on loopback where nothing listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]
