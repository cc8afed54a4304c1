"""When users fare worse with a new release, and when that is chance."""

from __future__ import annotations

import random

import pytest
from unit.rollout.test_rollout import Host

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import GateError
from ansible_collections.steady.deploy.plugins.module_utils.rollout.steps import WATCH, Step
from ansible_collections.steady.deploy.plugins.module_utils.rollout.traffic import Answer, Limits, buckets, judge, percentile, summary
from ansible_collections.steady.deploy.plugins.module_utils.rollout.traffic_judge import TrafficJudge

LIMITS = Limits()
OLD, NEW = "old", "new"


def answers(values, release=NEW, rate=50.0, start=1000.0):
    """One answer each 1/rate seconds. A value is how long it took, or a status."""
    return [
        Answer(start + number / rate, release, value if isinstance(value, int) else 200, 0.01 if isinstance(value, int) else value)
        for number, value in enumerate(values)
    ]


def every(period, special, usual, count):
    return [special if number % period == 0 else usual for number in range(count)]


def mix(seed, count, slow_share, usual=0.02, slow=3.0):
    chance = random.Random(seed)
    return [slow if chance.random() < slow_share else usual * chance.uniform(0.5, 2) for dummy in range(count)]


# --- errors -----------------------------------------------------------------------------------------


def test_half_of_the_requests_failing_is_told_with_numbers_and_bound():
    said = judge(answers(every(2, 500, 200, 40)), answers([200] * 100, OLD), LIMITS)
    assert said == "answered 20 of 40 requests with a 5xx status (50.0 %), the bound is 5.0 %"


def test_no_verdict_on_too_few_requests():
    assert judge(answers([500] * 19), [], LIMITS) == ""
    assert judge(answers([500] * 20), [], LIMITS) != ""
    assert judge(answers([500]), [], Limits(requests=1)) != ""
    assert judge([], [], Limits(requests=0)) == ""


@pytest.mark.parametrize(("failed", "breaks"), [(0, False), (3, False), (4, True)])
def test_few_failures_among_few_requests_may_be_chance(failed, breaks):
    assert bool(judge(answers([500] * failed + [200] * (20 - failed)), [], LIMITS)) is breaks


@pytest.mark.parametrize(("status", "breaks"), [(500, True), (502, True), (503, True), (404, False), (429, False), (499, False)])
def test_only_what_the_server_is_to_blame_for_counts(status, breaks):
    assert bool(judge(answers([status] * 30), [], LIMITS)) is breaks


def test_what_the_old_release_failed_too_is_no_fault_of_the_new_one():
    broken = every(5, 500, 200, 200)
    assert judge(answers(broken), [], LIMITS) != ""
    assert judge(answers(broken), answers(broken, OLD), LIMITS) == ""
    said = judge(answers(every(2, 500, 200, 200)), answers(broken, OLD), LIMITS)
    assert said.endswith("(50.0 %), the bound is 5.0 % on top of the 20.0 % of the release before")


def test_failures_of_late_do_not_hide_behind_a_long_good_time():
    assert judge(answers([200] * 20000 + [500] * 100), [], LIMITS) == (
        "answered 100 of 501 requests with a 5xx status (20.0 %), the bound is 5.0 %"
    )


def test_a_small_excess_is_found_once_there_are_requests_enough():
    few = every(12, 500, 200, 60)
    assert judge(answers(few, rate=1000), [], LIMITS) == ""
    assert judge(answers(every(12, 500, 200, 1200), rate=1000), [], LIMITS) != ""


# --- latency ----------------------------------------------------------------------------------------


def test_ten_times_slower_is_told_with_numbers_and_bound():
    said = judge(answers([0.8] * 260), answers([0.08] * 250, OLD), LIMITS)
    assert said == "has a p95 of 0.800 s over 260 requests, the bound is 0.400 s: the release before had 0.080 s over 250"


def test_half_of_the_pages_slower_is_enough():
    assert judge(answers(every(2, 0.9, 0.01, 260)), answers([0.05] * 250, OLD), LIMITS) != ""


def test_what_nobody_notices_is_not_slow():
    assert judge(answers([0.2] * 260), answers([0.01] * 250, OLD), LIMITS) == ""
    assert judge(answers([0.2] * 260), answers([0.01] * 250, OLD), Limits(slow=0.1)) != ""


