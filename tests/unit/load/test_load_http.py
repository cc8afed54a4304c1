"""Every way in which a server can fail a request is counted exactly once; clean ends are not."""

from __future__ import annotations

import asyncio
import time

import pytest
from load import Config, Shape, default_mix, generate
from load.clients import open_connection
from load_servers import OK, Peer, Request, Server, config, free_port, ok, run

SERIAL = {"keepalive": 1, "rate": 20, "seconds": 0.5}  # one client, 50 ms between two requests


def booked(result) -> None:
    """The numbers agree with each other."""
    assert result.requests == result.ok + result.failed == len(result.samples.ok)
    assert result.failed == len(result.failures) == len({f.number for f in result.failures})
    assert sum(second.requests for second in result.timeline) == result.requests


def test_good_server_sees_the_mix_and_nothing_fails():
    result, server = run(ok, shapes=default_mix(get="/", post="/book"), rate=400, seconds=2, keepalive=32, fresh=0.1, host="hotel.test")
    booked(result)
    assert result.clean and result.requests == 800 == len(server.requests)
    assert {request.headers["host"] for request in server.requests} == {"hotel.test"}
    posts = [request for request in server.requests if request.method == "POST"]
    assert 0.25 < len(posts) / 800 < 0.35
    assert len({post.body for post in posts}) == len(posts) and all(result.run.encode() in post.body for post in posts)
    assert result.connections["keepalive"] >= 32
    assert 0.06 < result.connections["fresh"] / 800 < 0.14
    assert server.connections == result.connections["keepalive"] + result.connections["fresh"]
    # Every keep-alive client is really used again and again.
    uses = {request.connection: request.use for request in server.requests}
    assert sum(1 for use in uses.values() if use > 5) >= 32


@pytest.mark.parametrize("how", ["close", "reset"])
def test_kept_connection_closed_on_a_request_is_a_failure_and_never_sent_again(how):
    async def answer(peer: Peer, request: Request) -> None:
        if request.use == 3:
            getattr(peer, how)()
        else:
            await peer.send(OK)

    result, server = run(answer)
    booked(result)
    broken = [request for request in server.requests if request.use == 3]
    assert broken and result.kinds() == {"keepalive_reset": len(broken)}
    assert len(server.requests) == result.requests
    assert all(f.first_bytes == b"" for f in result.failures)


@pytest.mark.parametrize("how", ["close", "reset"])
def test_new_connection_without_an_answer(how):
    async def answer(peer: Peer, request: Request) -> None:
        getattr(peer, how)()

    result, server = run(answer, fresh=0.5)
    booked(result)
    assert result.kinds() == {"empty_reply": 50} and len(server.requests) == 50
    assert not result.clean


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize(
    "part",
    [
        b"HTTP/1.1 20",
        b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        b"HTTP/1.1 103 Early Hints\r\n\r\n",
    ],
)
def test_response_that_breaks_off(part, how):
    async def answer(peer: Peer, request: Request) -> None:
        await peer.send(part)
        await asyncio.sleep(0.02)
        getattr(peer, how)()

    result, dummy = run(answer, rate=40)
    booked(result)
    assert result.kinds() == {"reset_midway": 10}
    assert {f.first_bytes for f in result.failures} == {part}


@pytest.mark.parametrize("rtt", [0, 1])
def test_response_without_length_ends_with_the_connection_but_not_with_a_reset(rtt):
    async def answer(peer: Peer, request: Request) -> None:
        await peer.send(b"HTTP/1.1 200 OK\r\n\r\nsome")
        await asyncio.sleep(0.02)
        peer.reset() if request.target == "/reset" else peer.close()

    result, dummy = run(answer, shapes=(Shape("good"), Shape("bad", path="/reset")), rate=40, rtt=rtt)
    booked(result)
    assert result.shapes["good"].failed == 0 and result.shapes["bad"].failed == result.shapes["bad"].requests > 0
    assert set(result.kinds()) == {"reset_midway"}


def test_wrong_status_keeps_its_first_bytes_and_the_connection():
    async def answer(peer: Peer, request: Request) -> None:
        await peer.send(b"HTTP/1.1 500 Oops\r\ncontent-length: 4\r\n\r\noops")

    result, server = run(answer)
    booked(result)
    assert result.kinds() == {"bad_status": 50} and server.connections == result.connections["keepalive"] < 25
    assert all(b"oops" in f.first_bytes for f in result.failures)
    assert "500 instead of 200" in result.failures[0].detail


