"""The numbers of a result, against slow and obvious ways to get them."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st
from load import Config, Failure, Mark, Shape, WebSocketClient, render
from load.recorder import Recorder
from load.result import latency_of, max_gap

CONFIG = Config("http://127.0.0.1/", (Shape("get"), Shape("slow", rate=1)), rate=10, seconds=4)


def recorded(rows, seconds=4.0, **changes):
    """A result of (scheduled, done, shape index, version, failed) rows."""
    recorder = Recorder(CONFIG)
    for number, (scheduled, done, shape, version, failed) in enumerate(rows):
        recorder.requests += 1
        recorder.lags.append(0.0)
        name = CONFIG.shapes[shape].name
        failure = Failure(done, scheduled, name, "timeout", "late", b"\xff<", number) if failed else None
        recorder.record(scheduled, done, shape, version, failure)
    return dataclasses.replace(recorder.result(0.0, seconds, [], 0.1), **changes)


ROWS = [
    (0.0, 0.1, 0, "a", False),
    (0.5, 0.7, 0, "a", False),
    (0.6, 1.7, 1, "a", False),
    (1.0, 1.3, 0, None, True),
    (1.5, 2.5, 0, "b", False),
    (3.0, 3.1, 0, "b", False),
]


def test_totals_shapes_versions_and_timeline():
    result = recorded(ROWS)
    assert (result.requests, result.ok, result.failed) == (6, 5, 1) and not result.clean
    assert result.kinds() == {"timeout": 1}
    assert result.latency.count == 4 and result.latency.max == pytest.approx(1.0)
    assert result.shapes["slow"].latency.p50 == pytest.approx(1.1) and result.shapes["get"].failed == 1
    assert {name: (v.count, v.first, v.last) for name, v in result.versions.items()} == {
        "a": (3, 0.1, 1.7),
        "b": (2, 2.5, 3.1),
    }
    assert [(s.requests, s.ok, s.failed) for s in result.timeline] == [(3, 3, 0), (2, 1, 1), (0, 0, 0), (1, 1, 0)]
    assert result.timeline[1].versions == {"b": 1}
    # From 0.7 to 2.5: the slow request's success at 1.7 hides nothing.
    assert result.max_gap == pytest.approx(1.8)


def test_windows_by_time_and_by_mark():
    marks = (Mark("start", 9.0), Mark("start", 0.5), Mark("end", 1.6))
    result = recorded(ROWS, marks=marks)
    window = result.between("start", "end")
    assert (window.requests, window.ok, window.failed) == (4, 3, 1) and len(window.failures) == 1
    assert window.latency.count == 2 and window.latency.max == pytest.approx(1.0)
    assert window.versions == {"a": 2, "b": 1} and window.max_gap == pytest.approx(0.9)
    assert result.window(0.5, 1.6, shapes=["slow"]).latency.p50 == pytest.approx(1.1)
    assert result.window(0.5, 1.6, shapes=["slow"]).failures == ()
    assert result.window(3.5).requests == 0 and math.isnan(result.window(3.5).latency.p99)
    whole = result.window()
    assert (whole.requests, whole.ok, whole.latency, whole.max_gap) == (6, 5, result.latency, result.max_gap)
    with pytest.raises(KeyError, match="there are: start"):
        result.between("begin")


def test_nothing_sent_is_not_clean():
    assert not recorded([]).clean
    assert recorded([]).max_gap == 4.0


def test_a_lost_request_cannot_be_overlooked():
    recorder = Recorder(CONFIG)
    recorder.requests = 1
    with pytest.raises(AssertionError, match="1 requests were handed out but 0 were booked"):
        recorder.result(0.0, 1.0, [], 0.0)


def test_as_plain_data_for_json_and_for_people():
    result = recorded(ROWS, marks=(Mark("start", 1.0),))
    plain = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert plain["requests"] == 6 and plain["failures"][0]["first_bytes"] == "\\xff<"
    assert plain["timeline"][2]["latency"]["p99"] is None and plain["marks"] == [{"name": "start", "time": 1.0}]
    assert "samples" not in plain
    assert pickle.loads(pickle.dumps(result)).window(0, 4) == result.window(0, 4)
    text = render(result)
    assert "timeout: 1, first at 1.30 s, get: late" in text and "version b: 2 answers" in text
    assert "WARNING" not in text and "WARNING" in render(dataclasses.replace(result, lag_p99=0.1))


@given(st.lists(st.floats(0, 100), min_size=1))
def test_percentiles_are_values_with_enough_below(values):
    latency = latency_of(values)
    for share, value in ((0.5, latency.p50), (0.95, latency.p95), (0.99, latency.p99)):
        assert value in values
        assert sum(v <= value for v in values) >= share * len(values)
        assert sum(v < value for v in values) < share * len(values)
    assert latency.max == max(values) and latency.count == len(values)


@given(st.lists(st.floats(2, 8)), st.floats(0, 1), st.floats(9, 10))
def test_longest_gap(times, start, end):
    points = sorted([start, *times, end])
    assert max_gap(times, start, end) == max(b - a for a, b in itertools.pairwise(points))


def test_versions_without_end_do_not_fill_the_memory():
    result = recorded([(i / 1000, i / 1000, 0, f"v{i}", False) for i in range(1500)])
    assert len(result.versions) == 1001 and result.versions["(more than 1000 versions)"].count == 500


def test_stream_trouble_is_not_clean():
    from load.streams import make_stream

    result = recorded([ROWS[0]])
    stream = make_stream(WebSocketClient("/ws"), CONFIG, CONFIG.target(), 0.0).stats(1.0)
    assert dataclasses.replace(result, streams=(stream,)).clean
    assert not dataclasses.replace(result, streams=(dataclasses.replace(stream, abnormal=1),)).clean
    assert not dataclasses.replace(result, streams=(dataclasses.replace(stream, failed=1),)).clean
