"""The edge against a real Nginx with `keepalive_min_timeout`, on a host of its own, under real load."""

from __future__ import annotations

import json
import subprocess
import time

import pytest
from integration.edge.host import FILE, GET, NEW, OLD, Host, machine

from ansible_collections.steady.deploy.plugins.module_utils.edge.base import Served, Upstream
from ansible_collections.steady.deploy.plugins.module_utils.edge.upstream_file import render


@pytest.fixture
def host(image):
    # What a root user on a real host may do: look into other users' processes.
    yield from machine("--cap-add", "SYS_PTRACE")


# --- zero failed requests -------------------------------------------------------------------------


def load(host: Host, seconds: int) -> subprocess.Popen[str]:
    """300 requests/s of 32 keep-alive clients and some fresh ones, 30 % POST."""
    options = ["--url", "http://127.0.0.1/", "--host", "hotel.test", "--post", "/", "--rate", "300", "--seconds", str(seconds), "--json"]
    return host.spawn("-m", "load", *options)


def users(host: Host, seconds: int, away: float) -> subprocess.Popen[str]:
    return host.spawn("/test/users.py", json.dumps({"users": 200, "rest": [1, 5], "seconds": seconds, "away": away}))


def test_ten_shifts_under_load_fail_no_request(host):
    """Each old release is killed the moment its drain is over."""
    host.do("start", place=20000, release=OLD)
    host.do("shift", release=OLD, ports=[20000])
    running = load(host, 24)
    report = host.do("roll", count=10, gap=0.5, how="drain")
    assert running.poll() is None, "the load must outlast the shifts"
    result = host.answer(running)
    assert result["requests"] == 7200
    assert result["failed"] == 0, result["failures"][:3]
    assert len(report) == 10
    assert all(one["requests_cut"] == one["clients_left"] == 0 for one in report)
    assert max(one["seconds"] for one in report) < 2.8


def test_users_who_rest_between_requests_fail_none(host):
    """200 users, 50 ms away, rest 1 to 5 s; with the time to send one more request, nobody is cut off."""
    host.sh("sed -i 's/keepalive_min_timeout .*/keepalive_min_timeout 6s;/' /etc/nginx/nginx.conf")
    host.do("start", place=20000, release=OLD)
    host.do("shift", release=OLD, ports=[20000])
    running = users(host, 32, 0.05)
    time.sleep(1)
    report = host.do("roll", count=3, gap=1, how="drain")
    assert running.poll() is None, "the users must outlast the shifts"
    result = host.answer(running)
    assert result["requests"] > 1300
    assert result["failed"] == 0, result
    assert max(one["seconds"] for one in report) < 5.8


@pytest.mark.parametrize("traffic", [load, lambda host, seconds: users(host, seconds, 0.0)], ids=["load", "users"])
def test_counting_only_connections_to_the_old_ports_is_not_enough(host, traffic):
    """The reason for looking into old workers, and the proof that the two tests above can fail."""
    host.do("start", place=20000, release=OLD)
    host.do("shift", release=OLD, ports=[20000])
    running = traffic(host, 12)
    host.do("roll", count=3, gap=1, how="ports_only")
    assert host.answer(running)["failed"] > 3


# --- what is in flight ----------------------------------------------------------------------------


def test_a_slow_request_finishes(host):
    host.serve_old()
    user = host.raw(("send", GET.format("/slow?3")), ("read", 10))
    time.sleep(0.3)
    drained = host.shift_and_drain()
    host.stop_old()
    answer = json.loads(user.communicate(timeout=10)[0])
    assert answer.startswith("HTTP/1.1 200") and f"GET {OLD}" in answer
    assert (drained["requests_finished"], drained["requests_cut"], drained["streams_cut"]) == (1, 0, 0)
    assert 2 < drained["seconds"] < 4
    assert drained["flights"][0]["requests"] == 1


