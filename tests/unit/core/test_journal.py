"""The journal: what it says after crashes, damage and years."""

from __future__ import annotations

import os

import pytest

from ansible_collections.steady.deploy.plugins.module_utils.core import journal as journals
from ansible_collections.steady.deploy.plugins.module_utils.core.clock import SystemClock
from ansible_collections.steady.deploy.plugins.module_utils.core.errors import SteadyError
from ansible_collections.steady.deploy.plugins.module_utils.core.journal import Journal


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "journal.jsonl")


def events(path):
    return [entry["event"] for entry in journals.read(path)]


def test_entries_come_back_in_order_readable_by_root_only(path):
    told = []
    journal = Journal(path, "r1", SystemClock(), told.append)
    journal.write("opened", release="a", steps=["ein Schritt: schön"])
    journal.write("closed", release="a", outcome="ok")
    assert journals.read(path) == told
    assert told[0]["rollout"] == "r1"
    assert told[0]["steps"] == ["ein Schritt: schön"]
    assert os.stat(path).st_mode & 0o777 == 0o600
    assert journals.read(path + ".none") == []


@pytest.mark.parametrize("damage", [b'{"event": "op', b"\0\0\0\0", b"\xff\xfe", b"[1, 2]\n", b'{"event": 7}\n', b'"text"\n', b"\n"])
def test_a_damaged_line_costs_only_itself(path, damage):
    journal = Journal(path, "r1", SystemClock())
    journal.write("opened", release="a")
    with open(path, "ab") as stream:
        stream.write(damage)
    journal.write("closed", release="a", outcome="ok")
    assert events(path) == ["opened", "closed"]


def test_served_before_is_told_latest_first_and_once(path):
    journal = Journal(path, "r1", SystemClock())
    for release, outcome in [("a", "ok"), ("b", "ok"), ("a", "ok"), ("c", "undone"), ("d", "ok")]:
        journal.write("opened", release=release)
        journal.write("closed", release=release, outcome=outcome)
    journal.write("closed", release=None, outcome="ok")
    assert journals.served_before(journals.read(path)) == ["d", "a", "b"]


def test_a_removed_release_is_complete_only_when_it_was_rolled_out_again(path):
    journal = Journal(path, "r1", SystemClock())
    for release in ("a", "b"):
        journal.write("closed", release=release, outcome="ok")
        journal.write("step", release=release, action="remove")
    assert journals.served_before(journals.read(path)) == []
    journal.write("step", release="a", action="create")
    assert journals.served_before(journals.read(path)) == []
    journal.write("closed", release="a", outcome="ok")
    assert journals.served_before(journals.read(path)) == ["a"]


@pytest.mark.parametrize(
    ("written", "unfinished"),
    [
        ([], False),
        (["opened", "step"], True),
        (["opened", "step", "closed"], False),
        (["opened", "closed", "opened", "undo", "undo_failed"], True),
        (["opened", "opened", "closed", "step"], False),
    ],
)
def test_unfinished_is_opened_and_never_closed(path, written, unfinished):
    journal = Journal(path, "r1", SystemClock())
    for event in written:
        journal.write(event)
    assert journals.unfinished(journals.read(path)) is unfinished


def test_a_large_journal_loses_its_older_half(path, monkeypatch):
    journal = Journal(path, "r1", SystemClock())
    for number in range(10):
        journal.write("step", number=number)
    journal.trim()
    assert len(events(path)) == 10, "a small one is left alone"
    monkeypatch.setattr(journals, "MAX_BYTES", 100)
    journal.trim()
    assert [entry["number"] for entry in journals.read(path)] == [5, 6, 7, 8, 9]
    assert os.stat(path).st_mode & 0o777 == 0o600
    journal.write("closed")
    assert events(path)[-1] == "closed"


def test_an_entry_is_on_disk_before_write_returns(path, monkeypatch):
    synced = []
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda handle: (synced.append(events(path)), fsync(handle)))
    Journal(path, "r1", SystemClock()).write("opened")
    assert synced == [["opened"]]


def test_a_journal_that_cant_be_written_is_told(tmp_path):
    path = str(tmp_path / "gone" / "journal.jsonl")
    journal = Journal(path, "r1", SystemClock())
    with pytest.raises(SteadyError) as caught:
        journal.write("opened")
    assert caught.value.message == f"the journal {path} can't be written: No such file or directory; look at the disk it is on"
    journal.lenient = True
    journal.write("undo")


@pytest.mark.parametrize(
    ("written", "whole"),
    [
        (["done", "done"], True),
        (["done"], False),
        (["done", "failed"], False),
        (["done", "failed", "undo", "done", "done"], False),
        (["done", "paused", "done"], False),
    ],
)
def test_a_rollout_that_did_all_its_steps_needs_no_end(path, written, whole):
    journal = Journal(path, "r1", SystemClock())
    journal.write("opened", release="a", steps=["one", "two"])
    for event in written:
        journal.write(event)
    entries = journals.read(path)
    assert (journals.served_before(entries) == ["a"]) is whole
    assert journals.unfinished(entries) is not whole
