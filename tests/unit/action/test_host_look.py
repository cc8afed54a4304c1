"""The look that runs on the managed host: what is news, what is past, and when it stops waiting."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import threading
import time

import pytest

from ansible_collections.steady.deploy.plugins.plugin_utils import host_look


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "lock").touch()
    write(tmp_path, {"event": "closed", "rollout": "old", "at": 1.0})
    return tmp_path


def write(folder, *entries):
    with open(folder / "journal.jsonl", "a", encoding="utf-8") as stream:
        stream.writelines(json.dumps(entry) + "\n" for entry in entries)


def look(folder, last=None, patience=0.0, patience_held=0.0):
    inode, offset, held = (last["inode"], last["offset"], last["held"]) if last else (0, -1, False)
    return host_look.look(str(folder), inode, offset, held, patience, patience_held)


def hold(folder):
    handle = os.open(folder / "lock", os.O_RDWR)
    fcntl.flock(handle, fcntl.LOCK_EX)
    return handle


def test_the_first_look_tells_the_past_apart_from_the_news(folder):
    first = look(folder)
    assert first["lines"] == []
    assert [json.loads(line)["rollout"] for line in first["before"]["lines"]] == ["old"]
    assert first["before"]["held"] is False and first["held"] is False
    write(folder, {"event": "opened", "rollout": "new"})
    second = look(folder, first, patience=5.0)
    assert [json.loads(line)["rollout"] for line in second["lines"]] == ["new"]
    assert "before" not in second
    assert look(folder, second)["lines"] == []


def test_a_line_half_written_is_left_for_the_next_look(folder):
    first = look(folder)
    with open(folder / "journal.jsonl", "a", encoding="utf-8") as stream:
        stream.write('{"event": "st')
    second = look(folder, first)
    assert second["lines"] == []
    with open(folder / "journal.jsonl", "a", encoding="utf-8") as stream:
        stream.write('ep"}\n')
    assert look(folder, second)["lines"] == ['{"event": "step"}']


def test_it_stops_waiting_when_the_lock_is_let_go_and_brings_what_was_left(folder):
    handle = hold(folder)
    first = look(folder)
    assert first["held"] is True and first["before"]["held"] is True

    def end():
        (folder / "result.json").write_text(json.dumps({"rollout": "new", "result": {"changed": True}}))
        os.close(handle)

    timer = threading.Timer(0.2, end)
    timer.start()
    begun = time.monotonic()
    second = look(folder, first, patience=0.0, patience_held=30.0)
    timer.join()
    assert time.monotonic() - begun < 20
    assert second["held"] is False
    assert second["result"] == {"rollout": "new", "result": {"changed": True}}
    assert second["result_id"] != first["result_id"]


def test_a_lock_taken_while_it_waits_makes_it_wait_for_its_end(folder):
    handles = []
    take = threading.Timer(0.1, lambda: handles.append(hold(folder)))
    give = threading.Timer(0.6, lambda: os.close(handles[0]))
    take.start()
    give.start()
    begun = time.monotonic()
    found = look(folder, patience=20.0, patience_held=30.0)
    take.join()
    give.join()
    # Had it not noticed the lock, it would have waited on.
    assert time.monotonic() - begun < 15
    assert found["held"] is False
    assert found["before"]["held"] is False


def test_a_journal_that_was_trimmed_meanwhile_brings_nothing_twice(folder):
    first = look(folder)
    (folder / "new").write_text('{"event": "closed"}\n' * 100)
    (folder / "new").replace(folder / "journal.jsonl")
    second = look(folder, first)
    assert second["lines"] == []
    write(folder, {"event": "opened"})
    assert look(folder, second)["lines"] == ['{"event": "opened"}']


def test_on_a_host_without_anything_it_finds_nothing(tmp_path):
    found = look(tmp_path / "none")
    assert (found["lines"], found["held"], found["offset"]) == ([], False, 0)


def test_it_runs_from_standard_input_as_the_action_sends_it(folder):
    with open(host_look.__file__, encoding="utf-8") as script:
        argv = [sys.executable, "-", str(folder), "0", "-1", "0", "0", "0"]
        done = subprocess.run(argv, stdin=script, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["offset"] > 0
