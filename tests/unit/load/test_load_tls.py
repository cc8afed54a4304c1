"""Load over TLS: the same counting, certificates checked where a CA is given."""

from __future__ import annotations

import asyncio
import ssl
import subprocess

import h11
import pytest
from load import Config, Shape, SseClient, WebSocketClient, default_mix, generate
from websockets.asyncio.server import serve

STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"


@pytest.fixture(scope="module")
def pem(tmp_path_factory):
    """A self-signed certificate of hotel.test with its key, in one file."""
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
        + ["-subj", "/CN=hotel.test", "-addext", "subjectAltName=DNS:hotel.test", "-keyout", path, "-out", f"{path}.crt"],
        check=True,
        capture_output=True,
    )
    path.write_bytes(path.read_bytes() + path.with_name("server.pem.crt").read_bytes())
    return str(path)


def server_side(pem: str) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(pem)
    return made


class Web:
    """Answers `ok`; closes each connection after ``uses`` answers, or, with ``lossy``, instead of the answer after them."""

    def __init__(self, uses: int = 10**9, lossy: bool = False) -> None:
        self.uses = uses
        self.lossy = lossy

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for use in range(self.uses + self.lossy):
            http = h11.Connection(h11.SERVER)
            event = http.next_event()
            while not isinstance(event, h11.EndOfMessage):
                if event is h11.NEED_DATA:
                    data = await reader.read(65536)
                    if not data:
                        return writer.close()
                    http.receive_data(data)
                event = http.next_event()
            if use < self.uses:
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        writer.close()


def loaded(pem: str, handler, **changes):
    """The result of a load on a TLS server with that handler."""

    async def both():
        async with await asyncio.start_server(handler, "127.0.0.1", 0, ssl=server_side(pem)) as server:
            port = server.sockets[0].getsockname()[1]
            settings = {"shapes": default_mix(post="/book"), "rate": 200, "seconds": 1, "keepalive": 8, "host": "hotel.test", **changes}
            return await generate(Config(url=f"https://127.0.0.1:{port}/", **settings))

    return asyncio.run(both())


@pytest.mark.parametrize("rtt", [0.0, 0.02])
def test_the_mix_over_tls_is_clean(pem, rtt):
    result = loaded(pem, Web(), ca=pem, rtt=rtt)
    assert result.clean and result.requests >= 190
    assert result.connections["keepalive"] >= 8 > 0


def test_another_certificate_than_the_cas_is_a_failure(pem):
    result = loaded(pem, Web(), ca=pem, host="other.test")
    assert result.kinds() == {"handshake_failed": result.requests}
    assert "CERTIFICATE_VERIFY_FAILED" in result.failures[0].detail


def test_close_while_idle_is_no_failure(pem):
    result = loaded(pem, Web(uses=3), rate=50)
    assert result.clean, result.failures[:3]
    assert result.connections["idle_close"] + result.connections.get("close_announced", 0) > 3


def test_close_instead_of_an_answer_is_a_failure(pem):
    result = loaded(pem, Web(uses=1, lossy=True), rate=20, fresh=0)
    assert set(result.kinds()) == {"keepalive_reset"}


def test_plain_http_on_the_port_is_a_failed_handshake(pem):
    async def both():
        async with await asyncio.start_server(Web(), "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            return await generate(Config(url=f"https://127.0.0.1:{port}/", shapes=(Shape("get"),), rate=10, seconds=0.3, timeout=1))

    assert "handshake_failed" in asyncio.run(both()).kinds()


def test_event_stream(pem):
    async def handler(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(STREAM)
        for number in range(100):
            writer.write(f"data: {number}\n\n".encode())
            await writer.drain()
            await asyncio.sleep(0.05)

    shape = Shape("get", expect=frozenset(range(100, 600)), path="/x")
    result = loaded(pem, handler, shapes=(shape,), rate=1, timeout=0.5, streams=(SseClient("/events"),), ca=pem)
    assert result.streams[0].messages >= 10 and not result.streams[0].failed


def test_websocket(pem):
    async def echo(connection):
        async for message in connection:
            await connection.send(message)

    async def both():
        async with serve(echo, "127.0.0.1", 0, ssl=server_side(pem)) as server:
            port = server.sockets[0].getsockname()[1]
            client = WebSocketClient("/ws", interval=0.05)
            shape = Shape("get", expect=frozenset(range(100, 600)))
            config = Config(
                url=f"https://127.0.0.1:{port}/", shapes=(shape,), rate=1, seconds=1, host="hotel.test", ca=pem, streams=(client,)
            )
            return (await generate(config)).streams[0]

    stats = asyncio.run(both())
    assert stats.messages >= 10 and not stats.failed
