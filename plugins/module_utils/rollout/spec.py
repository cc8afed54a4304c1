# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wanted: pure data."""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.steady.deploy.plugins.module_utils.migrate.wish import MigrateWish
from ansible_collections.steady.deploy.plugins.module_utils.probe.gate import Gate

WEB, WORKER, SINGLETON, ACCESSORY, JOB = "web", "worker", "singleton", "accessory", "job"
KINDS = (WEB, WORKER, SINGLETON, ACCESSORY, JOB)
# The strategies, the strictest last.
STRICTNESS = ("blue_green", "rolling", "recreate")


@dataclass(frozen=True)
class Batches:
    """How the replicas of a service are replaced by the strategy ``rolling``: Compose's update_config or rollback_config.

    ``parallelism`` replicas at a time (0: all), ``delay`` seconds between batches, each watched for ``monitor`` seconds.
    ``max_failure_ratio`` is the share of the service's replicas that may fail their gates. ``failure_action`` says what
    becomes of a rollout in which more of them do.
    """

    parallelism: int = 1
    delay: float = 0.0
    order: str = "start-first"
    failure_action: str = "rollback"
    monitor: float = 0.0
    max_failure_ratio: float = 0.0


@dataclass(frozen=True)
class Assets:
    """Files of a web service that pages of other releases ask for too: where URLs start with ``path``, in the container's ``folder``."""

    path: str
    folder: str


@dataclass(frozen=True)
class Service:
    """One service of the app.

    ``port`` is the container port the edge sends traffic to; a web service without one serves only its own release.
    ``why`` says where the kind comes from. ``stop_timeout`` is seconds, ``memory`` bytes reserved per replica.
    ``waits_for`` names services of the release that must be healthy before this one starts.
    ``before_start`` marks a job that a web service depends on: it runs before the release starts. ``migrate`` makes a job one
    whose migrations the engine brings about, instead of running its command.
    ``strategy`` is the one the service asks for, or empty; ``update`` and ``way_back`` say how it goes in batches.
    """

    name: str
    kind: str
    why: str
    image: str
    replicas: int = 1
    port: int | None = None
    gates: tuple[Gate, ...] = ()
    has_healthcheck: bool = False
    stop_timeout: float = 10.0
    waits_for: tuple[str, ...] = ()
    before_start: bool = False
    memory: int = 0
    assets: Assets | None = None
    migrate: MigrateWish | None = None
    strategy: str = ""
    update: Batches = Batches()
    way_back: Batches = Batches()


@dataclass(frozen=True)
class Wish:
    """The release an app is to be brought to. ``jobs`` is False for a rollback: it never migrates."""

    app: str
    release: str
    services: tuple[Service, ...]
    jobs: bool = True

    def of(self, *kinds: str) -> tuple[Service, ...]:
        """The services of these kinds, in the compose file's order."""
        return tuple(service for service in self.services if service.kind in kinds)

    @property
    def edge_services(self) -> tuple[Service, ...]:
        """The services that take traffic through the edge."""
        return tuple(service for service in self.services if service.kind == WEB and service.port is not None)


# The points of a rollout at which hooks run, in order. The last one is reached only by a rollout that is undone.
BEFORE, BEFORE_SHIFT, AFTER_SHIFT, AFTER, UNDONE = POINTS = ("before", "before_shift", "after_shift", "after", "undone")


@dataclass(frozen=True)
class Hook:
    """A command of the user's at a point of the rollout.

    It runs on the host or, with ``service``, in a container of that service of the new release, for at most
    ``timeout`` seconds. Where ``undoes`` is set its failure undoes the rollout, else it is told as a warning.
    """

    name: str
    point: str
    command: tuple[str, ...]
    service: str | None = None
    timeout: float = 60.0
    undoes: bool = True


@dataclass(frozen=True)
class Options:
    """How a rollout goes about it. Times in seconds. ``scenarios`` names the smoke tests.

    At most ``start_parallel`` containers are started at once. ``hold_timeout`` is how long ``recreate`` holds a request.
    ``contract`` asks for migrations that take away what only older releases need.
    """

    strategy: str = "blue_green"
    keep_releases: int = 1
    update_accessories: bool = False
    drain_timeout: float = 30.0
    stream_drain_timeout: float = 10.0
    hold_timeout: float = 30.0
    watch: float = 2.0
    job_timeout: float = 3600.0
    contract: bool = False
    scenarios: tuple[str, ...] = ()
    start_parallel: int = 4
    hooks: tuple[Hook, ...] = ()
