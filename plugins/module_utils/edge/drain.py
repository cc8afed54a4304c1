# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Counting what is in flight to a release that traffic was moved away from, until nothing is.

Two things must hold before the old release may be stopped:

- No connection from the edge to its ports is left: each one is a request in flight, or a stream.
- No connection of a user is left in a worker with the old configuration that could still bring a request. Such a
  worker answers one more request on each connection it kept, and sends it to the *old* release. Idle connections
  end after ``keepalive_min_timeout``; one that is just uploading, or was opened and not used yet, may last longer.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.steady.deploy.plugins.module_utils.core.clock import Clock
from ansible_collections.steady.deploy.plugins.module_utils.edge.base import Drained, Flight, OnProgress
from ansible_collections.steady.deploy.plugins.module_utils.edge.proc import Connection, Proc, Table, Worker

# 127.0.0.2 in the kernel's notation: the address from which vhosts open streams (``proxy_bind``).
STREAM_SOURCE = "0200007F"
_LOOPBACK = "0100007F"
# Seconds between looks: quick at first, since mostly there is nothing to wait for.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.02, 0.1

Link = tuple[str, int, int]


@dataclass(frozen=True)
class Sight:
    """One look. ``clients``: users' connections in old workers; ``unpaired``: those of them that no upstream keeps busy."""

    requests: frozenset[Link]
    streams: frozenset[Link]
    clients: int
    unpaired: int


@dataclass(frozen=True)
class Bounds:
    """How long to wait, in seconds since ``since`` on the monotonic clock.

    Before ``idle`` has passed any connection of a user counts, after it only the unpaired, until ``clients``.
    """

    since: float
    requests: float
    streams: float
    idle: float
    clients: float


class Old:
    """Looks at the old workers and ports. ``old`` are the workers that had the former configuration."""

    def __init__(self, proc: Proc, ports: t.Iterable[int], old: t.Iterable[Worker]) -> None:
        self._proc = proc
        self._ports = frozenset(ports)
        self._old = {one.pid: one for one in old}
        self._listening: frozenset[int] = frozenset()

    def look(self) -> Sight:
        """Look once."""
        # Sockets before the table: a connection opened between the two is then in the table at least.
        held = {}
        for pid, known in list(self._old.items()):
            now = self._proc.worker(pid)
            if now is None or now.started != known.started:
                del self._old[pid]
                continue
            held[pid] = self._proc.sockets(pid)
        table = self._proc.tcp()
        # A port that is no longer listened on still marks users' connections.
        self._listening |= table.listening
        links = {link(one): one for one in table.established if one.remote_port in self._ports and one.remote == _LOOPBACK}
        streams = frozenset(key for key, one in links.items() if one.local == STREAM_SOURCE)
        clients = unpaired = 0
        for pid, inodes in held.items():
            if inodes is None:
                # Not allowed to look into it: it counts as one idle connection as long as idle ones may last.
                clients += 1
                continue
            mine, waiting = self._clients(self._old[pid], inodes, table)
            clients += mine
            unpaired += waiting
        return Sight(frozenset(links) - streams, streams, clients, unpaired)

    def _clients(self, worker: Worker, inodes: frozenset[int], table: Table) -> tuple[int, int]:
        own = [one for one in table.established if one.inode in inodes]
        clients = [one for one in own if one.local_port in self._listening]
        # A user who is being sent data can't be idle or uploading; give each of those an upstream first.
        quiet = sum(1 for one in clients if not one.unsent)
        spare = (len(own) - len(clients)) - (len(clients) - quiet)
        if quiet > max(0, spare):
            spare += self._unix(worker, inodes)
        return len(clients), quiet - min(quiet, max(0, spare))

    def _unix(self, worker: Worker, inodes: frozenset[int]) -> int:
        """A worker's upstreams on Unix sockets: those it does not share with its master."""
        shared = self._proc.sockets(worker.parent)
        if not shared:
            return 0
        return len((inodes - shared) & self._proc.unix())


def link(one: Connection) -> Link:
    """What tells one connection to a port from the next."""
    return one.local, one.local_port, one.remote_port


def drain(look: t.Callable[[], Sight], clock: Clock, bounds: Bounds, on_progress: OnProgress | None = None) -> Drained:
    """Look until nothing is left or the bounds have passed, twice in a row. Counts are of connections seen meanwhile."""
    begin = clock.monotonic()
    requests: set[Link] = set()
    streams: set[Link] = set()
    pause = _FIRST_PAUSE
    calm = 0
    told = None
    while True:
        sight = look()
        elapsed = clock.monotonic() - bounds.since
        # A link that changed from one look to the next is another connection only if its local port is another one.
        requests |= sight.requests
        streams |= sight.streams
        clients = sight.clients if elapsed < bounds.idle else sight.unpaired
        news = (len(sight.requests), len(sight.streams), clients, len(requests - sight.requests), len(streams - sight.streams))
        if on_progress and news != told:
            on_progress(Flight(*news, seconds=clock.monotonic() - begin))
        told = news
        busy = (
            (sight.requests and elapsed < bounds.requests)
            or (sight.streams and elapsed < bounds.streams)
            or (clients and elapsed < bounds.clients)
        )
        calm = 0 if busy else calm + 1
        if calm >= 2:
            return Drained(
                requests_finished=len(requests - sight.requests),
                requests_cut=len(sight.requests),
                streams_finished=len(streams - sight.streams),
                streams_cut=len(sight.streams),
                seconds=clock.monotonic() - begin,
                clients_left=clients,
            )
        clock.sleep(pause)
        pause = min(_LONGEST_PAUSE, pause * 1.5)
