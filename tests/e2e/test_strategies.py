"""The strategy rolling on the hotel: for a while two releases serve side by side, and no user notices."""

from __future__ import annotations

import re
import signal
import threading
import typing as t

import pytest
from e2e.inside import journal, look
from e2e.killer import Killer, Moment
from e2e.users import Users
from full import only_full
from hotel import Host, build

ROLLING: dict[str, t.Any] = {"app_strategy": "rolling", "app_stream_drain_timeout": 1, "app_lock_wait": 90}
# Each service that the edge asks is shifted replica by replica.
SHIFTS = 3


class Visitor(threading.Thread):
    """Opens the page, then fetches what it links to, one page after the other, until told to stop."""

    def __init__(self, host: Host) -> None:
        super().__init__()
        self._host = host
        self._over = threading.Event()
        self.missing: list[str] = []
        self.assets = 0

    def run(self) -> None:
        while not self._over.wait(0.2):
            _status, _headers, body = self._host.get("/")
            for path in re.findall(rb'(?:src|href)="(/[^"/][^"]*\.(?:css|js|svg|png|woff2))"', body):
                status = self._host.get(path.decode())[0]
                self.assets += 1
                if status != 200:
                    self.missing.append(f"{path.decode()} answered {status}")

    def leave(self) -> None:
        self._over.set()
        self.join()


def test_replica_by_replica_nothing_is_noticed(host: Host, unseen: str) -> None:
    before, version = look(host), host.version()
    visitor = Visitor(host)
    with Users(host, rate=40) as users:
        visitor.start()
        users.mark("begin")
        try:
            done = host.deploy(unseen, **ROLLING)
        finally:
            visitor.leave()
        users.mark("end")
        result = users.check(cuts=SHIFTS)
    assert done.ok, done.output[-4000:]
    assert done.rollout["drained"]["requests_cut"] == 0, done.rollout["drained"]
    shifts = [step for step in done.rollout["plan"] if step.startswith("serve ")]
    new, old = done.rollout["release"], before.served
    assert shifts == [
        f"serve web from 1 of release {new} and 1 of release {old}",
        f"serve web from 2 of release {new}",
        f"serve ws from 1 of release {new}",
    ]
    assert set(result.between("begin", "end").versions) == {version, unseen}
    assert visitor.assets > 0 and not visitor.missing
    after = look(host)
    assert after.leftovers() == [] and (after.served, after.kept) == (new, [old])
    _told_by_who_answered(host, old, new)


def _told_by_who_answered(host: Host, old: str, new: str) -> None:
    """While both serve, the access log has both in turns, and never in order of time only."""
    told = [
        line.strip() for line in host.run(r"grep -o '\"release\":\"[0-9a-f]*\"' /var/log/nginx/access.json | tail -n 20000").splitlines()
    ]
    of = [line.split('"')[3] for line in told if line.split('"')[3] in (old, new)]
    first_new, last_old = of.index(new), len(of) - 1 - of[::-1].index(old)
    both = of[first_new:last_old]
    assert both.count(old) > 20 and both.count(new) > 20, (both.count(old), both.count(new))


@only_full
def test_a_release_that_never_gets_ready_is_undone_in_its_first_batch(host: Host) -> None:
    build("broken-never-ready", "never-ready")
    before, version = look(host), host.version()
    with Users(host, rate=30) as users:
        done = host.deploy("broken-never-ready", **ROLLING)
        result = users.check(cuts=1)
    assert not done.ok and done.rollout["undone"] is True
    after = look(host)
    assert after.leftovers() == [] and (after.served, after.lives()) == (before.served, before.lives())
    assert set(result.versions) == {version}


@only_full
@pytest.mark.parametrize(
    "moment", [Moment("drain", 0.3), Moment("stop", after=True), Moment("hand_over", 0.3), Moment("stop", 0.2, nth=4)], ids=str
)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["undone", "killed"])
def test_cut_off_in_the_midst_of_it(host: Host, unseen: str, moment: Moment, number: int) -> None:
    before = look(host)
    with Users(host, rate=30) as users:
        with Killer(host, moment, number) as killer:
            done = host.deploy(unseen, **ROLLING)
            killer.wait()
        assert not done.ok
        if number == signal.SIGKILL:
            assert look(host).upstream_ports != []
            done = host.deploy(unseen, **ROLLING)
            assert done.ok, done.output[-4000:]
        users.check(cuts=2 * SHIFTS)
    after = look(host)
    assert after.leftovers() == []
    if number == signal.SIGTERM:
        assert (after.served, after.kept) == (before.served, before.kept)
        assert journal(host)[-1].get("outcome") == "undone"
    else:
        assert after.versions[after.served] == unseen
