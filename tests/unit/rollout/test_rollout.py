"""Rollouts on a host that exists only here, with something going wrong at each place."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from unit.rollout.fakes import FakeBackend, FakeEdge, Faults, RolloutClock

from ansible_collections.steady.deploy.plugins.module_utils.core import journal as journals
from ansible_collections.steady.deploy.plugins.module_utils.core.errors import GateError, SteadyError
from ansible_collections.steady.deploy.plugins.module_utils.core.journal import Journal
from ansible_collections.steady.deploy.plugins.module_utils.edge.base import Served, Upstream
from ansible_collections.steady.deploy.plugins.module_utils.rollout.executor import Executor
from ansible_collections.steady.deploy.plugins.module_utils.rollout.observed import Accessory
from ansible_collections.steady.deploy.plugins.module_utils.rollout.rollout import Rollout
from ansible_collections.steady.deploy.plugins.module_utils.rollout.spec import Options, Service, Wish

SERVICES = (
    Service("web", "web", "", "app:1", replicas=2, port=8000),
    Service("queue", "worker", "", "app:1"),
    Service("clock", "singleton", "", "app:1"),
    Service("migrate", "job", "", "app:1", before_start=True),
    Service("warm", "job", "", "app:1"),
)
LONG_RUNNING = ("web", "queue", "clock")
ALL_OF_OLD = {"old web", "old queue", "old clock"}
ALL_OF_NEW = {"new web", "new queue", "new clock"}


class Host:
    """Everything one rollout needs. Release old is served, older is kept, new is wanted."""

    judge_traffic = None

    def __init__(self, folder: Path, *, first: bool = False, **options) -> None:
        self.clock = RolloutClock()
        self.faults = Faults()
        self.wish = Wish("hotel", "new", SERVICES)
        self.backend = FakeBackend(self.wish, self.faults)
        self.path = str(folder / "journal.jsonl")
        served = Served("hotel", None)
        if not first:
            for release in ("older", "old"):
                self.backend.have(release, running=release == "old")
                self.journal().write("closed", release=release, outcome="ok")
            served = Served("hotel", "old", (Upstream("web", self.backend.ports("old")["web"]),))
        self.edge = FakeEdge(self.backend, self.clock, self.faults, served)
        self.options = Options(**options)

    def journal(self) -> Journal:
        return Journal(self.path, "run", self.clock)

    def go(self):
        """One run of the module, as far as the engine goes. Returns the plan."""
        journal = self.journal()
        self.executor = Executor("hotel", self.backend, self.edge, journal, self.clock, self.options, judge_traffic=self.judge_traffic)
        rollout = Rollout(self.wish, self.options, self.backend, self.edge, journal, self.executor, self.path)
        observed = rollout.observe()
        self.faults.log.clear()
        steps = rollout.plan(observed)
        rollout.run(observed, steps)
        return steps

    def fails(self) -> SteadyError:
        with pytest.raises(SteadyError) as caught:
            self.go()
        return caught.value

    @property
    def entries(self) -> list[dict]:
        return journals.read(self.path)

    @property
    def unfinished(self) -> bool:
        return journals.unfinished(self.entries)


@pytest.fixture
def host(tmp_path):
    return Host(tmp_path)


ORDER = [
    "create new",
    "job new migrate",
    "start new web",
    "hold new web",
    "job new warm",
    "shift new",
    "drain web 20100",
    "start new queue",
    "stop old clock",
    "start new clock",
    "hold new queue clock",
    "stop old queue",
]
AFTER = ["remove older", "stop old web"]


def test_a_rollout_then_nothing_left_to_do(host):
    plan = host.go()
    assert host.faults.log == ORDER + AFTER
    assert host.edge.now == Served("hotel", "new", (Upstream("web", (20000, 20001)),))
    assert host.backend.running(*LONG_RUNNING) == ALL_OF_NEW
    assert journals.served_before(host.entries)[0] == "new"
    assert not host.unfinished
    events = [entry["event"] for entry in host.entries]
    assert events.count("step") == events.count("done") == len(host.executor.timeline) == len(plan)
    assert host.executor.drained.requests_finished == 1
    assert [gate["service"] for gate in host.executor.gates] == ["web", "queue", "clock"]
    size = os.path.getsize(host.path)
    assert host.go() == ()
    assert (host.faults.log, os.path.getsize(host.path)) == ([], size)


@pytest.mark.parametrize("fault", [GateError("it broke"), ValueError("it broke")], ids=["error", "bug"])
@pytest.mark.parametrize("call", ORDER)
def test_whatever_fails_the_old_release_serves_as_before(host, call, fault):
    before = host.backend.containers.copy()
    host.faults.wrong[call] = fault
    failure = host.fails()
    assert "it broke" in failure.message
    assert failure.message.endswith(". Undone: release old serves as before")
    assert failure.facts["undone"] is True
    assert host.edge.now.release == "old"
    assert host.backend.containers == before
    assert not host.unfinished
    assert host.entries[-1] | {"at": 0} == {"at": 0, "rollout": "run", "event": "closed", "release": "old", "outcome": "undone"}
    assert journals.served_before(host.entries) == ["old", "older"]
    assert [entry for entry in host.executor.timeline if "failed" in entry]
    assert [entry["error"] for entry in host.entries if entry["event"] == "failed"]
    # The next run has the same way before it, and goes it.
    host.go()
    assert host.backend.running(*LONG_RUNNING) == ALL_OF_NEW


def test_a_shift_that_was_taken_back_is_drained_before_the_release_goes(host):
    host.faults.wrong["shift new"] = SteadyError("not seen through the edge")
    host.fails()
    assert host.faults.log[-2:] == ["drain web 20000", "remove new"]


def test_a_bug_is_told_as_one_sentence(host):
    host.faults.wrong["start new web"] = KeyError("oops")
    failure = host.fails()
    assert failure.message == (
        "unexpected KeyError while the rollout was to start web of release new: 'oops'. Undone: release old serves as before"
    )
    assert "Traceback" in failure.facts["exception"]


def test_a_first_rollout_that_fails_leaves_nothing(tmp_path):
    host = Host(tmp_path, first=True)
    host.faults.wrong["start new queue"] = SteadyError("it broke")
    assert host.fails().message == "it broke. Undone: nothing is served, as before"
    assert host.edge.now == Served("hotel", None)
    assert host.backend.containers == {}


@pytest.mark.parametrize("fault", [SteadyError("no way"), ValueError("no way")], ids=["error", "bug"])
@pytest.mark.parametrize("call", ["observe", "shift old", "start old clock", "remove new"])
def test_a_way_back_that_fails_is_told_and_stays_unfinished(host, call, fault):
    host.faults.wrong["hold new queue clock"] = GateError("clock is ill")
    original = host.backend.observe

    def observe(history):
        # The first look is not the one that is meant.
        result = original(history)
        host.faults.wrong[call] = fault
        return result

    host.backend.observe = observe
    failure = host.fails()
    assert failure.message.startswith("clock is ill. The way back failed too: ")
    assert failure.message.endswith("no way; run the play again once that is mended")
    assert failure.facts["undone"] is False
    assert host.unfinished
    host.backend.observe = original
    host.faults.wrong.clear()
    host.go()
    assert not host.unfinished
    assert host.backend.running(*LONG_RUNNING) == ALL_OF_NEW


@pytest.mark.parametrize("fault", [SteadyError("interrupted by SIGTERM"), ValueError("busy")], ids=["signal", "bug"])
@pytest.mark.parametrize("call", AFTER)
def test_what_is_left_to_tidy_up_is_a_warning(host, call, fault):
    host.faults.wrong[call] = fault
    host.go()
    (warning,) = host.executor.warnings
    assert warning.startswith("could not ")
    assert str(fault).split()[-1] in warning
    assert warning.endswith("; the next run tries again")
    assert host.edge.now.release == "new"
    assert not host.unfinished
    host.go()
    assert host.faults.log[-1] == call
    assert not {"shift new", "start new web"} & set(host.faults.log)
    assert host.executor.warnings == []


def test_a_run_killed_anywhere_is_finished_by_the_next(tmp_path):
    for call in ORDER + AFTER:
        folder = tmp_path / call.replace(" ", "-")
        folder.mkdir()
        host = Host(folder)
        host.faults.wrong[call] = KeyboardInterrupt()  # nothing catches it, so nothing is undone
        with pytest.raises(KeyboardInterrupt):
            host.go()
        assert host.unfinished
        host.go()
        assert not host.unfinished
        assert host.edge.now.release == "new"
        assert host.backend.running(*LONG_RUNNING) == ALL_OF_NEW
        assert set(host.backend.plans) == {"old", "new"}


def test_a_rerun_that_fails_behind_the_shift_goes_back_to_the_whole_release(host):
    host.faults.wrong["start new clock"] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        host.go()
    assert host.edge.now.release == "new"
    host.faults.wrong["stop old queue"] = SteadyError("it broke")
    assert host.fails().message == "it broke. Undone: release old serves as before"
    assert host.edge.now.release == "old"
    assert host.backend.running(*LONG_RUNNING) == ALL_OF_OLD
    assert not host.unfinished


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"status": "exited", "exit_code": 3}, "exited with code 3"),
        ({"restarts": 1}, "restarted"),
        ({"started_at": "2"}, "restarted"),
        ({"health": "unhealthy"}, "became unhealthy"),
        ({"status": "paused"}, "is paused"),
        (None, "was removed"),
    ],
)
@pytest.mark.parametrize("drain_takes", [0.0, 5.0], ids=["watching", "draining"])
def test_what_happens_to_the_new_release_is_noticed(host, changes, said, drain_takes):
    def happen():
        if changes is None:
            del host.backend.containers["new-web-1"]
        else:
            host.backend.change("new-web-1", **changes)

    host.edge.drain_takes = drain_takes
    host.clock.after.append((host.clock.time + 1.0, happen))
    failure = host.fails()
    last = "" if changes is None else "; its log says: last words of new-web-1"
    assert failure.message == f"service web (new-web-1) {said} after it was ready{last}. Undone: release old serves as before"
    assert host.backend.running(*LONG_RUNNING) == ALL_OF_OLD
    # It is noticed at once, not at the end of the drain.
    assert host.clock.time < 1000 + 1.0 + 0.6 + drain_takes
    assert any("drain" in entry["action"] or "watch" in entry["action"] for entry in host.executor.timeline if "failed" in entry)


def test_a_fault_of_the_hosts_disk_is_told_plainly(host):
    host.faults.wrong["create new"] = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/var/lib/steady/hotel/releases/new")
    said = host.fails().message
    assert said.startswith(
        "could not create release new and plug its accessories in: No space left on device (/var/lib/steady/hotel/releases/new)"
    )
    assert said.endswith("; look at the disk it is on. Undone: release old serves as before")


def test_the_watch_lasts_its_time_after_the_shift(tmp_path):
    host = Host(tmp_path, watch=4.0)
    host.edge.drain_takes = 1.0
    host.go()
    assert 1003.9 <= host.clock.time <= 1004.3


def test_a_release_that_users_fare_badly_with_is_gone_back_from_whatever_they_meet_on_the_way(tmp_path):
    host = Host(tmp_path, watch=5.0)
    host.edge.drain_takes = 1.0

    def badly(step):
        if step.action == "watch" or "start old queue" in host.faults.log:
            raise GateError("release new is slow")

    host.judge_traffic = badly
    # The old workers are there no more by then: the way back starts them, and waits until they are ready.
    failure = host.fails()
    assert failure.message == "release new is slow. Undone: release old serves as before"
    assert "hold old queue clock" in host.faults.log
    assert host.backend.running(*LONG_RUNNING) == ALL_OF_OLD


def test_a_full_disk_is_undone_and_told(host, monkeypatch):
    write, full = os.write, []

    def os_write(handle, data):
        if full or b'"action": "start", "at"' in data:
            full.append(True)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(handle, data)

    monkeypatch.setattr(os, "write", os_write)
    failure = host.fails()
    said = f"the journal {host.path} can't be written: No space left on device; look at the disk it is on"
    assert failure.message == f"{said}. Undone: release old serves as before"
    assert host.backend.running(*LONG_RUNNING) == ALL_OF_OLD
    assert "new" not in host.backend.plans
    # What could not be written is not forgotten: the next run looks closely.
    assert host.unfinished


def test_changed_accessories_wait_for_the_parameter(tmp_path):
    for update in (False, True):
        folder = tmp_path / str(update)
        folder.mkdir()
        host = Host(folder, update_accessories=update)
        host.backend.accessories = (Accessory("db", True, True, False),)
        host.go()
        assert ("base_up db" in host.faults.log) is update


def test_ports_that_moved_are_shifted_to(host):
    host.go()
    host.edge.now = Served("hotel", "new", (Upstream("web", (1, 2)),))
    plan = host.go()
    assert host.faults.log == ["hold new web", "shift new"]
    assert [step.action for step in plan] == ["gate", "shift", "watch"]
    assert host.edge.now.ports() == {"web": (20000, 20001)}


def test_a_lost_journal_still_keeps_the_served_release_to_go_back_to(host):
    os.unlink(host.path)
    host.go()
    assert "old" in host.backend.plans and "stop old web" in host.faults.log and "remove old" not in host.faults.log
    # Nor does the next run take it for one that never was whole.
    assert host.go() == ()
    assert "old" in host.backend.plans