def test_without_an_old_release_only_the_bound_itself_counts():
    assert judge(answers([2.0] * 260), [], LIMITS) == ""
    said = judge(answers([2.0] * 260), [], Limits(p95=1))
    assert said == "has a p95 of 2.000 s over 260 requests, the bound is 1 s"


def test_an_old_release_with_too_few_requests_is_no_measure():
    assert judge(answers([2.0] * 260), answers([0.01] * 19, OLD), LIMITS) == ""


@pytest.mark.parametrize("seconds", [0.5, 1.0, 3.0])
def test_a_busy_moment_is_not_the_releases_fault(seconds):
    burst = int(seconds * 50)
    values = [0.9] * burst + [0.01] * 500
    old = answers([0.01] * 500, OLD)
    assert not any(judge(answers(values[:end]), old, LIMITS) for end in range(20, len(values), 5))
    assert not any(judge(answers(([0.01] * 200 + values)[:end]), old, LIMITS) for end in range(20, 700, 5))


def test_slowness_that_begins_later_is_found():
    assert judge(answers([0.01] * 2000 + [0.9] * 500), answers([0.01] * 500, OLD), LIMITS) != ""


@pytest.mark.parametrize("share", [0.01, 0.03, 0.05, 0.1, 0.2])
@pytest.mark.parametrize("rate", [3.0, 60.0])
def test_endpoints_slow_by_design_are_no_reason(share, rate):
    """A verdict is asked for every quarter of a second of an 8 s watch, from the first requests on."""
    alarms = 0
    for seed in range(12):
        old = answers(mix(seed, 600, share), OLD, rate)
        new = answers(mix(1000 + seed, int(8 * rate) + 20, share), NEW, rate)
        alarms += any(judge(new[: int(rate * look / 4)], old, LIMITS) for look in range(1, 35))
    assert alarms == 0


def test_three_slow_ones_of_twenty_are_no_reason():
    assert judge(answers([3.0] * 3 + [0.01] * 17, rate=4), answers(mix(1, 600, 0.04), OLD), LIMITS) == ""


def test_streams_have_no_latency():
    streams = [Answer(1000 + number / 50, NEW, 101, None) for number in range(200)]
    assert judge(streams, answers([0.01] * 100, OLD), Limits(p95=0.001)) == ""
    assert summary(streams) == {"requests": 200, "failed": 0, "p50": None, "p95": None}


# --- numbers ----------------------------------------------------------------------------------------


def test_percentiles_are_values_that_occurred():
    assert percentile([]) == 0.0
    assert percentile([0.7]) == 0.7
    assert percentile([number / 100 for number in range(100, 0, -1)]) == 0.95
    assert percentile([1, 2, 3, 4], 0.5) == 2


def test_buckets_tell_each_release_in_each_second():
    seen = [*answers([0.1, 0.2, 500], OLD, 2, 1000.5), *answers([0.3, 0.4], NEW, 1, 1001.2)]
    assert buckets(seen, 1000.0) == [
        {"second": 0.0, "release": OLD, "requests": 1, "failed": 0, "p50": 0.1, "p95": 0.1},
        {"second": 1.0, "release": NEW, "requests": 1, "failed": 0, "p50": 0.3, "p95": 0.3},
        {"second": 1.0, "release": OLD, "requests": 2, "failed": 1, "p50": 0.01, "p95": 0.2},
        {"second": 2.0, "release": NEW, "requests": 1, "failed": 0, "p50": 0.4, "p95": 0.4},
    ]
    assert buckets([], 0.0) == []


def test_of_a_long_rollout_the_last_seconds_are_told():
    told = buckets(answers([0.1] * 5000, rate=1), 1000.0)
    assert [one["second"] for one in told] == [float(second) for second in range(4100, 5000)]


# --- the judge --------------------------------------------------------------------------------------


class Log:
    path = "/log"
    missing = False

    def __init__(self, before, *later):
        self._before, self._later = before, list(later)
        self.since = None

    def before(self, since):
        self.since = since
        return self._before

    def new(self):
        return self._later.pop(0) if self._later else []


class FakeClock:
    def __init__(self):
        self.passed = 0.0

    def now(self):
        return 1000.0 + self.passed

    def monotonic(self):
        return self.passed

    def sleep(self, seconds):
        self.passed += seconds


