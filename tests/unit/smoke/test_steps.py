# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Smoke tests as steps of a rollout: whom they ask, and what is left of them after a failure."""

from __future__ import annotations

import pytest
from unit.probe.fakes import FakeClock

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import GateError
from ansible_collections.steady.deploy.plugins.module_utils.rollout import steps as s
from ansible_collections.steady.deploy.plugins.module_utils.smoke.fetch import Asked, Reply
from ansible_collections.steady.deploy.plugins.module_utils.smoke.parse import parse_scenarios
from ansible_collections.steady.deploy.plugins.module_utils.smoke.steps import SmokeSteps

PORTS = {"new": {"web": (20010, 20011), "ws": (20012,)}}
SCENARIOS = parse_scenarios(
    [
        {"name": "page", "steps": [{"name": "home", "request": {"path": "/"}}]},
        {"name": "socket", "service": "ws", "steps": [{"name": "live", "request": {"path": "/livez"}}]},
    ]
)


def at(point: str) -> s.Step:
    return s.Step(s.SMOKE, "try", "new", point=point)


def test_every_replica_before_the_shift_and_the_edge_after_it():
    asked: list[Asked] = []
    news: list[tuple] = []

    def fetch(one: Asked) -> Reply:
        asked.append(one)
        return Reply(200, "OK")

    def tell(subject, name="", counts=None, **facts):
        news.append((subject, name, facts["ok"]))

    smoke = SmokeSteps(SCENARIOS, PORTS.__getitem__, "http://127.0.0.1/probe", "hotel.test", FakeClock(), fetch, tell)
    smoke.do(at(s.RELEASE))
    assert [one.url for one in asked] == ["http://127.0.0.1:20010/", "http://127.0.0.1:20011/", "http://127.0.0.1:20012/livez"]
    smoke.do(at(s.EDGE))
    # The path of the edge's own url is the edge's business.
    assert [one.url for one in asked[3:]] == ["http://127.0.0.1/", "http://127.0.0.1/livez"]
    assert {one.host for one in asked} == {"hotel.test"}
    assert [told["point"] for told in smoke.results] == ["release"] * 3 + ["edge"] * 2
    assert news[:2] == [("smoke", "page, home", True)] * 2


def test_a_failure_leaves_all_results():
    statuses = iter([200, 200, 200, 502])
    smoke = SmokeSteps(SCENARIOS, PORTS.__getitem__, "http://127.0.0.1", None, FakeClock(), lambda asked: Reply(next(statuses), ""))
    smoke.do(at(s.RELEASE))
    with pytest.raises(GateError, match=r"^smoke test page, step home: GET http://127\.0\.0\.1/ answered HTTP 502;") as caught:
        smoke.do(at(s.EDGE))
    assert [(told["point"], told["ok"]) for told in caught.value.facts["smoke"]] == [("release", True)] * 3 + [("edge", False)]
    assert caught.value.facts["smoke"] == smoke.results
