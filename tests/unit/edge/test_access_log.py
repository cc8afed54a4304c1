"""Reading the edge's access log while it grows, is rotated, cut, or not there."""

from __future__ import annotations

import json
import os

import pytest

from ansible_collections.steady.deploy.plugins.module_utils.edge import access_log
from ansible_collections.steady.deploy.plugins.module_utils.edge.access_log import AccessLog, parse
from ansible_collections.steady.deploy.plugins.module_utils.rollout.traffic import Answer

LINE = {
    "time": "2026-11-21T13:45:08+00:00",
    "epoch": 1795268708.034,
    "client": "192.0.2.7",
    "method": "GET",
    "uri": "/",
    "status": 200,
    "seconds": 0.104,
    "app": "hotel",
    "release": "8a5185baaaa5",
    "stream": "",
    "upstream": "127.0.0.1:20000",
    "upstream_status": "200",
    "upstream_seconds": "0.005",
    "agent": "curl/8.0",
}


def line(**changes):
    return (json.dumps({**LINE, **changes}, separators=(",", ":")) + "\n").encode()


def read(**changes):
    return parse(line(**changes), "hotel")


@pytest.fixture
def path(tmp_path):
    there = tmp_path / "access.json"
    there.write_bytes(b"")
    return there


def append(path, *lines):
    with path.open("ab") as stream:
        stream.write(b"".join(lines))


def releases(answers):
    return [answer.release for answer in answers]


# --- one line ---------------------------------------------------------------------------------------


def test_a_line_is_read():
    assert read() == Answer(1795268708.034, "8a5185baaaa5", 200, 0.005)


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("0.005", 0.005), ("0.500, 0.250", 0.75), ("0.500 : 0.250", 0.75), ("-, 0.250", 0.25), ("-", None), ("", None), (None, None)],
)
def test_latency_is_what_all_asked_replicas_took(said, seconds):
    """Not `seconds`: that is how long the user's line took."""
    assert read(upstream_seconds=said).seconds == seconds


@pytest.mark.parametrize("how", [{"status": 101}, {"stream": "1"}])
def test_a_stream_has_no_latency(how):
    answer = read(upstream_seconds="3600.0", **how)
    assert answer is not None
    assert answer.seconds is None


@pytest.mark.parametrize(
    "how", [{"app": "shop"}, {"release": ""}, {"upstream": ""}, {"agent": "steady-deploy"}], ids=["app", "none", "the edge itself", "ours"]
)
def test_what_no_release_answered_to_a_user_is_left_out(how):
    assert read(**how) is None


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\n",
        line()[:100],
        line()[40:],
        b'192.0.2.7 - - [21/Nov/2026:13:45:08 +0000] "GET / HTTP/1.1" 200 413 hotel\n',
        b"[1, 2]",
        b'"hotel"',
        b"null",
        b'{"app": "hotel"}',
        b'{"app": "hotel", "release": "x", "status": "-", "epoch": 1}',
        b'{"app": "hotel", "release": "x", "status": 200, "time": "yesterday"}',
        b'{"app": "hotel", "release": "x", "status": 200}',
        b"\xff\xfe\x00hotel",
        b"[" * 100000,
    ],
)
def test_a_line_that_is_cut_or_foreign_is_passed_over(text):
    assert parse(text, "hotel") is None


def test_a_line_of_a_role_before_this_one_has_its_time_in_whole_seconds():
    old = {key: value for key, value in LINE.items() if key not in ("epoch", "stream")}
    assert parse(json.dumps(old).encode(), "hotel") == Answer(1795268708.0, "8a5185baaaa5", 200, 0.005)


# --- the file ---------------------------------------------------------------------------------------


def test_only_what_is_new_is_read(path):
    append(path, line(release="before"))
    log = AccessLog(str(path), "hotel")
    assert log.new() == []
    append(path, line(release="one"), line(app="shop"), line(release="two"))
    assert releases(log.new()) == ["one", "two"]
    assert log.new() == []


def test_a_line_that_is_being_written_is_read_once_it_is_whole(path):
    log = AccessLog(str(path), "hotel")
    whole = line(release="one")
    append(path, whole[:70])
    assert log.new() == []
    append(path, whole[70:], line(release="two"))
    assert releases(log.new()) == ["one", "two"]


def test_the_time_before_is_read_up_to_the_start(path):
    append(path, line(release="long ago", epoch=100.0), line(release="lately", epoch=500.0))
    log = AccessLog(str(path), "hotel")
    append(path, line(release="after"))
    assert releases(log.before(400.0)) == ["lately"]
    assert releases(log.new()) == ["after"]


def test_of_a_large_log_only_the_end_is_read(path, monkeypatch):
    monkeypatch.setattr(access_log, "_TAIL", 5 * len(line(release="old")))
    append(path, *[line(release="old")] * 1000)
    # The first of them is cut, unless the end is met by chance.
    assert len(AccessLog(str(path), "hotel").before(0.0)) in (4, 5)


def test_of_a_flood_the_newest_is_read(path, monkeypatch):
    log = AccessLog(str(path), "hotel")
    monkeypatch.setattr(access_log, "_LOOK", 10 * len(line(release="last")) + 5)
    append(path, *[line(release="old")] * 1000, *[line(release="last")] * 10)
    assert releases(log.new()) == ["last"] * 10
    append(path, line(release="next"))
    assert releases(log.new()) == ["next"]


def test_a_rotation_by_renaming_loses_nothing(path, tmp_path):
    log = AccessLog(str(path), "hotel")
    append(path, line(release="one"))
    path.rename(tmp_path / "access.json.1")
    assert releases(log.new()) == ["one"]
    # Nginx writes to the old file until it is told to reopen.
    append(tmp_path / "access.json.1", line(release="two"))
    assert releases(log.new()) == ["two"]
    append(tmp_path / "access.json.1", line(release="three"))
    append(path, line(release="four"))
    assert releases(log.new()) == ["three", "four"]
    append(tmp_path / "access.json.1", line(release="five"))
    append(path, line(release="six"))
    assert releases(log.new()) == ["five", "six"]
    assert not log.missing


def test_a_second_rotation_lets_go_of_the_first_file(path, tmp_path):
    log = AccessLog(str(path), "hotel")
    before = len(os.listdir("/proc/self/fd"))
    for number in range(5):
        path.rename(tmp_path / f"access.json.{number}")
        append(path, line(release=str(number)))
        assert releases(log.new()) == [str(number)]
    assert len(os.listdir("/proc/self/fd")) == before + 1


def test_a_truncation_starts_anew(path):
    append(path, *[line(release="old")] * 10)
    log = AccessLog(str(path), "hotel")
    append(path, line(release="one"))
    assert releases(log.new()) == ["one"]
    path.write_bytes(b"")
    append(path, line(release="two"))
    assert releases(log.new()) == ["two"]


def test_a_log_that_is_missing_is_said_and_found_once_it_comes(path):
    path.unlink()
    log = AccessLog(str(path), "hotel")
    assert log.missing
    assert log.before(0.0) == log.new() == []
    append(path, line(release="one"))
    assert releases(log.new()) == ["one"]
    assert not log.missing


def test_what_is_no_file_is_no_log(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for name in ("", "/dev/null", str(tmp_path), str(tmp_path / "pipe")):
        log = AccessLog(name, "hotel")
        assert log.missing
        assert log.new() == []
