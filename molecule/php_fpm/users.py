"""Users of the shop until a file appears: keep-alive clients, GET, POST, and a slow request always in flight.

Usage: users.py PORT STOP_FILE. Prints how many requests there were, and what failed.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from load import Config, Load, Shape

SECONDS = 150


def main(port: str, stop_file: str) -> None:
    """Send, stop, tell."""
    shapes = (
        Shape("get", path="/tiny.php", weight=7),
        Shape("post", "POST", "/tiny.php", '{"n": {n}, "run": "{run}"}', weight=3),
        Shape("slow", path="/slow.php?seconds=3", rate=0.5, timeout=30),
    )
    config = Config(url=f"http://127.0.0.1:{port}/", host="shop.test", rate=100, seconds=SECONDS, shapes=shapes, timeout=15)
    with Load(config) as load:
        end = time.monotonic() + SECONDS - 1
        while not Path(stop_file).exists() and time.monotonic() < end:
            time.sleep(0.2)
        result = load.stop()
    failures = [str(one) for one in result.failures[:5]]
    print(json.dumps({"requests": result.requests, "failed": result.failed, "failures": failures, "longest": result.latency.max}))


if __name__ == "__main__":
    main(*sys.argv[1:])