def test_a_request_that_does_not_end_is_cut_at_its_bound(host):
    host.serve_old()
    user = host.raw(("send", GET.format("/slow?20")), ("read", 10))
    time.sleep(0.3)
    drained = host.shift_and_drain(request_timeout=3)
    host.stop_old()
    assert json.loads(user.communicate(timeout=10)[0]).startswith("HTTP/1.1 502")
    assert (drained["requests_finished"], drained["requests_cut"]) == (0, 1)
    assert drained["seconds"] < 3.7


def test_a_stream_is_counted_apart_and_cut_at_its_own_bound(host):
    host.serve_old()
    stream = host.raw(("send", GET.format("/stream")), ("read", 5), ("sleep", 20))
    request = host.raw(("send", GET.format("/slow?1")), ("read", 10))
    time.sleep(0.3)
    drained = host.shift_and_drain(request_timeout=10, stream_timeout=3)
    host.stop_old()
    assert "200 OK" in request.communicate(timeout=10)[0]
    assert (drained["requests_finished"], drained["requests_cut"], drained["streams_finished"], drained["streams_cut"]) == (1, 0, 0, 1)
    assert 2.5 < drained["seconds"] < 3.7
    stream.kill()


def test_a_stream_that_ends_is_counted_as_finished(host):
    host.serve_old()
    host.raw(("send", GET.format("/stream")), ("read", 5), ("sleep", 1.5))
    time.sleep(0.3)
    drained = host.shift_and_drain(stream_timeout=10)
    assert (drained["streams_finished"], drained["streams_cut"]) == (1, 0)
    assert drained["seconds"] < 4


def test_an_upload_that_has_not_reached_the_release_yet_is_waited_for(host):
    """Nginx reads a whole body before it opens a connection to the app, so no connection to the old port shows it."""
    host.serve_old()
    head = "POST / HTTP/1.1\r\nHost: hotel.test\r\nContent-Length: 8\r\n\r\n"
    user = host.raw(("send", head + "half"), ("sleep", 5), ("send", "half"), ("read", 10))
    time.sleep(0.3)
    drained = host.shift_and_drain()
    host.stop_old()
    answer = json.loads(user.communicate(timeout=10)[0])
    assert answer.startswith("HTTP/1.1 200") and f"POST {OLD}" in answer
    assert 4 < drained["seconds"] < 6


def test_a_connection_opened_before_the_shift_and_used_after_it_is_waited_for(host):
    """Browsers open spare connections. Nginx's old worker keeps them and sends what comes to the old release."""
    host.serve_old()
    user = host.raw(("sleep", 3.5), ("send", GET.format("/")), ("read", 10))
    time.sleep(0.3)
    drained = host.shift_and_drain()
    host.stop_old()
    answer = json.loads(user.communicate(timeout=10)[0])
    assert answer.startswith("HTTP/1.1 200") and f"GET {OLD}" in answer
    assert 2.5 < drained["seconds"] < 4.5
    assert drained["clients_left"] == 0


def test_a_connection_never_used_is_given_up_at_the_bound_of_requests_and_said(host):
    host.serve_old()
    user = host.raw(("sleep", 20))
    time.sleep(0.3)
    drained = host.shift_and_drain(request_timeout=4)
    user.kill()
    assert drained["clients_left"] == 1
    assert drained["seconds"] < 4.7


@pytest.mark.parametrize("place", [20500, "/run/other.sock"], ids=["tcp", "unix"])
def test_another_apps_stream_in_an_old_worker_does_not_hold_the_drain(host, place):
    target = "127.0.0.1:20500" if place == 20500 else "unix:/run/other.sock"
    host.sh(f"rm -f {place}")
    host.do("start", place=place, release="other")
    host.write(
        "/etc/nginx/conf.d/extra.conf",
        f"server {{ listen 80; server_name other.test; location / {{ proxy_pass http://{target}; proxy_buffering off; }} }}\n",
    )
    host.serve_old()
    stream = host.raw(("send", GET.format("/stream").replace("hotel", "other")), ("read", 5), ("sleep", 30))
    assert "200 OK" in stream.stdout.readline()
    # An old worker of an earlier reload that holds a stream, and one of this reload.
    host.reload()
    second = host.raw(("send", GET.format("/stream").replace("hotel", "other")), ("read", 5), ("sleep", 30))
    drained = host.shift_and_drain(request_timeout=20)
    stream.kill()
    second.kill()
    assert drained["seconds"] < 3.2
    assert (drained["requests_finished"], drained["requests_cut"], drained["streams_cut"], drained["clients_left"]) == (0, 0, 0, 0)


