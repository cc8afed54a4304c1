"""What the operator reads: one line for each entry that says something new."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.steady.deploy.plugins.plugin_utils.words import BAD, WITHIN, Words

OPENED = {"event": "opened", "release": "new", "before": "old", "steps": ["start web", "shift"], "at": 100.0}


def told(*entries, others=False):
    words = Words("hotel")
    lines = [words.line({"at": 100.0, "rollout": "r1", **entry}, others) for entry in entries]
    return [line.text for line in lines if line]


def test_a_good_rollout():
    assert told(
        OPENED,
        {"event": "step", "text": "start web", "at": 100.04},
        {"event": "done", "at": 101.0},
        {"event": "progress", "subject": "gate", "name": "web-2", "answer": "HTTP 503", "asked": 4, "ready": 2, "of": 3, "at": 103.2},
        {"event": "progress", "subject": "drain", "name": "", "requests": 5, "streams": 1, "clients": 2, "at": 104},
        {"event": "progress", "subject": "job", "name": "migrate", "seconds": 10.2, "at": 104},
        {"event": "progress", "subject": "pull", "name": "shop/web:v2", "at": 104},
        {"event": "progress", "subject": "watch", "name": "", "left": 7.8, "at": 104},
        {"event": "closed", "release": "new", "outcome": "ok", "at": 105},
    ) == [
        "hotel: [0.0 s] rollout from old to release new, 2 steps",
        "hotel: [0.0 s] 1/2 start web",
        "hotel: [3.2 s] gate web-2: HTTP 503 (4th answer), 2 of 3 ready",
        "hotel: [4.0 s] drain: 5 requests, 1 stream left",
        "hotel: [4.0 s] job migrate: runs for 10 s",
        "hotel: [4.0 s] pull shop/web:v2",
        "hotel: [4.0 s] watch: all is well, 8 s left",
        "hotel: [5.0 s] done: release new serves",
    ]


def test_a_bad_one():
    words = Words("hotel")
    entries = [
        OPENED,
        {"event": "failed", "error": "service web\x1b[31m exited\nwith 1", "at": 101},
        {"event": "undo", "before": "old", "at": 101},
        {"event": "closed", "release": "old", "outcome": "undone", "at": 102},
        {"event": "undo_failed", "error": "no disk", "at": 102},
    ]
    lines = [words.line(entry) for entry in entries][1:]
    assert [line.text for line in lines] == [
        # Nothing that a terminal obeys, and one line.
        "hotel: [1.0 s] failed: service web [31m exited with 1",
        "hotel: [1.0 s] going back to release old",
        "hotel: [2.0 s] undone: release old serves as before",
        "hotel: [2.0 s] the way back failed: no disk",
    ]
    assert [line.tone for line in lines] == [BAD] * 4


def test_somebody_elses_run_is_called_that():
    assert told({"event": "step", "text": "shift"}, others=True) == ["hotel: [0.0 s] another run: shift"]


def test_a_clock_set_back_takes_no_seconds_back():
    assert told(OPENED, {"event": "step", "text": "a", "at": 107}, {"event": "step", "text": "b", "at": 50}) == [
        "hotel: [0.0 s] rollout from old to release new, 2 steps",
        "hotel: [7.0 s] a",
        "hotel: [7.0 s] b",
    ]


def test_little_that_says_nothing_is_left_out():
    assert (
        told(
            {"event": "progress", "subject": "drain", "name": "", "requests": 0, "streams": 0, "clients": 3},
            {"event": "progress", "subject": "job", "name": "migrate", "seconds": 0.2},
            {"event": "progress", "subject": "watch", "name": "", "left": 0.3},
            {"event": "progress", "subject": "of a later version", "name": ""},
            {"event": "__init__"},
            {"event": "later"},
        )
        == []
    )


@given(
    st.dictionaries(
        st.sampled_from(["at", "subject", "name", "asked", "requests", "streams", "left", "steps", "error", "text", "ready", "of"]),
        st.none() | st.integers() | st.text() | st.lists(st.text()),
    ),
    st.sampled_from(["opened", "step", "failed", "progress", "closed"]),
)
def test_no_entry_whatever_ends_the_telling(facts, event):
    line = Words("hotel").line({**facts, "event": event})
    assert line is None or (line.text.isprintable() and line.tone)


def test_what_goes_on_within_a_step_is_marked_so():
    assert Words("hotel").line({"event": "progress", "subject": "pull", "name": "web"}).tone == WITHIN