def judged(log, before=OLD, looks=1, limits=LIMITS):
    clock = FakeClock()
    judge_ = TrafficJudge(log, limits, NEW, before, clock)
    for dummy in range(looks):
        judge_(Step(WATCH, "watch"))
        clock.sleep(0.25)
    return judge_


def test_a_breach_is_a_gate_error_that_names_the_release():
    log = Log(answers([200] * 50, OLD), answers([500] * 30))
    with pytest.raises(GateError) as caught:
        judged(log)
    assert caught.value.message == "release new answered 30 of 30 requests with a 5xx status (100.0 %), the bound is 5.0 %"
    assert caught.value.facts["watched"]["failed"] == 30
    assert caught.value.facts["watched"]["before"]["requests"] == 50
    assert log.since == 700.0


def test_what_the_old_release_answers_after_the_shift_is_no_measure():
    """It has only its slow requests left by then: with those, everything would pass."""
    log = Log(answers([0.01] * 100, OLD), [*answers([0.01] * 100, OLD), *answers([0.9]), *answers([3.0] * 500, OLD), *answers([0.9] * 300)])
    with pytest.raises(GateError, match=r"the release before had 0\.010 s over 200"):
        judged(log)


def test_a_good_release_is_told_with_numbers():
    done = judged(Log(answers([0.02] * 50, OLD), answers([0.03] * 30)))
    assert done.outcome()["watched"] == {
        "release": NEW,
        "requests": 30,
        "failed": 0,
        "p50": 0.03,
        "p95": 0.03,
        "before": {"requests": 50, "failed": 0, "p50": 0.02, "p95": 0.02},
        "verdict": "judged by 30 requests",
    }
    assert done.warnings == []


def test_too_few_requests_are_told_and_no_failure():
    done = judged(Log([], answers([500] * 7)))
    assert done.outcome()["watched"]["verdict"] == "too few requests for a verdict: 7 of 20"


def test_the_log_is_read_every_quarter_of_a_second_only():
    log = Log([], answers([500] * 30))
    clock = FakeClock()
    judge_ = TrafficJudge(log, LIMITS, NEW, OLD, clock)
    with pytest.raises(GateError):
        judge_(Step(WATCH, "watch"))
    clock.sleep(0.1)
    judge_(Step(WATCH, "watch"))
    clock.sleep(0.2)
    with pytest.raises(GateError):
        judge_(Step(WATCH, "watch"))


def test_a_release_that_is_served_already_is_not_its_own_measure():
    log = Log(answers([0.01] * 100), answers([0.9] * 300))
    assert judged(log, before=NEW).outcome()["watched"]["before"]["requests"] == 0


def test_a_missing_log_is_a_warning_once_it_was_needed():
    log = Log([])
    log.missing = True
    assert judged(log, looks=0).warnings == []
    assert judged(log).warnings == [
        "the edge's access log /log is not there, so errors and latency were not watched: "
        "set `nginx_access_log` and the rollout's `edge.access_log` to the same file"
    ]


def test_what_comes_after_the_last_look_is_in_the_picture():
    done = judged(Log([], answers([0.1] * 30), answers([0.1] * 50, OLD)))
    assert sum(one["requests"] for one in done.outcome()["traffic"]) == 80


# --- in a rollout -----------------------------------------------------------------------------------


@pytest.mark.parametrize("takes", [0.0, 5.0], ids=["no drain to speak of", "a long drain"])
def test_a_breach_undoes_the_rollout_and_the_way_back_is_not_judged(tmp_path, takes):
    """Users who meet a bad release need not wait until the old one is drained."""
    host = Host(tmp_path, watch=8.0)
    host.edge.drain_takes = takes
    judged_in = []

    def judge_traffic(step):
        judged_in.append((step.action, host.edge.served().release))
        raise GateError("release new answered 20 of 20 requests with a 5xx status")

    host.judge_traffic = judge_traffic
    with pytest.raises(GateError) as caught:
        host.go()
    assert caught.value.message.endswith("with a 5xx status. Undone: release old serves as before")
    assert judged_in == [("drain" if takes else "watch", "new")]
    assert host.edge.served().release == "old"


def test_what_judges_looks_until_the_watch_is_over(tmp_path):
    host = Host(tmp_path, watch=4.0)
    looks = []
    host.judge_traffic = lambda step: looks.append(step.action)
    host.go()
    assert looks.count("watch") >= 10
