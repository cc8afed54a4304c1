"""What is told of the answers of gates: which replica, how often asked, how many are ready; nothing that an app said itself."""

from __future__ import annotations

from ansible_collections.steady.deploy.plugins.module_utils.core.container import ContainerState
from ansible_collections.steady.deploy.plugins.module_utils.probe.base import Answer
from ansible_collections.steady.deploy.plugins.module_utils.probe.gate import Gate
from ansible_collections.steady.deploy.plugins.module_utils.probe.telling import Answers
from ansible_collections.steady.deploy.plugins.module_utils.probe.track import Check

GATE = Gate(type="http", port=80, success_threshold=2)


def answers(*checks):
    told = []
    heard = Answers(lambda subject, name="", counts=None, **facts: told.append((subject, name, dict(counts), facts)), checks)
    states = {container: ContainerState(container, f"demo-{container}", "web", int(container)) for container in ("1", "2")}
    assert heard.seen(states) is states
    return heard, told


def test_each_replica_by_name_and_how_many_are_ready():
    one, two = Check(GATE, "1"), Check(GATE, "2")
    heard, told = answers(one, two, Check(None, "2"))
    heard.heard(one, Answer(False, "HTTP 503: secret words"), 0.1)
    heard.heard(one, Answer(True, "HTTP 200 OK"), 0.2)
    heard.heard(one, Answer(True, "HTTP 200 OK"), 0.3)
    heard.heard(two, Answer(True, "HTTP 200 OK"), 0.3)
    heard.heard(two, Answer(True, "HTTP 200 OK"), 0.4)
    heard.heard(one, Answer(False, "connection refused"), 0.5)
    heard.heard(Check(None, "2"), Answer(True, "runs"), 0.5)
    assert told == [
        ("gate", "web-1", {"asked": 1, "ready": 0, "of": 2}, {"answer": "HTTP 503", "ok": False}),
        # The first success of two that are needed is no news.
        ("gate", "web-1", {"asked": 3, "ready": 1, "of": 2}, {"answer": "HTTP 200 OK", "ok": True}),
        ("gate", "web-2", {"asked": 2, "ready": 2, "of": 2}, {"answer": "HTTP 200 OK", "ok": True}),
        ("gate", "web-1", {"asked": 4, "ready": 1, "of": 2}, {"answer": "connection refused", "ok": False}),
    ]


def test_two_gates_of_one_replica_are_told_apart():
    checks = [Check(GATE, "1"), Check(Gate(type="tcp", port=81), "1")]
    heard, told = answers(*checks)
    for check in checks:
        heard.heard(check, Answer(False, "connection refused"), 0.1)
    assert [name for _subject, name, _counts, _facts in told] == ["web-1, gate 1", "web-1, gate 2"]
