"""WebSocket and SSE clients: cuts, broken connections and failures are told apart."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from load import Config, Shape, SseClient, WebSocketClient, generate
from load_servers import Peer, Request, Server
from websockets.asyncio.server import serve

CHUNKED = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def load(url: str, stream, seconds: float = 1.0) -> Config:
    """Next to no requests: the stream is what is looked at."""
    return Config(url=url, shapes=(Shape("get", expect=frozenset(range(100, 600))),), rate=1, seconds=seconds, streams=(stream,), timeout=1)


def websocket(handler, seconds: float = 1.0, process_request=None, **spec):
    """Run a WebSocket client against a handler that gets (connection, number of the connection)."""

    async def both():
        numbers = iter(range(1, 10_000))

        async def handle(connection):
            await handler(connection, next(numbers))

        async with serve(handle, "127.0.0.1", 0, process_request=process_request) as server:
            port = server.sockets[0].getsockname()[1]
            spec.setdefault("interval", 0.05)
            spec.setdefault("reconnect_delay", 0.05)
            client = WebSocketClient("/ws", **spec)
            return (await generate(load(f"http://127.0.0.1:{port}/", client, seconds))).streams[0]

    return asyncio.run(both())


async def echo(connection, number=0):
    async for message in connection:
        await connection.send(message)


def test_echoes_are_counted_and_pushes_told_apart():
    async def handler(connection, number):
        await connection.send("hello")
        async for message in connection:
            await connection.send("news")
            await connection.send('{"echo": "' + message + '"}')

    stats = websocket(handler)
    assert 15 <= stats.messages <= 21 and stats.connects == 1
    assert stats.pushes == stats.messages + 1
    assert (stats.cut, stats.abnormal, stats.failed, stats.unanswered) == (0, 0, 0, 0)
    assert stats.latency.count == stats.messages and stats.latency.p99 < 0.2 and stats.max_gap < 0.5


@pytest.mark.parametrize("code", [1001, 1012])
def test_orderly_close_and_a_successful_reconnect_is_a_cut(code):
    async def handler(connection, number):
        if number <= 2:
            await connection.recv()
            await connection.close(code)
        else:
            await echo(connection)

    stats = websocket(handler)
    assert (stats.connects, stats.cut, stats.abnormal, stats.failed) == (3, 2, 0, 0)
    assert stats.closes == {str(code): 2} and stats.unanswered == 2 and stats.messages > 5


def test_connection_that_breaks_is_abnormal():
    async def handler(connection, number):
        if number == 1:
            await connection.recv()
            connection.transport.abort()
            await connection.wait_closed()
        else:
            await echo(connection)

    stats = websocket(handler)
    assert (stats.connects, stats.cut, stats.abnormal, stats.failed) == (2, 0, 1, 0)
    assert stats.closes == {"1006": 1}


@pytest.mark.parametrize("code", [1000, 1008, 1011])
def test_other_codes_are_failures(code):
    async def handler(connection, number):
        if number == 1:
            await connection.recv()
            await connection.close(code, "go away")
        else:
            await echo(connection)

    stats = websocket(handler)
    assert (stats.connects, stats.cut, stats.abnormal, stats.failed) == (2, 0, 0, 1)
    assert stats.failures[0].kind == "closed" and "go away" in stats.failures[0].detail


def test_cut_without_anybody_to_come_back_to_is_a_failure():
    async def both():
        async def handler(connection):
            await connection.recv()
            server.close(close_connections=False)
            await connection.close(1001)

        server = await serve(handler, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        client = WebSocketClient("/ws", reconnect_delay=0.3)
        result = await generate(load(f"http://127.0.0.1:{port}/", client))
        await server.wait_closed()
        return result.streams[0]

    stats = asyncio.run(both())
    assert (stats.connects, stats.cut, stats.closes) == (1, 0, {"1001": 1})
    assert stats.failed >= 1 and {f.kind for f in stats.failures} == {"connect_refused"}


def test_cut_right_before_the_end_is_settled():
    async def handler(connection, number):
        if number == 1:
            await asyncio.sleep(0.8)
            await connection.close(1001)
        else:
            await echo(connection)

    stats = websocket(handler, reconnect_delay=5)
    assert (stats.connects, stats.cut, stats.failed) == (2, 1, 0)


def test_no_echo_is_a_timeout():
    async def handler(connection, number):
        if number == 1:
            async for dummy in connection:
                await connection.send("something else")
        await echo(connection)

    stats = websocket(handler, reply_timeout=0.2)
    assert (stats.connects, stats.failed, stats.abnormal) == (2, 1, 0) and stats.failures[0].kind == "timeout"
    assert stats.pushes == 1 and stats.messages > 5


def test_refused_and_redirected_handshakes_are_failures():
    def refuse(connection, request):
        return connection.respond(503, "not now\n")

    stats = websocket(echo, process_request=refuse, seconds=0.5)
    assert stats.connects == 0 and stats.failed >= 3
    assert {f.kind for f in stats.failures} == {"bad_status"} and b"not now" in stats.failures[0].first_bytes

    def redirect(connection, request):
        response = connection.respond(302, "")
        response.headers["Location"] = "ws://192.0.2.1/"
        return response

    stats = websocket(echo, process_request=redirect, seconds=0.5)
    assert stats.connects == 0 and stats.failed >= 3 and {f.kind for f in stats.failures} == {"protocol_error"}


def test_handshake_that_breaks_or_hangs_is_a_failure():
    async def both(how: str):
        async def answer(peer: Peer, request: Request) -> None:
            if request.target == "/ws" and how == "hang":
                await asyncio.sleep(5)
            getattr(peer, how)()

        async with Server(answer) as server:
            return (await generate(load(server.url, WebSocketClient("/ws", open_timeout=0.2), 0.5))).streams[0]

    for how, kind in (("close", "handshake_failed"), ("reset", "handshake_failed"), ("hang", "timeout")):
        stats = asyncio.run(both(how))
        assert stats.connects == 0 and stats.failed >= 2 and {f.kind for f in stats.failures} == {kind}, how


def sse(answer, seconds: float = 1.0, **spec):
    """Run an SSE client against an answer that gets (peer, number of the request); also what the server saw."""

    async def both():
        streams = []

        async def choose(peer: Peer, request: Request) -> None:
            if request.target == "/events":
                streams.append(request)
                with contextlib.suppress(ConnectionError):
                    await answer(peer, len(streams))
            else:
                await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")

        async with Server(choose) as server:
            spec.setdefault("reconnect_delay", 0.05)
            result = await generate(load(server.url, SseClient("/events", **spec), seconds))
            return result.streams[0], streams

    return asyncio.run(both())


async def events(peer: Peer, count: int, start: int = 0, pause: float = 0.02) -> None:
    for number in range(start, start + count):
        text = b": comment\r\nid: %d\r\nevent: tick\r\ndata: %d\r\ndata: more\r\n\r\n" % (number, number)
        for part in (text[:17], text[17:]):  # lines arrive in pieces
            await peer.send(b"%x\r\n%b\r\n" % (len(part), part))
        await asyncio.sleep(pause)


def test_events_are_counted():
    async def answer(peer, number):
        await peer.send(CHUNKED)
        await events(peer, 10)
        await peer.send(b"a\r\nid: 99\r\n\r\n\r\n")  # an event without data is none
        await asyncio.sleep(5)

    stats, dummy = sse(answer)
    assert (stats.connects, stats.messages, stats.cut, stats.abnormal, stats.failed) == (1, 10, 0, 0, 0)
    assert stats.max_gap > 0.6


def test_clean_end_and_reconnect_is_a_cut_and_names_the_last_event():
    async def answer(peer, number):
        await peer.send(CHUNKED)
        await events(peer, 3, number * 10)
        if number <= 2:
            await peer.send(b"0\r\n\r\n")
            peer.close()
        else:
            await asyncio.sleep(5)

    stats, seen = sse(answer)
    assert (stats.connects, stats.messages, stats.cut, stats.abnormal, stats.failed) == (3, 9, 2, 0, 0)
    assert stats.closes == {"end": 2}
    assert [request.headers.get("last-event-id") for request in seen] == [None, "12", "22"]


@pytest.mark.parametrize("how", ["close", "reset"])
def test_stream_that_breaks_off_is_abnormal(how):
    async def answer(peer, number):
        await peer.send(CHUNKED)
        await events(peer, 2)
        if number == 1:
            getattr(peer, how)()
        else:
            await asyncio.sleep(5)

    stats, dummy = sse(answer)
    assert (stats.connects, stats.messages, stats.cut, stats.abnormal, stats.failed) == (2, 4, 0, 1, 0)
    assert stats.closes == {"broken": 1}


@pytest.mark.parametrize(
    "head, kind",
    [
        (b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n", "bad_status"),
        (b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 2\r\n\r\nhi", "check_failed"),
        (b"garbage\r\n\r\n", "protocol_error"),
        (b"", "empty_reply"),
        (b"HTTP/1.1 200", "reset_midway"),
    ],
)
def test_stream_that_does_not_start_is_a_failure(head, kind):
    async def answer(peer, number):
        if number == 1:
            await peer.send(head)
            peer.close()
            return
        await peer.send(CHUNKED)
        await events(peer, 1)
        await asyncio.sleep(5)

    stats, dummy = sse(answer)
    assert (stats.connects, stats.messages, stats.cut, stats.abnormal, stats.failed) == (1, 1, 0, 0, 1)
    assert stats.failures[0].kind == kind and stats.failures[0].first_bytes == head


def test_hanging_start_silence_and_garbled_frames_are_failures():
    async def answer(peer, number):
        if number == 1:
            await asyncio.sleep(5)
        await peer.send(CHUNKED)
        if number == 2:
            await asyncio.sleep(5)
        if number == 3:
            await peer.send(b"nonsense\r\n")
        await events(peer, 50)

    stats, dummy = sse(answer, seconds=1.5, open_timeout=0.2, silence=0.3)
    assert (stats.connects, stats.cut, stats.abnormal, stats.failed) == (3, 0, 0, 3)
    assert [f.kind for f in stats.failures] == ["timeout", "timeout", "protocol_error"]
    assert stats.closes == {"silent": 1, "garbled": 1} and stats.messages > 5
