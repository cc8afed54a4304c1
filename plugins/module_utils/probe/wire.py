# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A connection with one time budget for everything: connecting, sending, and each byte that comes back.

A socket's own timeout starts again with every byte, so a peer that drips could hold a probe for hours.
"""

from __future__ import annotations

import io
import socket
import ssl
import time
import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.probe.base import Target
from ansible_collections.steady.deploy.plugins.module_utils.probe.wording import one_line


class Wire:
    """A connected socket that raises socket.timeout once its budget is spent. Close it after use."""

    def __init__(self, sock: socket.socket, until: float) -> None:
        self._sock = sock
        self._until = until

    def left(self) -> float:
        """Seconds of the budget that are left; raises socket.timeout when there are none."""
        left = self._until - time.monotonic()
        if left <= 0:
            raise socket.timeout("the time budget is spent")
        return left

    def secure(self, context: ssl.SSLContext, name: str) -> None:
        """Speak TLS from here on; ``name`` is what the certificate must say, and goes out as SNI. Raises OSError."""
        self._sock.settimeout(self.left())
        self._sock = context.wrap_socket(self._sock, server_hostname=name)

    def sendall(self, data: bytes) -> None:
        """Send everything."""
        self._sock.settimeout(self.left())
        self._sock.sendall(data)

    def recv(self, size: int, at_most: float | None = None) -> bytes:
        """What came, up to ``size`` bytes; empty at the end. ``at_most`` bounds this one wait, in seconds."""
        left = self.left()
        self._sock.settimeout(left if at_most is None else min(left, at_most))
        return self._sock.recv(size)

    def makefile(self, _mode: str) -> io.BufferedReader:
        """A reader under the same budget; http.client reads its answer through this."""
        return io.BufferedReader(_Raw(self))

    def close(self) -> None:
        """Close the socket."""
        self._sock.close()


class _Raw(io.RawIOBase):
    def __init__(self, wire: Wire) -> None:
        super().__init__()
        self._wire = wire

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: t.Any) -> int:
        data = self._wire.recv(len(buffer))
        buffer[: len(data)] = data
        return len(data)


Connect = t.Callable[[Target, float], Wire]


def connect(target: Target, timeout: float) -> Wire:
    """Connect to the target's unix socket, or to its address and port; ``timeout`` bounds the Wire's whole life."""
    until = time.monotonic() + timeout
    if target.socket:
        return _open(socket.AF_UNIX, target.socket, until)
    if not target.address:
        raise OSError(f"the container has no address and does not publish port {target.port}")
    trouble: OSError | None = None
    for family, _kind, _protocol, _name, address in socket.getaddrinfo(target.address, target.port, type=socket.SOCK_STREAM):
        try:
            return _open(family, address, until)
        except OSError as exc:
            trouble = trouble or exc
    raise trouble or OSError(f"{target.address} has no address")


def _open(family: int, address: t.Any, until: float) -> Wire:
    sock = socket.socket(family, socket.SOCK_STREAM)
    wire = Wire(sock, until)
    try:
        sock.settimeout(wire.left())
        sock.connect(address)
    except BaseException:
        sock.close()
        raise
    return wire


def reason(exc: Exception, timeout: float) -> str:
    """Why a connection failed, in a few words."""
    if isinstance(exc, socket.timeout):
        return f"no answer within {timeout:g} s"
    if isinstance(exc, ConnectionRefusedError):
        return "connection refused"
    if isinstance(exc, socket.gaierror):
        return "the address can't be resolved"
    if isinstance(exc, OSError) and exc.strerror:
        return one_line(exc.strerror[:1].lower() + exc.strerror[1:])
    return one_line(str(exc)) or type(exc).__name__