@pytest.mark.parametrize("start", [b"", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nha"])
def test_hanging_server_times_out_from_the_due_time(start):
    async def answer(peer: Peer, request: Request) -> None:
        if start:
            await peer.send(start)
        await asyncio.sleep(30)

    result, dummy = run(answer, timeout=0.3, rate=40)
    booked(result)
    assert result.kinds() == {"timeout": 10}
    assert all(0.25 < f.time - f.scheduled < 0.45 for f in result.failures)


def test_nobody_listens():
    result = asyncio.run(generate(config(f"http://127.0.0.1:{free_port()}/")))
    booked(result)
    assert result.kinds() == {"connect_refused": 50}
    assert result.max_gap == pytest.approx(result.seconds) and result.latency.count == 0


def test_connect_that_never_comes_through():
    # A listener whose queue is full drops the client's first packet.
    async def both():
        import socket

        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen(0)
            address = listener.getsockname()
            fill = [socket.socket() for dummy in range(4)]
            for sock in fill:
                sock.setblocking(False)
                sock.connect_ex(address)
            await asyncio.sleep(0.1)
            try:
                return await generate(config(f"http://127.0.0.1:{address[1]}/", connect_timeout=0.2, rate=40, fresh=0.5))
            finally:
                for sock in fill:
                    sock.close()

    result = asyncio.run(both())
    booked(result)
    assert result.kinds() == {"connect_timeout": 10}


def test_bytes_that_are_not_http():
    async def answer(peer: Peer, request: Request) -> None:
        await peer.send(b"SSH-2.0-hello\r\n\r\n")
        await asyncio.sleep(1)

    result, dummy = run(answer)
    booked(result)
    assert result.kinds() == {"protocol_error": 50}
    assert result.failures[0].first_bytes.startswith(b"SSH-2.0")


def test_announced_close_is_no_failure():
    async def answer(peer: Peer, request: Request) -> None:
        await peer.send(OK.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n"))
        peer.close()

    result, server = run(answer)
    booked(result)
    assert result.clean and server.connections == 50 == result.connections["close_announced"]


@pytest.mark.parametrize("how, noted", [("close", "idle_close"), ("reset", "idle_reset")])
def test_close_while_idle_is_no_failure(how, noted):
    async def answer(peer: Peer, request: Request) -> None:
        await peer.send(OK)
        await asyncio.sleep(0.01)
        getattr(peer, how)()

    result, server = run(answer, **SERIAL)
    booked(result)
    assert result.clean and server.connections == 10 and result.connections[noted] == 9


def test_distant_client_loses_what_it_sends_before_it_learns_of_the_close():
    async def answer(peer: Peer, request: Request) -> None:
        await peer.send(OK)
        await asyncio.sleep(0.01)
        peer.close()

    rarely = {"keepalive": 1, "rate": 5, "seconds": 1.2}
    result, server = run(answer, **rarely, rtt=0.5)
    booked(result)
    # Each second request goes out on the closed connection; the next one connects anew.
    assert result.kinds() == {"keepalive_reset": 3} and len(server.requests) == 3
    result, server = run(answer, **rarely, rtt=0.02)
    assert result.clean and len(server.requests) == 6


def test_close_that_the_loop_has_not_seen_yet_is_found_before_sending():
    async def both():
        async with Server(ok) as server:
            settings = config(server.url)
            connection = await open_connection(settings, settings.target(), 1)
            assert connection.usable() == ""
            # Closed by the server while this loop is busy elsewhere: only the socket knows.
            for task in list(server._tasks):
                task.cancel()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            before = connection._ended
            time.sleep(0.05)
            return before, connection.usable()

    assert asyncio.run(both()) == ("", "idle_close")


def test_unasked_bytes_on_an_idle_connection_end_it_without_a_failure():
    async def answer(peer: Peer, request: Request) -> None:
        await peer.send(OK)
        await asyncio.sleep(0.01)
        await peer.send(b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n")

    result, dummy = run(answer, **SERIAL)
    booked(result)
    assert result.clean and result.connections["idle_unasked_bytes"] == 9


def test_informational_responses_head_and_no_content():
    async def answer(peer: Peer, request: Request) -> None:
        if request.method == "HEAD":
            await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n")
        elif request.method == "DELETE":
            await peer.send(b"HTTP/1.1 204 No Content\r\n\r\n")
        else:
            await peer.send(b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" + OK)

    shapes = (Shape("hints"), Shape("head", "HEAD"), Shape("delete", "DELETE", expect=frozenset({204})))
    result, server = run(answer, shapes=shapes)
    booked(result)
    # None of these answers ends a connection.
    assert result.clean and server.connections == result.connections["keepalive"] < result.requests / 2


def judge(response):
    if response.text == "raise":
        raise ValueError("no good")
    return None if response.text == "ok" else f"body is {response.text}"


def test_checks_count_and_cannot_get_lost():
    bodies = {"/good": b"ok", "/bad": b"ko", "/raise": b"raise"}

    async def answer(peer: Peer, request: Request) -> None:
        body = bodies[request.target]
        await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))

    shapes = tuple(Shape(path[1:], path=path, check=judge) for path in bodies)
    result, dummy = run(answer, shapes=shapes)
    booked(result)
    assert result.shapes["good"].failed == 0
    assert set(result.kinds()) == {"check_failed"}
    assert {f.shape: f.detail for f in result.failures} == {
        "bad": "body is ko",
        "raise": "the check raised ValueError: no good",
    }
    assert result.failed == result.shapes["bad"].requests + result.shapes["raise"].requests


def broken(anything):
    raise RuntimeError("broken function")


@pytest.mark.parametrize(
    "changes",
    [
        {"shapes": (Shape("path", path=broken),)},
        {"shapes": (Shape("body", "POST", body=broken),)},
        {"shapes": (Shape("space", path="/with space"),)},
        {"version": broken},
    ],
)
def test_broken_functions_of_the_caller_are_counted(changes):
    result, dummy = run(ok, **changes)
    booked(result)
    assert result.kinds() == {"shape_error": 50}


def test_callables_make_paths_and_bodies():
    result, server = run(ok, shapes=(Shape("post", "POST", path=lambda n: f"/room/{n}", body=lambda n: b"x" * (n * 3000)),), rate=40)
    assert result.clean
    assert sorted(len(request.body) for request in server.requests) == [n * 3000 for n in range(10)]
    assert {request.target for request in server.requests} == {f"/room/{n}" for n in range(10)}


def test_stalled_server_does_not_slow_the_schedule_and_the_wait_counts():
    async def both():
        gate = asyncio.Event()

        async def answer(peer: Peer, request: Request) -> None:
            await gate.wait()
            await peer.send(OK)

        async with Server(answer) as server:
            loop, later = asyncio.get_running_loop(), []
            loop.call_later(1.02, gate.set)
            loop.call_later(1.45, lambda: later.append(len(server._tasks)))
            result = await generate(config(server.url, rate=100, seconds=1.5, keepalive=4))
        return result, server, later[0]

    result, server, open_later = asyncio.run(both())
    booked(result)
    assert result.clean and result.requests == 150
    # Requests that were due evenly during the stall waited for what was left of it.
    stalled = result.window(0, 1)
    assert stalled.requests == 100 and stalled.latency.p50 == pytest.approx(0.5, abs=0.1)
    assert stalled.latency.max == pytest.approx(1.0, abs=0.1)
    assert result.window(1.2).latency.p50 < 0.1
    assert result.max_gap == pytest.approx(1.0, abs=0.1)
    # The stall drew a crowd, which left again.
    assert server.connections > 90 and open_later <= 8


def test_no_connection_free_is_waiting_and_then_a_timeout():
    async def slow(peer: Peer, request: Request) -> None:
        await asyncio.sleep(0.1)
        await peer.send(OK)

    result, server = run(slow, rate=40, seconds=0.5, keepalive=2, max_connections=2, timeout=0.4)
    booked(result)
    assert server.connections <= 2 + result.failed
    assert result.connections["queued"] > 10
    # Two clients manage 20 requests/s: half of 40/s has to wait longer and longer.
    assert result.ok and set(result.kinds()) == {"timeout"}


def test_slow_shape_stays_out_of_the_mix():
    async def answer(peer: Peer, request: Request) -> None:
        await asyncio.sleep(0.6 if request.target == "/slow" else 0)
        await peer.send(OK)

    result, dummy = run(answer, shapes=(Shape("get"), Shape("slow", path="/slow", rate=4)), rate=100, seconds=1)
    booked(result)
    assert result.clean and result.shapes["slow"].requests == 4 and result.shapes["get"].requests == 100
    assert result.latency.count == 100 and result.latency.max < 0.5
    assert result.shapes["slow"].latency.p50 == pytest.approx(0.6, abs=0.1)
    assert result.window(0, 1, shapes=["slow"]).latency.p50 == pytest.approx(0.6, abs=0.1)
    assert result.window(0, 1).requests == 104


def test_bound_in_requests_ends_the_run():
    started = time.monotonic()
    result, server = run(ok, requests=7, seconds=60)
    assert result.requests == 7 == len(server.requests) and time.monotonic() - started < 5


def test_versions_are_counted_by_time():
    from load import BodyVersion, HeaderVersion

    async def answer(peer: Peer, request: Request) -> None:
        release = b"new" if len(server_requests) >= 20 else b"old"
        server_requests.append(request)
        await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\nx-release: %b\r\n\r\nrelease=%b" % (release, release[:2]))

    for version, names in ((HeaderVersion("X-Release"), ["old", "new"]), (BodyVersion(r"release=(\w+)"), ["ol", "ne"])):
        server_requests: list[Request] = []
        result, dummy = run(answer, version=version, rate=50, seconds=1, keepalive=1)
        old, new = (result.versions[name] for name in names)
        assert (old.count, new.count) == (20, 30) and old.last <= new.first
        assert result.window(0.6).versions == {names[1]: result.window(0.6).requests}


def test_result_is_the_same_schedule_for_the_same_seed():
    from load.engine import schedule

    first = Config("http://127.0.0.1/", default_mix(post="/", slow="/slow"), rate=100, seconds=10)
    assert list(schedule(first)) == list(schedule(first))
    due = list(schedule(first))
    assert len(due) == 1005 and [d.number for d in due] == list(range(1005))
    mix = [d.at for d in due if d.shape != 2]
    assert mix == pytest.approx([i / 100 for i in range(1000)])
    other = list(schedule(Config("http://127.0.0.1/", first.shapes, rate=100, seconds=10, seed=2)))
    assert [d.shape for d in due] != [d.shape for d in other]
