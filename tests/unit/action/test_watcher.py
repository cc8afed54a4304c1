"""Watching a rollout: nothing is lost or told twice, nothing goes wrong in it, and the result is found again."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import pytest

from ansible_collections.steady.deploy.plugins.plugin_utils import watcher as watchers
from ansible_collections.steady.deploy.plugins.plugin_utils.watcher import Before, Sight, Watcher

NOW = 1_000_000.0


class FakeHost:
    """Answers looks one after the other; an exception among them is raised. At the end nothing is new any more."""

    def __init__(self, *sights):
        self.sights = list(sights)
        self.asked = []
        self.over = threading.Event()

    def look(self, last):
        self.asked.append(last)
        if self.sights:
            self.last = self.sights.pop(0)
        else:
            # What the last look brought was dealt with.
            self.over.set()
            time.sleep(0.01)
            self.last = self.last if isinstance(self.last, BaseException) else replace(self.last, entries=[])
        if isinstance(self.last, BaseException):
            raise self.last
        return self.last


def entry(event, rollout="mine", at=NOW + 1):
    return {"event": event, "rollout": rollout, "at": at}


def sight(*entries, held=True, result_id=1, result=None, before=None):
    return Sight(1, 10, held, not held, [result_id], list(entries), result, before)


def before(*entries, held=False):
    return Before(NOW, held, [1], list(entries))


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(watchers, "_PAUSE", 0.01)


def watch(*sights):
    host, told = FakeHost(*sights), []
    watcher = Watcher(host.look, lambda entry, others: told.append((entry["event"], others)))
    watcher.start()
    while watcher._thread.is_alive() and not host.over.wait(0.01):
        pass
    return watcher, host, told


def test_entries_are_told_once_in_order_and_the_past_is_not():
    watcher, host, told = watch(
        sight(before=before(entry("closed", "old", NOW - 50))), sight(entry("opened")), sight(entry("step"), entry("closed"), held=False)
    )
    watcher.stop(5)
    assert told == [("opened", False), ("step", False), ("closed", False)]
    assert watcher.begun and host.asked[0] is None and host.asked[1].held


def test_what_the_module_wrote_before_the_first_look_is_told_too():
    # The clock of the host as the look begins, and the look is some moments old.
    mine = entry("opened", at=NOW + 0.5)
    watcher, _host, told = watch(sight(entry("step"), held=False, before=before(entry("closed", "old", NOW - 50), mine)))
    watcher.stop(5)
    assert told == [("opened", False), ("step", False)]


def test_the_run_of_somebody_else_is_told_as_such_and_its_result_is_not_ours():
    theirs = {"rollout": "theirs", "result": {"changed": True}}
    watcher, _host, told = watch(
        sight(before=before(entry("step", "theirs", NOW - 5), held=True)),
        sight(entry("closed", "theirs"), held=False, result_id=2, result=theirs),
    )
    watcher.stop(5)
    assert told == [("closed", True)]
    assert not watcher.begun and watcher.result is None


def test_a_look_that_fails_is_tried_again_and_at_last_given_up_in_silence():
    watcher, _host, told = watch(OSError("gone"), sight(entry("opened"), held=False, before=before()))
    watcher.stop(5)
    assert told == [("opened", False)]
    watcher, host, told = watch(*[OSError("gone")] * 5)
    watcher._thread.join(5)
    assert not watcher._thread.is_alive() and len(host.asked) == 5 and told == []


def test_a_result_left_before_is_not_taken_for_this_ones():
    old = {"rollout": "old", "result": {}}
    watcher, _host, _told = watch(sight(before=before()), sight(entry("opened"), held=False, result_id=1, result=old))
    watcher.stop(5)
    assert watcher.result is None


def test_after_a_lost_connection_it_follows_to_the_end_and_has_the_result():
    mine = {"rollout": "mine", "result": {"changed": True}}
    sights = [
        sight(entry("opened"), before=before()),
        *[ConnectionError()] * 7,
        sight(entry("closed"), held=False, result_id=2, result=mine),
    ]
    host, told = FakeHost(*sights), []
    watcher = Watcher(host.look, lambda entry, _others: told.append(entry["event"]))
    watcher.start()
    assert watcher.follow(5.0)
    assert told == ["opened", "closed"] and watcher.result == mine


def test_a_host_that_stays_away_is_given_up():
    watcher, _host, _told = watch(sight(entry("opened"), before=before()), ConnectionError())
    assert watcher.begun
    assert not watcher.follow(0.1)


def test_the_thread_is_over_before_the_task_is():
    """One that is cut off while it shows something leaves the queue of all workers locked."""
    # Nothing ever began; somebody else is at it; ours has ended.
    for last in (
        sight(held=False, before=before()),
        sight(before=before(entry("step", "theirs", NOW - 5), held=True)),
        sight(entry("closed"), held=False, before=before()),
    ):
        watcher, host, _told = watch(last)
        watcher.stop(5)
        assert not watcher._thread.is_alive()
    # Once ours has let go nothing more can come: no further look.
    assert len(host.asked) == 1
