"""Releases that no gate can tell from good ones, undone by what users are answered. Their requests may fail for a moment: no more."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass

import pytest
from e2e.inside import look
from full import only_full
from hotel import Host, build
from load import Load


@dataclass(frozen=True)
class Bad:
    """A bad build, the limits that are set for it, what the failure must say, and how many seconds users may meet it."""

    variant: str
    limits: dict[str, float]
    says: str
    seconds: float


BAD = (
    # The plain readiness gate passes: /readyz is fine.
    Bad("error-500", {}, r"answered \d+ of \d+ requests with a 5xx status \(\d+\.\d %\), the bound is 5\.0 %", 8),
    # Every page takes 0.45 s at least, and the slow request that is always in flight 3 s in any release.
    Bad("slow", {"p95": 0.3}, r"has a p95 of \d\.\d+ s over \d+ requests, the bound is 0\.3 s", 30),
)


@pytest.mark.parametrize("bad", [pytest.param(one, id=one.variant, marks=[only_full] if one.variant == "slow" else []) for one in BAD])
def test_a_release_that_only_users_notice_is_undone_by_the_watch(host: Host, bad: Bad) -> None:
    tag = f"broken-{bad.variant}"
    build(tag, bad.variant)
    before = look(host)
    version = host.version()
    with Load(host.load(rate=20, seconds=300)) as load:
        time.sleep(2)
        # Smoke tests would find it before any user.
        done = host.deploy(tag, app_stream_drain_timeout=1, app_watch=8, app_limits=bad.limits, app_smoke=[])
        load.mark("end")
        time.sleep(1)
        result = load.stop()
    message = done.rollout.get("msg", done.output[-2000:])

    assert not done.ok
    assert re.fullmatch(rf"release [0-9a-f]+ {bad.says}.*\. Undone: release {before.served} serves as before", message), message
    timeline = done.rollout["timeline"]
    failed = next(entry for entry in timeline if "failed" in entry)
    # The drain watches too: users need not wait for it.
    assert failed["action"] in ("drain", "watch")
    assert [entry["action"] for entry in timeline if entry["action"] == "gate"], "no gate was passed"
    shifts = [entry["after"] for entry in timeline if entry["action"] == "shift"]
    assert len(shifts) == 2
    assert shifts[1] - shifts[0] < bad.seconds
    after = look(host)
    assert after.leftovers() == []
    assert (after.served, after.kept) == (before.served, before.kept)
    assert host.version() == version
    # Nothing failed but what the bad release answered itself.
    assert {failure.kind for failure in result.failures} <= ({"bad_status"} if bad.variant == "error-500" else set())
    assert all(failure.time < result.time_of("end") for failure in result.failures)
    # The numbers are those of the edge.
    watched = done.rollout["watched"]
    assert watched["requests"] >= 20
    assert watched["before"]["failed"] == 0
    seen = {one["release"] for one in done.rollout["traffic"]}
    assert {watched["release"], before.served} <= seen
