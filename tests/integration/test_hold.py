"""Requests held by a real Nginx while nothing is up, under real load: none fails, and a run that dies holds nobody."""

from __future__ import annotations

import json
import subprocess
import time

import pytest
from full import only_full
from integration.edge.host import GET, NEW, OLD, machine

FILES = ("/etc/nginx/steady/hotel.hold", "/run/steady/hotel.hold")


class Run:
    """A run of the edge in the container, step by step. ``with`` ends it as SIGKILL would."""

    def __init__(self, host) -> None:
        self._host = host

    def __enter__(self):
        argv = ["docker", "exec", "-i", self._host.name, "python3", "/src/tests/integration/edge/holding.py"]
        self._process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.pid = self("pid")
        return self

    def __exit__(self, *_exc) -> None:
        self._host.sh(f"kill -9 {self.pid} 2>/dev/null || true")
        self._process.communicate()

    def ask(self, *order) -> dict:
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def __call__(self, *order):
        answer = self.ask(*order)
        assert "error" not in answer, answer
        return answer["result"]


@pytest.fixture
def host(image):
    for one in machine("--cap-add", "SYS_PTRACE"):
        one.sh("sed -i '/server_name/a include steady/hotel.hol[d];' /etc/nginx/conf.d/hotel.conf")
        one.write(
            "/etc/nginx/conf.d/other.conf", "server { listen 80; server_name other.test; location / { proxy_pass http://hotel_web; } }"
        )
        one.reload()
        yield one


@pytest.fixture
def run(host):
    """Release OLD is served."""
    with Run(host) as one:
        one("start", OLD)
        one("shift", OLD)
        yield one


def load(host, seconds: float, rate: float = 120) -> subprocess.Popen[str]:
    options = ["--post", "/", "--slow", "/slow?1", "--rate", str(rate), "--seconds", str(seconds), "--timeout", "60", "--json"]
    return host.spawn("-m", "load", "--url", "http://127.0.0.1/", "--host", "hotel.test", *options)


def answered(user) -> list[str]:
    # Not by communicate(): a quick answer may be in the buffer already.
    return [json.loads(line) for line in user.stdout.read().splitlines()]


def left(host) -> list[str]:
    return [path for path in FILES if host.sh(f"test -e {path} && echo there || true")]


@pytest.mark.parametrize("comes", [pytest.param(NEW, id="new"), pytest.param(OLD, id="undone", marks=only_full)])
def test_three_seconds_of_nothing_fail_no_request(host, run, comes):
    running = load(host, 120)
    time.sleep(1.5)
    run("hold", NEW, 30)
    assert run("served") == OLD and run("holding")
    drained = run("drain", OLD)
    run("stop", OLD)
    time.sleep(3)
    if comes == OLD:
        # It came up and was never ready. It is down again before anyone is let through.
        run("start", NEW)
        run("stop", NEW)
    run("start", comes)
    run("shift", comes)
    held = run("unhold")
    time.sleep(1.5)
    host.sh("kill -INT $(pgrep -f '[-]m load')")
    result = host.answer(running)
    assert result["failed"] == 0, result["failures"][:3]
    assert result["requests"] > held["requests"] > 200
    assert 3 < result["latency"]["p99"] < held["longest_seconds"] + 3
    assert drained["requests_cut"] == drained["clients_left"] == 0
    assert held["failed"] == 0 and held["longest_seconds"] > 3
    assert left(host) == []


