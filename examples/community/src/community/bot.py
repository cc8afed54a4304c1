"""The bot: does the jobs of the stream one after the other, and finishes the one in hand when it is asked to end.

A job is acknowledged when it is done. One whose bot was killed is done by another bot once nobody has touched it for a
while, so a job may be begun twice, but is never lost.
"""

from __future__ import annotations

import logging
import signal
import threading
import time
from pathlib import Path

from redis.exceptions import RedisError, ResponseError
from sqlalchemy.exc import SQLAlchemyError

from community import store
from community.settings import HOST, LOG_LEVEL, VERSION

log = logging.getLogger("bot")
# Its age tells the container's healthcheck when the bot last reached Redis.
ALIVE = Path("/tmp/bot-alive")
# Milliseconds: how long to wait for a job, and when one counts as left behind. A job takes 50 s at most.
WAIT, LEFT = 1000, 90_000
ending = threading.Event()


def join() -> None:
    """Make the stream and the group of its readers where they are not there."""
    try:
        store.redis().xgroup_create(store.STREAM, store.GROUP, id="0", mkstream=True)
    except ResponseError as exc:
        if "BUSYGROUP" not in str(exc):
            raise


def leave() -> None:
    """Sign off, unless a job of ours is still to be taken over."""
    if not store.redis().xpending_range(store.STREAM, store.GROUP, "-", "+", 1, HOST):
        store.redis().xgroup_delconsumer(store.STREAM, store.GROUP, HOST)


def take() -> tuple[str, str] | None:
    """The next entry of the stream and its job: one that was left behind, or a new one."""
    left = store.redis().xautoclaim(store.STREAM, store.GROUP, HOST, min_idle_time=LEFT, count=1)[1]
    if not left:
        found = store.redis().xreadgroup(store.GROUP, HOST, {store.STREAM: ">"}, count=1, block=WAIT)
        left = found[0][1] if found else []
    return (left[0][0], left[0][1]["job"]) if left else None


def do(job: str) -> None:
    """Do a job: a real bot would talk to somebody meanwhile."""
    begun = store.begin_job(job)
    if begun is None:
        return
    log.info("job %s begun, takes %s s", job, begun["seconds"])
    until = time.monotonic() + begun["seconds"]
    while (left := until - time.monotonic()) > 0:
        time.sleep(min(left, 1))
        ALIVE.touch()
    store.end_job(job)
    log.info("job %s done", job)


def turn() -> None:
    """Wait for a job and do it."""
    taken = take()
    ALIVE.touch()
    if taken:
        entry, job = taken
        do(job)
        store.redis().xack(store.STREAM, store.GROUP, entry)
        store.redis().xdel(store.STREAM, entry)


def main() -> None:
    """Work until SIGTERM."""
    store.check_settings()
    logging.basicConfig(level=LOG_LEVEL.upper(), format="%(asctime)s %(levelname)s %(message)s")
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_signal: ending.set())
    log.info("bot %s of version %s begins", HOST, VERSION)
    joined = False
    while not ending.is_set():
        try:
            if not joined:
                join()
                joined = True
            turn()
        except (RedisError, SQLAlchemyError) as exc:
            log.warning("%s, tries again: %s", type(exc).__name__, str(exc).partition("\n")[0])
            joined = False
            ending.wait(1)
    try:
        leave()
    except RedisError as exc:
        log.warning("could not sign off: %s", exc)
    log.info("bot %s has ended", HOST)


if __name__ == "__main__":
    main()
