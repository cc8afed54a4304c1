# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is there: pure data, as a backend and an edge saw it."""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.steady.deploy.plugins.module_utils.rollout.steps import Share


@dataclass(frozen=True)
class Unit:
    """The containers of one service of one release. ``wanted`` is what its own definition asks for.

    ``at_edge`` says that it takes traffic through the edge.
    """

    service: str
    kind: str
    wanted: int
    running: int
    existing: int
    at_edge: bool = False

    @property
    def whole(self) -> bool:
        """Whether every replica runs."""
        return self.running >= self.wanted


@dataclass(frozen=True)
class Release:
    """One release as found on the host.

    ``complete`` says that a rollout to it once ended well, ``plugged`` that every accessory is in its networks.
    ``jobs_done`` names its jobs that ended with success.
    """

    id: str
    complete: bool
    units: tuple[Unit, ...] = ()
    plugged: bool = True
    jobs_done: tuple[str, ...] = ()

    def of(self, *kinds: str) -> tuple[Unit, ...]:
        """Its units of these kinds."""
        return tuple(unit for unit in self.units if unit.kind in kinds)

    def runs(self, *kinds: str) -> tuple[str, ...]:
        """Names of its services of these kinds of which at least one container runs."""
        return tuple(unit.service for unit in self.of(*kinds) if unit.running)

    def lacks(self, *kinds: str) -> tuple[str, ...]:
        """Names of its services of these kinds of which a replica is missing or down."""
        return tuple(unit.service for unit in self.of(*kinds) if not unit.whole)


@dataclass(frozen=True)
class Accessory:
    """One accessory as found. ``current`` is False when its definition differs from what runs."""

    service: str
    running: bool
    exists: bool
    current: bool


@dataclass(frozen=True)
class Observed:
    """Everything a plan needs to know.

    ``served`` is the release the edge is configured for. ``unfinished`` says that the last rollout was cut short,
    so that the edge may not yet do what its configuration says. ``images_missing`` lists images of the wish that
    are not on the host, ``history`` the complete releases, most recent first. ``shares`` tells how many running
    replicas of each service the edge asks; more than one release has some only in the midst of a rolling. ``contracts``
    names jobs that have migrations which wait for older code to go.
    """

    served: str | None = None
    releases: tuple[Release, ...] = ()
    accessories: tuple[Accessory, ...] = ()
    unfinished: bool = False
    images_missing: tuple[str, ...] = ()
    history: tuple[str, ...] = ()
    edge_matches: bool = True
    shares: tuple[Share, ...] = ()
    contracts: tuple[str, ...] = ()

    def release(self, release_id: str | None) -> Release | None:
        """The release of this id, or None."""
        return next((release for release in self.releases if release.id == release_id), None)

    def share(self, release: str, service: str) -> int:
        """How many running replicas of a service of a release the edge asks."""
        return sum(one.replicas for one in self.shares if (one.release, one.service) == (release, service))

    @property
    def mixed(self) -> bool:
        """Whether the edge asks more than one release, or another one than it says."""
        return any(one.release != self.served for one in self.shares if one.replicas)
