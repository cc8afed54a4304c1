"""Many rollouts in a row, and users who notice none of them."""

from __future__ import annotations

import itertools
import threading

from e2e.inside import look
from e2e.killer import Killer
from e2e.managed import VERSIONS
from e2e.users import Users
from full import FULL
from hotel import Host, Played

ROLLOUTS = 10 if FULL else 3
# Seconds without any good answer. With `docker compose up -d --wait` it is more than two; on a busy machine with two cores
# less than this means little.
LONGEST_GAP = 1.5


def test_rollouts_in_a_row_are_not_noticed(host: Host, unseen: str) -> None:
    first = VERSIONS.index(unseen)
    order = list(itertools.islice(itertools.cycle(VERSIONS[first:] + VERSIONS[:first]), ROLLOUTS))
    with Users(host) as users:
        for number, version in enumerate(order):
            users.mark(f"{number} to {version}")
            before = look(host).served
            done = host.deploy(version, app_stream_drain_timeout=1)
            assert done.ok, done.output[-4000:]
            assert done.rollout["changed"] and done.rollout["previous"] == before
            assert done.rollout["drained"]["requests_cut"] == 0, done.rollout["drained"]
            assert host.version() == version
            after = look(host)
            assert after.leftovers() == []
            assert (after.served, after.kept) == (done.rollout["release"], [before])
        users.mark("end")
        result = users.check(cuts=ROLLOUTS)
    assert result.max_gap < LONGEST_GAP
    assert len(result.versions) >= len(VERSIONS)
    for (number, version), following in zip(enumerate(order), [*(f"{n} to {v}" for n, v in enumerate(order)), "end"][1:]):
        # Each rollout was under load: both versions answered while it ran.
        seen = set(result.between(f"{number} to {version}", following).versions)
        assert len(seen) == 2 and version in seen, f"rollout {number} to {version}: {seen}"


def test_browsers_that_speak_http2_notice_nothing(host: Host, unseen: str) -> None:
    with Users(host, http2=True) as users:
        done = host.deploy(unseen, app_stream_drain_timeout=1)
        assert done.ok, done.output[-4000:]
        assert done.rollout["drained"]["requests_cut"] == 0, done.rollout["drained"]
        result = users.check()
    assert result.connections["goaway"] > 0, "the reload ended no connection: this test shows nothing"


def test_a_long_request_to_the_old_release_is_waited_for(host: Host, unseen: str) -> None:
    done: list[Played] = []
    with Killer(host, "job", number=0) as before_the_shift:
        # Not the engine's migrations, but the job's own command.
        plain = {"migrate": {"migrate": False}}
        run = threading.Thread(target=lambda: done.append(host.deploy(unseen, app_stream_drain_timeout=1, app_services=plain)))
        run.start()
        before_the_shift.wait()
        old = host.version()
        status, headers, _body = host.get("/slow?seconds=8")
        run.join()
    (played,) = done
    assert played.ok, played.output[-4000:]
    assert (status, headers["x-hotel-version"]) == (200, old) and old != unseen
    drained = played.rollout["drained"]
    assert drained["requests_finished"] >= 1 and drained["requests_cut"] == 0 and drained["seconds"] > 3, drained