def test_a_drain_by_another_process_than_the_shift(host):
    """After a crash the drain does not know when the reload was, nor which workers it left behind."""
    # On a busy machine two processes are not there at once, so the user rests for longer than elsewhere.
    host.sh("sed -i 's/keepalive_min_timeout .*/keepalive_min_timeout 6s;/' /etc/nginx/nginx.conf")
    host.reload()
    host.serve_old()
    user = host.raw(("send", GET.format("/")), ("read", 5), ("sleep", 3), ("send", GET.format("/")), ("read", 5))
    time.sleep(0.3)
    host.do("shift", release=NEW, ports=[20001])
    drained = host.do("drain", drain=[20000], request_timeout=10, stream_timeout=2)
    host.stop_old()
    answers = [json.loads(line) for line in user.communicate(timeout=10)[0].splitlines()]
    assert all(answer.startswith("HTTP/1.1 200") and OLD in answer for answer in answers)
    assert 0.5 < drained["seconds"] < 4.3


def test_nginx_killed_while_draining(host):
    host.serve_old()
    host.raw(("send", GET.format("/slow?20")), ("read", 30))
    time.sleep(0.3)
    running = host.spawn(
        "/test/drive.py",
        json.dumps({"do": "shift", "release": NEW, "ports": [20001], "drain": [20000], "request_timeout": 30, "stream_timeout": 2}),
    )
    time.sleep(2)
    host.kill_nginx()
    assert host.answer(running)["result"]["seconds"] < 4


def test_where_old_workers_may_not_be_looked_into_idle_clients_get_their_time(image):
    for host in machine():
        host.serve_old()
        user = host.raw(("send", GET.format("/")), ("read", 5), ("sleep", 1.9), ("send", GET.format("/")), ("read", 5))
        time.sleep(0.2)
        drained = host.shift_and_drain()
        host.stop_old()
        answers = [json.loads(line) for line in user.communicate(timeout=10)[0].splitlines()]
        assert all(answer.startswith("HTTP/1.1 200") for answer in answers)
        assert drained["seconds"] < 3


# --- what goes wrong ------------------------------------------------------------------------------


def test_preflight_of_a_healthy_edge(host):
    assert host.do("preflight") == []
    host.serve_old()
    assert host.do("preflight") == []
    assert host.do("served")["release"] == OLD


def test_without_the_setting_the_promise_is_taken_back(host):
    host.sh("sed -i '/keepalive_min_timeout/d' /etc/nginx/nginx.conf")
    assert "sets no 'keepalive_min_timeout'" in host.do("preflight")[0]


def test_a_configuration_broken_by_somebody_else(host):
    host.serve_old()
    before = host.read(FILE)
    host.write("/etc/nginx/conf.d/extra.conf", "\n\nfoo bar;\n")
    expected = (
        "Nginx's configuration is broken before this rollout touched it: "
        'unknown directive "foo" in /etc/nginx/conf.d/extra.conf, line 3; repair it and run again'
    )
    assert host.fails("preflight") == expected
    assert host.fails("shift", release=NEW, ports=[20001]) == expected
    assert host.read(FILE) == before
    host.do("verify", release=OLD, ports=[20000])


def test_a_name_that_is_taken_is_put_back(host):
    """Valid by itself, not with the rest: only the test of the whole shows it."""
    host.serve_old()
    host.sh(f"sed -i '/^upstream hotel_ws/,/^}}/d' {FILE}")
    before = host.read(FILE)
    host.write("/etc/nginx/conf.d/extra.conf", "upstream hotel_ws { server 127.0.0.1:1; }\n")
    error = host.fails("shift", release=NEW, ports=[20001])
    assert 'duplicate upstream "hotel_ws" in' in error
    assert error.endswith("; the former configuration was put back")
    assert host.read(FILE) == before
    host.do("verify", release=OLD, ports=[20000])


