# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""FastCGI's records: cut right however they are chunked, and no surprise for any bytes."""

from __future__ import annotations

import itertools
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.steady.deploy.plugins.module_utils.probe import records
from ansible_collections.steady.deploy.plugins.module_utils.probe.records import (
    END_REQUEST,
    STDERR,
    STDOUT,
    FastCgiError,
    Record,
    RecordReader,
    Reply,
    encode_record,
    encode_request,
    split_output,
)


def chunks(data: bytes, cuts: list[int]) -> list[bytes]:
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(places)]


@given(
    st.lists(st.tuples(st.integers(1, 11), st.binary(max_size=300), st.integers(0, 255)), max_size=6),
    st.lists(st.integers(0, 5000), max_size=8),
)
def test_records_survive_any_chunking_and_padding(wanted, cuts):
    stream = b"".join(
        struct.pack(">BBHHBB", 1, kind, 1, len(content), padding, 0) + content + b"\xff" * padding for kind, content, padding in wanted
    )
    reader = RecordReader()
    found = [record for chunk in chunks(stream, cuts) for record in reader.feed(chunk)]
    assert found == [Record(kind, 1, content) for kind, content, _padding in wanted]


@given(st.lists(st.binary(max_size=200) | st.builds(encode_record, st.integers(0, 255), st.binary(max_size=50)), max_size=10))
def test_any_bytes_give_records_or_fastcgi_error(parts):
    reader, reply = RecordReader(), Reply(100)
    try:
        for part in parts:
            for record in reader.feed(part):
                reply.take(record)
        split_output(bytes(reply.stdout))
    except FastCgiError as exc:
        assert str(exc)
    assert len(reply.stdout) <= 100
    assert len(reply.stderr) <= 100


@given(st.binary(max_size=300))
def test_any_output_gives_a_status_or_fastcgi_error(output):
    try:
        status, _reason, _headers, _body = split_output(output)
    except FastCgiError:
        return
    assert 0 <= status <= 999


def decode_pairs(data: bytes) -> dict[str, str]:
    """The peer's side, written apart from the code under test."""
    found, at = {}, 0
    while at < len(data):
        lengths = []
        for _which in range(2):
            if data[at] >> 7:
                lengths.append(struct.unpack_from(">I", data, at)[0] & 0x7FFFFFFF)
                at += 4
            else:
                lengths.append(data[at])
                at += 1
        name, value = data[at : at + lengths[0]], data[at + lengths[0] : at + sum(lengths)]
        at += sum(lengths)
        found[name.decode()] = value.decode()
    return found


@given(st.dictionaries(st.text("ABC_", min_size=1, max_size=200), st.text(max_size=300), max_size=8))
def test_a_request_is_what_the_protocol_wants(params):
    found = RecordReader().feed(encode_request(params))
    assert (found[0].kind, found[0].content) == (records.BEGIN_REQUEST, b"\x00\x01\x00\x00\x00\x00\x00\x00")
    assert (found[-1].kind, found[-1].content) == (records.STDIN, b"")
    middle = found[1:-1]
    assert {record.kind for record in middle} == {records.PARAMS}
    assert middle[-1].content == b""
    assert decode_pairs(b"".join(record.content for record in middle)) == params


def test_params_beyond_one_record_are_split():
    params = {f"HTTP_X{number}": "v" * 30000 for number in range(5)}
    parts = [record for record in RecordReader().feed(encode_request(params)) if record.kind == records.PARAMS]
    assert [len(part.content) > 0 for part in parts] == [True, True, True, False]
    assert decode_pairs(b"".join(part.content for part in parts)) == params


@pytest.mark.parametrize(
    ("protocol_status", "sentence"),
    [
        (1, "the request was refused: it does not take several requests on one connection"),
        (2, "the request was refused: it is overloaded"),
        (3, "the request was refused: it does not know the responder role"),
        (9, "the request was refused: status 9"),
    ],
)
def test_refusals(protocol_status, sentence):
    with pytest.raises(FastCgiError) as caught:
        Reply(10).take(Record(END_REQUEST, 1, struct.pack(">IB3x", 0, protocol_status)))
    assert str(caught.value) == sentence


def test_a_reply_ignores_other_requests_and_all_after_its_end():
    reply = Reply(10)
    reply.take(Record(STDOUT, 2, b"other"))
    reply.take(Record(STDOUT, 1, b"a"))
    reply.take(Record(STDERR, 1, b"e"))
    reply.take(Record(END_REQUEST, 1, bytes(8)))
    reply.take(Record(STDOUT, 1, b"late"))
    assert (bytes(reply.stdout), bytes(reply.stderr), reply.ended) == (b"a", b"e", True)


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (b"Content-Type: text/plain\r\n\r\nhi", (200, "OK", [("Content-Type", "text/plain")], b"hi")),
        (b"Status: 503 Service Unavailable\r\nA: b\r\n\r\nx\n\ny", (503, "Service Unavailable", [("A", "b")], b"x\n\ny")),
        (b"status: 404\n\nno\r\n\r\n", (404, "", [], b"no\r\n\r\n")),
        (b"A: b", (200, "OK", [("A", "b")], b"")),
        (b"", (200, "OK", [], b"")),
    ],
)
def test_output_is_split(output, expected):
    assert split_output(output) == expected


@pytest.mark.parametrize("output", [b"Hello", b": x\n\n", b"Status: ok\n\n", b"Status: 20\n\n", b"Status: \xb2\xb3\xb9\n\n"])
def test_bad_output_is_refused(output):
    with pytest.raises(FastCgiError):
        split_output(output)


def test_the_pure_ascii_of_a_wrong_protocol_is_told():
    with pytest.raises(FastCgiError, match="the answer is not FastCGI"):
        RecordReader().feed(b"HTTP/1.1 400 Bad Request\r\n")
