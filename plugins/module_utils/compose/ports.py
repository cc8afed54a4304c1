# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Loopback ports for releases."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import PreflightError, SpecError
from ansible_collections.steady.deploy.plugins.module_utils.probe.wording import show


def parse_range(text: str) -> range:
    """``20000-29999`` as a range. Raises SpecError."""
    match = re.fullmatch(r"(\d{1,5})-(\d{1,5})", text.strip())
    if not match or not 1024 <= int(match[1]) <= int(match[2]) <= 65535:
        raise SpecError(f"port_range must be FIRST-LAST within 1024-65535, not {show(text)}")
    return range(int(match[1]), int(match[2]) + 1)


def check_size(service: str, size: int, allowed: range) -> None:
    """Raises PreflightError where a service has more replicas than there are ports in all."""
    if size > len(allowed):
        raise PreflightError(
            f"service {service} has {size} replicas and port_range {allowed.start}-{allowed.stop - 1} holds no more than "
            f"{len(allowed)} of them: widen it, or ask for fewer replicas"
        )


def allocate(sizes: t.Mapping[str, int], taken: t.Collection[int], allowed: range) -> dict[str, tuple[int, ...]]:
    """A run of free ports for each service, as many as it has replicas: Docker gives each replica one of a run.

    Raises PreflightError when the range has no such run left.
    """
    busy = set(taken)
    found: dict[str, tuple[int, ...]] = {}
    for service, size in sizes.items():
        check_size(service, size, allowed)
        start = allowed.start
        while start + size <= allowed.stop:
            clash = next((port for port in range(start + size - 1, start - 1, -1) if port in busy), None)
            if clash is None:
                break
            start = clash + 1
        else:
            raise PreflightError(
                f"service {service} needs {size} free ports in a row and {allowed.start}-{allowed.stop - 1} has none left: "
                "widen port_range or remove releases"
            )
        found[service] = tuple(range(start, start + size))
        busy.update(found[service])
    return found


def listening(tables: t.Iterable[str]) -> set[int]:
    """Local ports in use, read from the texts of ``/proc/net/tcp`` and ``/proc/net/tcp6``."""
    ports: set[int] = set()
    for table in tables:
        for line in table.splitlines()[1:]:
            fields = line.split()
            if len(fields) > 3 and fields[3] == "0A":
                ports.add(int(fields[1].rsplit(":", 1)[1], 16))
    return ports
