"""Users with and without TLS, until a file is there: `users.py HTTP_PORT HTTPS_PORT FILE`. Prints how many requests failed of each kind."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from pathlib import Path

from load import Config, Load, Shape

LONGEST = 300


def main() -> None:
    """Send, wait, tell."""
    http, https, stop = sys.argv[1:]
    shapes = (Shape("get", path="/", weight=7), Shape("post", "POST", "/", '{"n": {n}, "run": "{run}"}', weight=3))
    settings = {"shapes": shapes, "rate": 100, "rtt": 0.02, "seconds": LONGEST}
    with (
        Load(Config(url=f"http://127.0.0.1:{http}/", host="api.test", **settings)) as plain,
        Load(Config(url=f"https://127.0.0.1:{https}/", host="shop.test", **settings)) as secure,
    ):
        end = time.monotonic() + LONGEST - 10
        while not Path(stop).exists() and time.monotonic() < end:
            time.sleep(0.1)
        results = [plain.stop(), secure.stop()]
    told = {
        "requests": min(one.requests for one in results),
        "kinds": dict(sum((Counter(one.kinds()) for one in results), Counter())),
        "failures": [str(failure) for one in results for failure in one.failures[:5]],
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
