# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the engine asks of an edge, whatever program it is."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass


@dataclass(frozen=True)
class Upstream:
    """Where the edge sends the traffic of one service: loopback ports, one per replica, in order.

    ``others`` names the release of each of these ports that is of another release than the one served.
    """

    service: str
    ports: tuple[int, ...]
    others: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True)
class Served:
    """What the edge serves of one app. ``release`` is None where nothing is served yet.

    In the midst of a rolling it is the release that is rolled to, and upstreams name ports of others too.
    """

    app: str
    release: str | None
    upstreams: tuple[Upstream, ...] = ()

    def ports(self) -> dict[str, tuple[int, ...]]:
        """The ports by service: what ``Edge.drain`` takes for the release that was served before."""
        return {upstream.service: upstream.ports for upstream in self.upstreams}

    def others(self) -> dict[int, str]:
        """The ports that are of another release than ``release``, and which that is."""
        return {port: release for upstream in self.upstreams for port, release in upstream.others}

    def owner(self, port: int) -> str | None:
        """The release that a port is of."""
        return self.others().get(port, self.release)


@dataclass(frozen=True)
class Flight:
    """What is in flight to the old release now, and what ended so far. ``seconds`` since the drain began.

    ``clients`` counts connections of users that could still send a request to the old release.
    """

    requests: int
    streams: int
    clients: int
    requests_finished: int
    streams_finished: int
    seconds: float


@dataclass(frozen=True)
class Drained:
    """How a drain ended, in connections from the edge to the old release, and how long it took in seconds.

    ``clients_left`` counts users' idle connections that could still have sent a request when a bound passed;
    it is 0 unless the edge can't promise otherwise.
    """

    requests_finished: int = 0
    requests_cut: int = 0
    streams_finished: int = 0
    streams_cut: int = 0
    seconds: float = 0.0
    clients_left: int = 0


@dataclass(frozen=True)
class Held:
    """How a hold went: requests held, the longest wait in seconds, and how many had to be let through before it ended.

    Those in ``failed`` reached whatever was up at that moment: nothing at all, most likely.
    """

    requests: int = 0
    longest_seconds: float = 0.0
    failed: int = 0


OnProgress = t.Callable[[Flight], None]


class Edge(t.Protocol):
    """What users' connections reach, for one app."""

    def preflight(self) -> list[str]:
        """Look whether the edge can shift at all. Returns warnings: what can't be promised here.

        Raises PreflightError with one sentence where a shift can't work.
        """

    def served(self) -> Served:
        """What the edge is configured to serve. Raises EdgeError where that can't be read."""

    def shift(self, wanted: Served) -> None:
        """Move the app's traffic to ``wanted`` and verify it through the real front door.

        All or nothing, and safe to repeat: where it raises EdgeError or PreflightError it has put back what was
        served before, and says so. Users may have reached ``wanted`` meanwhile: drain its ports before stopping it.
        """

    def verify(self, wanted: Served) -> None:
        """Ask through the real front door until ``wanted`` answers. Raises EdgeError saying what was seen instead."""

    def drain(
        self,
        old_ports_by_service: t.Mapping[str, t.Sequence[int]],
        request_timeout: float,
        stream_timeout: float,
        on_progress: OnProgress | None = None,
    ) -> Drained:
        """Wait until nothing is in flight to the old ports and nothing can come any more.

        Both timeouts are seconds since the shift. When they pass, what is left is counted as cut: it ends
        when the caller stops the old release.
        """

    def hold(self, coming: Served, timeout: float) -> None:
        """Hold the app's requests from now on, each for at most ``timeout`` seconds, and verify that it works.

        Who is let through reaches ``coming`` where that is up, else what is served now. A hold that stands already is left as it
        is. All or nothing: where it raises EdgeError or PreflightError nothing is held. ``shift`` ends a hold for new requests.
        """

    def unhold(self) -> Held:
        """Let the held requests through, and tell what was held since ``hold``. Nothing happens where nothing is held."""

    def holding(self) -> bool:
        """Whether the edge is configured to hold requests, be it by a run that was killed."""
