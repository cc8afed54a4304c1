# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the engine asks of a backend: whatever runs releases on a host."""

from __future__ import annotations

import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.core.container import ContainerState
from ansible_collections.steady.deploy.plugins.module_utils.rollout.observed import Accessory, Release


class Backend(t.Protocol):
    """Runs the releases of one app. Each method may be repeated; each raises a SteadyError that says what went wrong."""

    def observe(self, history: t.Sequence[str]) -> tuple[tuple[Release, ...], tuple[Accessory, ...], tuple[str, ...]]:
        """What is there: releases, accessories of the wish, and images of the wish that are not on the host (check mode)."""

    def base_up(self, accessories: t.Sequence[str]) -> None:
        """Start these accessories, or recreate those whose definition changed, and wait until they are healthy."""

    def create(self, release: str) -> None:
        """Make a release's networks and containers without starting them, and plug accessories in."""

    def run_job(self, release: str, service: str, timeout: float) -> None:
        """Run a job to its end, at most ``timeout`` seconds. A job that still runs from a former try is waited for."""

    def start(self, release: str, services: t.Sequence[str], replicas: int | None = None, without: t.Collection[str] = ()) -> None:
        """Start services, those that others wait for first.

        With ``replicas`` go on only until so many of each run, and leave the containers ``without`` (ids) alone.
        """

    def hold(
        self, release: str, services: t.Sequence[str], replicas: int | None = None, without: t.Collection[str] = ()
    ) -> list[dict[str, t.Any]]:
        """Wait until the gates of these services hold, or of the ``replicas`` of each that were started. Raises GateError."""

    def states(self, release: str) -> tuple[ContainerState, ...]:
        """The containers of a release."""

    def logs(self, container: str) -> list[str]:
        """The last lines of a container."""

    def stop(self, release: str, services: t.Sequence[str], spared: t.Collection[int] = ()) -> None:
        """Send services their stop signal and wait their whole grace time. Replicas on the host's ports ``spared`` go on."""

    def remove(self, release: str) -> None:
        """Remove a release with all it has."""

    def ports(self, release: str) -> dict[str, tuple[int, ...]]:
        """The loopback ports of a release's traffic-taking services."""
