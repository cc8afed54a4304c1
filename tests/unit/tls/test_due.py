"""When a certificate falls due."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.steady.deploy.plugins.module_utils.tls.due import (
    INTERVAL,
    Window,
    is_due,
    latest,
    moment,
    near_end,
    parse_rfc3339,
    parse_window,
)
from ansible_collections.steady.deploy.plugins.module_utils.tls.errors import CertificateError
from ansible_collections.steady.deploy.plugins.module_utils.tls.x509 import Info

DAY = 24 * 3600


def lasting(days, serial="1", begins=0):
    return Info("s", "i", serial, begins, begins + days * DAY, ())


@pytest.mark.parametrize("days", [6, 45, 64, 90, 398])
def test_two_thirds_whatever_the_life(days):
    info = lasting(days, begins=1000)
    edge = 1000 + days * DAY * 2 / 3
    assert not is_due(info, None, edge - 1)
    assert is_due(info, None, edge)


@given(st.text("0123456789ABCDEF", min_size=1), st.integers(0, 10**9), st.integers(0, 10**6))
def test_the_moment_lies_in_the_window(serial, start, length):
    window, info = Window(start, start + length, 0), lasting(90_000, serial)
    assert start <= moment(info, window) <= start + length
    assert moment(info, window) == moment(info, window)
    assert is_due(info, window, start + length)
    assert not is_due(info, window, start - INTERVAL - 1)


@given(st.text("0123456789ABCDEF", min_size=1), st.integers(1, 398), st.integers(0, 10**10), st.integers(0, 10**8))
def test_no_window_lets_a_certificate_expire(serial, days, start, length):
    window, info = Window(start, start + length, 0), lasting(days, serial)
    assert moment(info, window) <= latest(info) < info.ends
    assert is_due(info, window, latest(info))


def test_hosts_are_spread():
    window = Window(0, 100, 0)
    assert len({round(moment(lasting(90, f"{serial:X}"), window)) for serial in range(1000)}) > 60


def test_window():
    answer = {"suggestedWindow": {"start": "2026-01-02T04:00:00Z", "end": "2026-01-03T04:00:00.5+01:00"}, "explanationURL": "x"}
    window = parse_window(answer, 1000, "3600")
    assert window.end - window.start == DAY - 3600 + 0.5
    assert window.ask_again == 4600


@pytest.mark.parametrize("retry, seconds", [("1", 60), ("21600", 21600), ("999999999", DAY), (None, 21600), ("Wed, 21 Oct 2026", 21600)])
def test_retry_after_is_followed_within_bounds(retry, seconds):
    answer = {"suggestedWindow": {"start": "2026-01-02T04:00:00Z", "end": "2026-01-03T04:00:00Z"}}
    assert parse_window(answer, 0, retry).ask_again == seconds


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        {},
        {"suggestedWindow": None},
        {"suggestedWindow": {"start": "2026-01-02T04:00:00Z"}},
        {"suggestedWindow": {"start": "soon", "end": "later"}},
        {"suggestedWindow": {"start": 1, "end": 2}},
        {"suggestedWindow": {"start": "2026-01-03T04:00:00Z", "end": "2026-01-02T04:00:00Z"}},
    ],
)
def test_windows_that_make_no_sense(answer):
    with pytest.raises(CertificateError):
        parse_window(answer, 0, None)


@given(st.integers(0, 4102444800), st.integers(-12 * 60, 14 * 60))
def test_times_with_offsets(seconds, minutes):
    import datetime

    zone = datetime.timezone(datetime.timedelta(minutes=minutes))
    assert parse_rfc3339(datetime.datetime.fromtimestamp(seconds, zone).isoformat(timespec="seconds")) == seconds


def test_near_end():
    assert near_end(lasting(90), 84 * DAY) and not near_end(lasting(90), 82 * DAY)
    assert near_end(lasting(6), 5.5 * DAY) and not near_end(lasting(6), 5 * DAY)
