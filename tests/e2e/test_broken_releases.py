"""Releases that are broken in every way the example app knows: said, undone, and never noticed by users."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, field

import pytest
from e2e.inside import look
from e2e.users import Users
from full import only_full
from hotel import Host, build

READY = {"type": "http", "path": "/readyz", "deadline": 15}
HOME = {"type": "http", "path": "/", "deadline": 10}
# Forty pages, one after the other. The slow build needs 450 ms at least for each, a good one some; their sum tells the two
# apart on a busy machine too.
_PAGES = "for page in $(busybox seq 40); do busybox wget -q -O /dev/null -T 2 http://127.0.0.1:8080/ || exit 1; done"
FAST_HOME = {"type": "exec", "command": ["busybox", "sh", "-c", _PAGES], "timeout": 1.8, "deadline": 12, "success_threshold": 1}


@dataclass(frozen=True)
class Broken:
    """A broken build: what the run is told beside the version, what the failure must say, and where it must be stopped."""

    variant: str
    says: tuple[str, ...]
    stops_at: str
    services: dict[str, t.Any] = field(default_factory=dict)
    within: float = 90


BROKEN = (
    Broken("never-ready", (r"\bweb\b|\bapp\b", "/readyz", "503", r"\d+ s"), "gate"),
    # It is ready for some seconds first, so readiness must be asked to last.
    Broken(
        "crash-loop",
        (r"\bapp\b", "exited|restart", "70|log"),
        "gate",
        {"app": {"gates": [{"type": "tcp", "port": 9000, "min_ready": 8}]}},
    ),
    Broken("error-500", (r"\bweb\b", "500"), "gate", {"web": {"gates": [READY, HOME]}}),
    Broken("slow", (r"\bweb\b", r"1\.8 s"), "gate", {"web": {"gates": [READY, FAST_HOME]}}),
    Broken("failing-migration", ("migration .*add_loyalty_tier of service migrate failed", "Unknown column", "possibly a part"), "migrate"),
)


# The others are also found after a shift, by the watch.
USUAL = ("never-ready", "failing-migration")


@pytest.mark.parametrize("broken", [pytest.param(one, id=one.variant, marks=[] if one.variant in USUAL else [only_full]) for one in BROKEN])
def test_a_broken_release_is_undone_and_not_noticed(host: Host, broken: Broken) -> None:
    tag = f"broken-{broken.variant}"
    build(tag, broken.variant)
    before = look(host)
    version = host.version()
    with Users(host) as users:
        users.mark("begin")
        done = host.deploy(tag, app_stream_drain_timeout=1, app_services=broken.services)
        users.mark("end")
        after = look(host)
        result = users.check(cuts=0)

    message = done.rollout.get("msg", "")
    assert not done.ok, "the playbook succeeded with a broken release"
    for part in broken.says:
        assert re.search(part, message), f"{part!r} is not in: {message}"
    assert message.endswith(f"Undone: release {before.served} serves as before")
    assert "\n" not in message and "Traceback" not in done.output
    assert done.rollout["undone"] is True and done.rollout["changed"] is False
    assert [entry["action"] for entry in done.rollout["timeline"] if "failed" in entry] == [broken.stops_at]
    assert done.seconds < broken.within
    # No user ever met it, and nothing of the old release was touched: the very same containers run.
    assert set(result.versions) == {version} and host.version() == version
    assert after.leftovers() == []
    assert (after.served, after.kept, after.lives()) == (before.served, before.kept, before.lives())


@only_full
def test_a_good_release_passes_the_gates_that_stop_the_broken_ones(host: Host, unseen: str) -> None:
    services = {"web": {"gates": [READY, HOME, FAST_HOME]}, "app": {"gates": [{"type": "tcp", "port": 9000, "min_ready": 8}]}}
    done = host.deploy(unseen, app_stream_drain_timeout=1, app_services=services)
    assert done.ok, done.rollout.get("msg", done.output[-4000:])
    assert host.version() == unseen
    assert look(host).leftovers() == []


def test_a_release_that_breaks_after_the_shift_is_shifted_back(host: Host) -> None:
    """Its first failure is seen by users, if at all, only until the watch shifts back: this is what a watch can do and a gate can't."""
    tag = "broken-crash-loop"
    build(tag, "crash-loop")
    before = look(host)
    # Ready at once, so that the shift comes before the crash four seconds after the start.
    services = {"app": {"gates": [{"type": "tcp", "port": 9000, "success_threshold": 1, "interval": 0.1}]}}
    services["web"] = {"gates": [{**READY, "success_threshold": 1, "interval": 0.1}]}
    # Without smoke tests too: on a busy machine they are not through before the crash, and find it instead.
    done = host.deploy(tag, app_stream_drain_timeout=1, app_services=services, app_watch=12, app_smoke=[])
    message = done.rollout.get("msg", "")
    assert not done.ok
    assert re.search(r"app.* (exited with code 70|restarted|became unhealthy)", message), message
    assert message.endswith(f"Undone: release {before.served} serves as before")
    after = look(host)
    assert after.leftovers() == []
    assert (after.served, after.kept) == (before.served, before.kept)
    # Workers and the scheduler are those of the old release again.
    assert {service: after.running(service) for service in ("queue", "scheduler")} == {
        "queue": [before.served],
        "scheduler": [before.served],
    }
