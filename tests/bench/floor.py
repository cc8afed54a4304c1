# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs on the managed host: how long each replica of a stopped release takes from `docker start` until it is ready.

Usage: python3 floor.py RELEASE ROUNDS. Prints JSON: {"web-1": [seconds, ...], ...}. A replica of web is started with
the replica of app behind it; nothing else of the release runs meanwhile.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request

EVERY = 0.02
DEADLINE = 60.0


def ready(ports: list[int]) -> bool:
    """Whether the one replica that runs answers on one of the ports of its service."""
    for port in ports:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2) as answer:
                if answer.status == 200:
                    return True
        except (urllib.error.URLError, OSError):
            continue
    return False


def docker(*args: str) -> None:
    """Run docker."""
    subprocess.run(["docker", *args], check=True, stdout=subprocess.DEVNULL)


def measure(names: list[str], ports: list[int]) -> float:
    """Start these containers together, in order; seconds until the last one is ready. They are stopped again."""
    begun = time.monotonic()
    docker("start", *names)
    try:
        while not ready(ports):
            if time.monotonic() - begun > DEADLINE:
                raise SystemExit(f"{', '.join(names)} not ready within {DEADLINE:g} s")
            time.sleep(EVERY)
        return time.monotonic() - begun
    finally:
        docker("stop", *names)


def main(release: str, rounds: int) -> None:
    """Measure all replicas that take traffic."""
    with open(f"/var/lib/steady/hotel/releases/{release}/release.json", encoding="utf-8") as stream:
        ports = json.load(stream)["ports"]
    project = f"hotel-{release}"
    found: dict[str, list[float]] = {}
    for _round in range(rounds):
        for number in range(1, len(ports["web"]) + 1):
            seconds = measure([f"{project}-app-{number}", f"{project}-web-{number}"], ports["web"])
            found.setdefault(f"web-{number}", []).append(seconds)
        found.setdefault("ws-1", []).append(measure([f"{project}-ws-1"], ports["ws"]))
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
