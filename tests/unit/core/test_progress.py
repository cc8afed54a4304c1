"""How often news are told, and that the journal's readers and its safety know nothing of them."""

from __future__ import annotations

import os

from ansible_collections.steady.deploy.plugins.module_utils.core import journal as journals
from ansible_collections.steady.deploy.plugins.module_utils.core.journal import Journal
from ansible_collections.steady.deploy.plugins.module_utils.core.progress import AGAIN, APART, Pace


class StillClock:
    def __init__(self):
        self.time = 100.0

    def now(self):
        return self.time

    def monotonic(self):
        return self.time


def test_news_are_told_at_most_so_often_and_only_the_latest():
    pace = Pace()
    assert pace.offer(0.0, "gate", "web-1", {"asked": 1}, {"ok": False}) == [{"subject": "gate", "name": "web-1", "asked": 1, "ok": False}]
    assert pace.offer(0.1, "gate", "web-2", {"asked": 1}, {"ok": False}) == []
    assert pace.offer(0.2, "gate", "web-2", {"asked": 2}, {"ok": True}) == []
    due = pace.offer(APART, "gate", "web-1", {"asked": 3}, {"ok": True})
    assert [(news["name"], news["asked"], news["ok"]) for news in due] == [("web-2", 2, True), ("web-1", 3, True)]


def test_what_has_not_changed_is_told_again_now_and_then():
    pace = Pace()
    told = [at for at in range(60) if pace.offer(float(at), "job", "migrate", {"seconds": at}, {"runs": True})]
    assert told == list(range(0, 60, int(AGAIN)))


def test_what_came_between_and_is_over_is_not_told():
    pace = Pace()
    pace.offer(0.0, "gate", "web-1", {}, {"ok": True})
    pace.offer(0.1, "gate", "web-1", {}, {"ok": False})
    pace.offer(0.2, "gate", "web-1", {}, {"ok": True})
    assert pace.rest(0.3) == []


def test_an_entry_of_the_journal_comes_after_the_news_before_it_and_is_no_news_to_readers(tmp_path):
    path, clock = str(tmp_path / "journal.jsonl"), StillClock()
    journal = Journal(path, "r1", clock)
    journal.write("opened", release="a", before="z")
    for asked in range(3):
        journal.tell("gate", "web-1", {"asked": asked}, ok=asked == 2)
    journal.write("closed", release="a", outcome="ok")
    entries = journals.read(path)
    assert [(entry["event"], entry.get("asked")) for entry in entries] == [
        ("opened", None),
        ("progress", 0),
        ("progress", 2),
        ("closed", None),
    ]
    assert journals.served_before(entries) == ["a"]
    assert not journals.unfinished(entries)
    assert journals.unfinished(entries[:-1]) and journals.started_from(entries[:-1]) == "z"


def test_news_that_cant_be_written_are_nobodys_loss(tmp_path, monkeypatch):
    journal = Journal(str(tmp_path / "none" / "journal.jsonl"), "r1", StillClock())
    journal.tell("gate", "web-1", ok=True)
    synced = []
    monkeypatch.setattr(os, "fsync", synced.append)
    journal = Journal(str(tmp_path / "journal.jsonl"), "r1", StillClock())
    journal.tell("gate", "web-1", ok=True)
    assert synced == []
    journal.write("opened", release="a")
    assert len(synced) == 1


def test_trimming_drops_progress_first(tmp_path, monkeypatch):
    monkeypatch.setattr(journals, "MAX_BYTES", 500)
    path, clock = str(tmp_path / "journal.jsonl"), StillClock()
    journal = Journal(path, "r1", clock)
    for number in range(10):
        journal.write("closed", release=f"r{number}", outcome="ok")
        journal.tell("gate", "web-1", ok=bool(number % 2))
    journal.trim()
    assert [entry.get("release") for entry in journals.read(path)] == [f"r{number}" for number in range(5, 10)]
