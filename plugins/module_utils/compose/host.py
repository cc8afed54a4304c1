# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the host has room for a second release beside the first."""

from __future__ import annotations

import os

from ansible_collections.steady.deploy.plugins.module_utils.compose.cli import DockerCli
from ansible_collections.steady.deploy.plugins.module_utils.core.errors import PreflightError
from ansible_collections.steady.deploy.plugins.module_utils.core.files import read_text
from ansible_collections.steady.deploy.plugins.module_utils.rollout.observed import Observed
from ansible_collections.steady.deploy.plugins.module_utils.rollout.spec import SINGLETON, WEB, WORKER, Wish

MIB = 1024 * 1024
# What any container needs at least where nothing is reserved for it, and what must stay free on the disk.
_LEAST_MEMORY = 8 * MIB
_LEAST_DISK = 256 * MIB


def check_room(cli: DockerCli, wish: Wish, observed: Observed, strategy: str = "blue_green") -> None:
    """Raises PreflightError where memory or disk can't hold the release beside what runs, as far as ``strategy`` needs both at once.

    Only memory that services reserve counts: a limit says what a container may use, not what it will.
    """
    release = observed.release(wish.release)
    running = {unit.service: unit.running for unit in release.units} if release else {}
    in_batches = wish.edge_services if strategy == "rolling" and any(share.release != wish.release for share in observed.shares) else ()
    needed = sum(
        max(service.memory, _LEAST_MEMORY) * max(0, service.replicas - running.get(service.name, 0))
        for service in wish.of(WEB, WORKER, SINGLETON)
        if service not in in_batches
    )
    # One service after the other, and one batch after the other.
    needed += max(
        (max(service.memory, _LEAST_MEMORY) * (service.update.parallelism or service.replicas) for service in in_batches), default=0
    )
    available = _available_memory()
    if available is not None and needed > available:
        raise PreflightError(
            f"too little memory for release {wish.release} beside what runs: its services reserve {needed // MIB} MiB, "
            f"{available // MIB} MiB are available; free memory, or reserve less in `deploy.resources.reservations`"
        )
    folder = cli.runner.run(["docker", "info", "--format", "{{.DockerRootDir}}"]).stdout.strip()
    for path in (folder, "/var/lib"):
        if path and os.path.isdir(path):
            stat = os.statvfs(path)
            free = stat.f_bavail * stat.f_frsize
            if free < _LEAST_DISK:
                raise PreflightError(
                    f"too little disk space in {path}: {free // MIB} MiB are free, "
                    f"{_LEAST_DISK // MIB} MiB are needed; free some with `docker image prune`"
                )


def _available_memory() -> int | None:
    for line in (read_text("/proc/meminfo") or "").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None
