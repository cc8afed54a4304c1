"""Users who rest between two requests: `users.py '{"users":, "rest": [from, to], "seconds":, "away":}'` prints what failed.

`away` is how many seconds the close of a connection needs to reach a user. Every third request is a POST.
"""

from __future__ import annotations

import asyncio
import collections
import json
import random
import sys

import h11
from load.clients import open_connection
from load.config import Config
from load.errors import ExchangeFailed

URL = "http://127.0.0.1/"


async def user(chance: random.Random, order: dict, counts: collections.Counter, end: float) -> None:
    loop = asyncio.get_running_loop()
    connection = None
    config = Config(url=URL, shapes=(), rate=1, seconds=1, rtt=order["away"])
    await asyncio.sleep(chance.uniform(0, order["rest"][1]))
    while loop.time() < end:
        body = b"" if chance.random() > 0.33 else b'{"n": 1}'
        headers = [("Host", "hotel.test"), ("Content-Length", str(len(body)))]
        counts["requests"] += 1
        try:
            if connection is not None and connection.usable():
                connection.close()
                connection = None
                counts["reconnected"] += 1
            if connection is None:
                connection = await open_connection(config, config.target(), 5)
            answer = await connection.exchange(
                h11.Request(method="POST" if body else "GET", target="/", headers=headers), body, loop.time() + 10
            )
            if answer.status != 200:
                counts[f"failed: status {answer.status}"] += 1
            if connection.recycle():
                connection.close()
                connection = None
        except ExchangeFailed as exc:
            counts[f"failed: {exc.kind}"] += 1
            connection = None
        await asyncio.sleep(chance.uniform(*order["rest"]))


async def main() -> None:
    order = json.loads(sys.argv[1])
    counts: collections.Counter = collections.Counter()
    end = asyncio.get_running_loop().time() + order["seconds"]
    await asyncio.gather(*(user(random.Random(number), order, counts, end) for number in range(order["users"])))
    print(json.dumps(dict(counts, failed=sum(count for name, count in counts.items() if name.startswith("failed")))))


asyncio.run(main())