def test_what_a_hold_does_to_single_users(host, run):
    keeper = host.raw(("send", GET.format("/")), ("read", 5), ("sleep", 1.2), ("send", GET.format("/")), ("read", 20))
    early = host.raw(("sleep", 1.5), ("send", GET.format("/")), ("read", 20))
    time.sleep(0.3)
    run("hold", NEW, 30)
    other = host.raw(("send", GET.format("/").replace("hotel", "other")), ("read", 1))
    assert "200 OK" in answered(other)[0], "the vhost of another app is held too"
    impatient = host.raw(("send", GET.format("/")), ("sleep", 1))
    stream = host.raw(("send", GET.format("/stream")), ("read", 20))
    upload = host.raw(
        ("send", "POST / HTTP/1.1\r\nHost: hotel.test\r\nContent-Length: 8\r\n\r\nhalf"), ("sleep", 2), ("send", "half"), ("read", 20)
    )
    assert run("drain", OLD)["clients_left"] == 0
    run("stop", OLD)
    impatient.communicate(timeout=10)
    # Somebody reloads Nginx: who waits goes on to wait, and so does who comes.
    host.reload()
    later = host.raw(("send", GET.format("/")), ("read", 20))
    time.sleep(1.5)
    assert stream.poll() is None and upload.poll() is None and later.poll() is None
    run("start", NEW)
    run("shift", NEW)
    held = run("unhold")
    # Connections that were open before the hold are answered by the old release, which stops only after that.
    assert all("200 OK" in answer and OLD in answer for answer in [*answered(keeper), *answered(early)])
    assert "200 OK" in answered(stream)[0] and NEW in answered(later)[0]
    assert f"POST {NEW}" in answered(upload)[0]
    # One gave up meanwhile: it counts as held, and is not one that failed.
    assert held["requests"] == 4 and held["failed"] == 0


def test_after_its_bound_a_request_is_told_to_come_again(host, run):
    run("hold", NEW, 2)
    user = host.raw(("send", GET.format("/")), ("read", 10))
    run("drain", OLD)
    run("stop", OLD)
    # It was let through while the old release drained, or found nobody.
    answered(user)
    late = host.raw(("send", GET.format("/")), ("read", 10))
    (answer,) = answered(late)
    assert answer.startswith("HTTP/1.1 503") and "Retry-After: 5" in answer
    run("start", NEW)
    run("shift", NEW)
    held = run("unhold")
    assert held["failed"] == 2 and 1.9 < held["longest_seconds"] < 3


def test_a_run_that_was_killed_holds_nobody_and_the_next_one_cleans_up(host, run):
    run("hold", NEW, 30)
    waiting = host.raw(("send", GET.format("/")), ("read", 10))
    time.sleep(0.3)
    assert waiting.poll() is None
    host.sh(f"kill -9 {run.pid}")
    assert f"GET {OLD}" in answered(waiting)[0]
    assert f"GET {OLD}" in answered(host.raw(("send", GET.format("/")), ("read", 2)))[0]
    assert left(host) == list(FILES)
    assert host.sh(f"stat -c '%U %a' {FILES[1]}") == "www-data 600\n", "others than Nginx may connect"
    with Run(host) as second:
        assert second("served") == OLD and second("holding")
        # It holds again, by the same socket.
        second("hold", NEW, 30)
        waiting = host.raw(("send", GET.format("/")), ("read", 10))
        time.sleep(0.3)
        assert waiting.poll() is None
        second("start", NEW)
        second("shift", NEW)
        second("unhold")
        assert f"GET {NEW}" in answered(waiting)[0]
        assert left(host) == []
        assert second("served") == NEW and not second("holding")


@only_full
def test_a_vhost_that_does_not_include_the_hold_is_refused_and_named(host, run):
    host.sh("sed -i '/hol\\[d\\]/d' /etc/nginx/conf.d/hotel.conf; nginx -s reload 2>/dev/null")
    answer = run.ask("hold", NEW, 30)
    assert answer["error"] == (
        "requests of hotel can't be held: its vhost does not include steady/hotel.hol[d]; run the role nginx, or add "
        "'include steady/hotel.hol[d];' to its server block"
    )
    assert left(host) == [] and not run("holding")


@only_full
def test_a_location_that_asks_somebody_else_is_noticed_and_nothing_is_held(host, run):
    host.sh("sed -i 's|location / {|location / { auth_request off;|' /etc/nginx/conf.d/hotel.conf; nginx -s reload 2>/dev/null; sleep 0.5")
    answer = run.ask("hold", NEW, 30)
    assert "requests could not be held within 10 s" in answer["error"] and answer["error"].endswith("the former configuration was put back")
    assert left(host) == [] and not run("holding")


def test_killed_while_nothing_was_up_the_next_run_is_not_refused(host, run):
    run("hold", NEW, 30)
    run("drain", OLD)
    run("stop", OLD)
    host.sh(f"kill -9 {run.pid}")
    (answer,) = answered(host.raw(("send", GET.format("/")), ("read", 10)))
    assert answer.startswith("HTTP/1.1 503") and "X-Steady-Release: held" in answer
    with Run(host) as second:
        second("preflight")