def test_a_release_id_that_would_break_out_is_not_written(host):
    host.serve_old()
    before = host.read(FILE)
    assert "can't be used in an Nginx configuration" in host.fails("shift", release='x";}', ports=[20001])
    # Passes every check of ours, but not Nginx's own.
    error = host.fails("shift", release="x" * 5000, ports=[20001])
    assert error.startswith("the upstream file for release xxx") and len(error) <= 600
    assert host.read(FILE) == before


def test_nginx_killed(host):
    host.serve_old()
    host.kill_nginx()
    assert host.fails("preflight") == "Nginx is not running (/run/nginx.pid names no running master process): start it and run again"
    assert "is not running" in host.fails("shift", release=NEW, ports=[20001])
    assert f'"{OLD}"' in host.read(FILE)


def test_a_vhost_that_lacks_the_headers(host):
    host.serve_old()
    host.sh("sed -i '/add_header/d' /etc/nginx/conf.d/hotel.conf")
    host.reload()
    assert "answered 200 without the header X-Steady-Release" in host.fails("preflight")
    error = host.fails("shift", release=NEW, ports=[20001])
    assert "answered 200 without the header X-Steady-Release" in error
    assert "the former configuration was put back, but" in error
    assert f'"{OLD}"' in host.read(FILE)


def test_a_release_that_does_not_answer_through_the_edge(host):
    host.serve_old()
    error = host.fails("shift", release=NEW, ports=[20999])
    assert f"answered 502: release {NEW} is asked at 127.0.0.1:20999 but does not answer there" in error
    assert error.endswith("; the former configuration was put back")
    host.do("verify", release=OLD, ports=[20000])


def test_a_path_that_nginx_answers_itself(host):
    host.serve_old()
    error = host.fails("verify", release=OLD, ports=[20000], url="http://127.0.0.1/static")
    assert "without the header X-Steady-Upstream: Nginx answered by itself" in error


def test_over_tls_with_the_hosts_name(host):
    host.serve_old()
    host.do("shift", release=NEW, ports=[20001], url="https://127.0.0.1/")
    host.do("verify", release=NEW, ports=[20001], url="https://127.0.0.1/")
    assert "does not answer: " in host.fails("verify", release=NEW, ports=[20001], url="https://127.0.0.1:80/")


def test_users_do_not_see_the_headers(host):
    host.serve_old()
    address = host.sh("hostname -i").split()[0]
    fetch = f"import urllib.request as u; print(u.urlopen(u.Request('http://{address}/', headers={{'Host': 'hotel.test'}})).headers)"
    answer = host.sh(f'python3 -c "{fetch}"')
    assert "X-Release" in answer and "X-Steady" not in answer


def test_a_rollout_killed_between_writing_and_reloading_is_finished(host):
    host.serve_old()
    host.write(FILE, render(Served("hotel", NEW, (Upstream("web", (20001,)), Upstream("ws", ()))), "now"))
    assert host.do("served")["release"] == NEW
    assert "still answered by release" in host.fails("verify", release=NEW, ports=[20001])
    host.do("shift", release=NEW, ports=[20001])
    host.do("verify", release=NEW, ports=[20001])


def test_a_second_identical_shift_does_not_reload(host):
    host.serve_old()
    before = host.sh("pgrep -f '^nginx: worker'")
    host.do("shift", release=OLD, ports=[20000])
    assert host.sh("pgrep -f '^nginx: worker'") == before


def test_a_file_damaged_by_hand(host):
    host.serve_old()
    host.sh(f"sed -i 's/127.0.0.1:20000/localhost:20000/' {FILE}")
    assert f"{FILE} was changed by hand or damaged: line " in host.fails("served")
