# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who keeps requests waiting that Nginx asks about (see hold_file).

As long as we do not answer, a request waits: its body is unread and nothing was sent to the app, so a POST can wait
like a GET.
"""

from __future__ import annotations

import contextlib
import os
import resource
import secrets
import selectors
import socket
import threading
import time
import typing as t
from dataclasses import dataclass

from ansible_collections.steady.deploy.plugins.module_utils.edge.base import Held

_PASS = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"
_REFUSE = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_HEAD = 65536
# Descriptors to ask for: each held request needs one.
_DESCRIPTORS = 65536
# Seconds. Those who waited are let through over a part of the time they waited: all at once they would bury the app.
_TICK, _SHARE, _LONGEST = 0.02, 0.1, 5.0


@dataclass
class _Waiting:
    since: float
    head: bytes = b""

    @property
    def asked(self) -> bool:
        return b"\r\n\r\n" in self.head


class Holder:
    """Listens on a Unix socket and answers nobody until ``let_go``. A thread of its own does the work.

    ``owner`` (user and group id) is who may connect. A request whose URI holds ``token`` is refused at once: so the
    rollout sees that its hold works, and is never held itself. ``refused`` counts those.
    """

    def __init__(self, path: str, owner: tuple[int, int], bound: float) -> None:
        self.token = "steady-hold=" + secrets.token_hex(8)
        self.refused = 0
        self._path = path
        self._owner = owner
        self._bound = bound
        # In the order in which they came.
        self._waiting: dict[socket.socket, _Waiting] = {}
        self._requests = self._overdue = 0
        self._longest = 0.0
        self._letting_go = threading.Event()
        self._free = threading.Event()
        self._end = threading.Event()
        self._selector = selectors.DefaultSelector()
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._thread = threading.Thread(target=self._serve, name="steady-hold", daemon=True)

    def open(self) -> None:
        """Listen. Raises OSError."""
        os.makedirs(os.path.dirname(self._path), 0o755, exist_ok=True)
        # A run that was killed has left it.
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._path)
        _more_descriptors()
        mask = os.umask(0o177)
        try:
            self._listener.bind(self._path)
        finally:
            os.umask(mask)
        os.chown(self._path, *self._owner)
        self._listener.listen(_DESCRIPTORS)
        self._listener.setblocking(False)
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._thread.start()

    def let_go(self) -> Held:
        """Let everyone through, those who came first first, and who comes from now on at once. Returns what was held."""
        self._letting_go.set()
        self._free.wait(_LONGEST + 5.0)
        return Held(self._requests, round(self._longest, 3), self._overdue)

    def close(self) -> None:
        """Stop listening. Who is still held is passed on by Nginx itself."""
        with contextlib.suppress(OSError):
            os.unlink(self._path)
        self._end.set()
        if self._thread.is_alive():
            self._thread.join(5.0)

    def _serve(self) -> None:
        queue: list[socket.socket] | None = None
        begun = seconds = 0.0
        sent = 0
        while not self._end.is_set():
            for key, dummy in self._selector.select(_TICK):
                if key.fileobj is self._listener:
                    self._accept()
                else:
                    self._read(t.cast(socket.socket, key.fileobj))
            if not self._letting_go.is_set():
                continue
            now = time.monotonic()
            if queue is None:
                queue, begun = list(self._waiting), now
                seconds = min(_LONGEST, _SHARE * max((now - one.since for one in self._waiting.values()), default=0.0))
            due = len(queue) if now >= begun + seconds else int(len(queue) * (now - begun) / seconds)
            fresh = [one for one, waiting in self._waiting.items() if waiting.since >= begun]
            for one in queue[sent:due] + fresh:
                self._pass(one)
            sent = due
            if sent == len(queue):
                self._free.set()
        for open_one in [*self._waiting, self._listener]:
            open_one.close()
        self._selector.close()

    def _accept(self) -> None:
        # Out of descriptors: the rest waits in the queue of the socket, which is held as well.
        with contextlib.suppress(OSError):
            while True:
                connection, dummy = self._listener.accept()
                connection.setblocking(False)
                self._waiting[connection] = _Waiting(time.monotonic())
                self._selector.register(connection, selectors.EVENT_READ)

    def _read(self, connection: socket.socket) -> None:
        waiting = self._waiting[connection]
        try:
            data = connection.recv(_HEAD)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        asked = waiting.asked
        waiting.head = (waiting.head + data)[:_HEAD]
        if not data:
            # Nginx hung up: the client has given up, or the bound has passed.
            waited = self._forget(connection)
            self._overdue += waited >= self._bound - _TICK
        elif self.token.encode() in waiting.head:
            self.refused += 1
            self._send(connection, _REFUSE)
        elif waiting.asked and not asked:
            self._requests += 1

    def _pass(self, connection: socket.socket) -> None:
        # Closed before it was read, it would count as broken.
        if connection in self._waiting and self._waiting[connection].asked:
            self._forget(connection, _PASS)

    def _forget(self, connection: socket.socket, answer: bytes = b"") -> float:
        waited = time.monotonic() - self._waiting[connection].since
        self._longest = max(self._longest, waited)
        self._send(connection, answer)
        return waited

    def _send(self, connection: socket.socket, answer: bytes) -> None:
        """The last word on this connection."""
        with contextlib.suppress(OSError):
            connection.sendall(answer)
        del self._waiting[connection]
        self._selector.unregister(connection)
        connection.close()


def _more_descriptors() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
