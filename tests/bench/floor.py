# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs on the managed host: how long replicas of a release take from `docker start` until they are ready, each by itself.

Usage: python3 floor.py APP RELEASE ROUNDS PATH REPLICAS, where REPLICAS is JSON: the containers that are started for each
replica, in order, the one that answers PATH last: {"web-1": ["app-1", "web-1"]}. Prints JSON: {"web-1": [seconds, ...]}.
Nothing else of the release runs meanwhile.
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


def ready(ports: list[int], path: str) -> bool:
    """Whether the one replica that runs answers on one of the ports of its service."""
    for port in ports:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=2) as answer:
                if answer.status == 200:
                    return True
        except (urllib.error.URLError, OSError):
            continue
    return False


def docker(*args: str) -> None:
    """Run docker."""
    subprocess.run(["docker", *args], check=True, stdout=subprocess.DEVNULL)


def measure(names: list[str], ports: list[int], path: str) -> float:
    """Start these containers together, in order; seconds until the last one is ready. They are stopped again."""
    begun = time.monotonic()
    docker("start", *names)
    try:
        while not ready(ports, path):
            if time.monotonic() - begun > DEADLINE:
                raise SystemExit(f"{', '.join(names)} not ready within {DEADLINE:g} s")
            time.sleep(EVERY)
        return time.monotonic() - begun
    finally:
        docker("stop", *names)


def main(app: str, release: str, rounds: int, path: str, replicas: dict[str, list[str]]) -> None:
    """Measure them."""
    with open(f"/var/lib/steady/{app}/releases/{release}/release.json", encoding="utf-8") as stream:
        ports = json.load(stream)["ports"]
    found: dict[str, list[float]] = {name: [] for name in replicas}
    for _round in range(rounds):
        for name, containers in replicas.items():
            names = [f"{app}-{release}-{one}" for one in containers]
            found[name].append(measure(names, ports[name.rpartition("-")[0]], path))
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4], json.loads(sys.argv[5]))
