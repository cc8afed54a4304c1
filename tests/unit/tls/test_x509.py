"""What openssl prints, as data."""

from __future__ import annotations

import base64
import calendar
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.steady.deploy.plugins.module_utils.tls.errors import CertificateError
from ansible_collections.steady.deploy.plugins.module_utils.tls.x509 import (
    Info,
    ari_id,
    covers,
    parse_info,
    parse_time,
    split_pem,
    uncovered,
)

OPENSSL_3 = """\
subject=CN=x
issuer=CN=Pebble Intermediate CA 1
serial=3D456D7A64D154C6
notBefore=Nov  1 20:23:17 2026 GMT
notAfter=Feb 29 20:23:17 2028 GMT
X509v3 Authority Key Identifier:\x20
    CF:1A:1C:62:D2
X509v3 Subject Alternative Name: critical
    DNS:a.test, DNS:*.B.test, IP Address:10.0.0.1
"""
OPENSSL_1 = OPENSSL_3.replace("    CF:1A", "    keyid:CF:1A") + "\n"


@pytest.mark.parametrize("text", [OPENSSL_3, OPENSSL_1])
def test_info(text):
    info = parse_info(text)
    assert info == Info(
        subject="CN=x",
        issuer="CN=Pebble Intermediate CA 1",
        serial="3D456D7A64D154C6",
        begins=calendar.timegm((2026, 11, 1, 20, 23, 17)),
        ends=calendar.timegm((2028, 2, 29, 20, 23, 17)),
        names=("a.test", "*.b.test"),
        key_id="CF1A1C62D2",
    )
    assert not info.self_signed


def test_without_extensions():
    info = parse_info(OPENSSL_3.partition("X509v3")[0])
    assert info.names == () and info.key_id == "" and ari_id(info) == ""


@pytest.mark.parametrize("text", ["", "subject=CN=x\n", OPENSSL_3.replace("Nov", "November")])
def test_unreadable(text):
    with pytest.raises(CertificateError):
        parse_info(text)


@given(st.integers(min_value=0, max_value=253402300799))
def test_times(seconds):
    at = time.gmtime(seconds)
    text = time.strftime("%b ", at) + f"{at.tm_mday:2d} {at.tm_hour:02d}:{at.tm_min:02d}:{at.tm_sec:02d} {at.tm_year:04d} GMT"
    assert parse_time(text) == seconds


def info_with(serial, key_id):
    return Info("s", "i", serial, 0, 1, (), key_id)


def test_ari_id_of_the_rfc():
    info = info_with("8765432", "69885B6B87464041E1B37B847BA0AE2CDE01C8D4")
    assert ari_id(info) == "aYhba4dGQEHhs3uEe6CuLN4ByNQ.CHZUMg"
    # The leading bit would make it a negative number.
    info = info_with("87654321", "69885B6B87464041E1B37B847BA0AE2CDE01C8D4")
    assert ari_id(info) == "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE"


@given(st.integers(min_value=1, max_value=2**160), st.binary(min_size=1, max_size=32))
def test_ari_ids(serial, key_id):
    first, second = (
        base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in ari_id(info_with(f"{serial:X}", key_id.hex())).split(".")
    )
    assert first == key_id
    assert int.from_bytes(second, "big", signed=True) == serial
    assert len(second) == 1 or second[0] or second[1] >= 0x80


@pytest.mark.parametrize(
    "pattern, name, good",
    [
        ("a.test", "a.test", True),
        ("*.a.test", "b.a.test", True),
        ("*.a.test", "*.a.test", True),
        ("*.a.test", "a.test", False),
        ("*.a.test", "c.b.a.test", False),
        ("*.a.test", "*.b.a.test", False),
        ("*.test", "*.a.test", False),
        ("b.a.test", "*.a.test", False),
        ("*", "test", False),
        ("*.", "test.", True),
    ],
)
def test_covers(pattern, name, good):
    assert covers(pattern, name) is good


def test_uncovered():
    info = Info("s", "i", "1", 0, 1, ("a.test", "*.b.test"))
    assert uncovered(info, ["a.test", "x.b.test", "b.test", "c.test"]) == ("b.test", "c.test")


def test_split_pem():
    one = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"
    assert split_pem(f"Bag\n{one}\nmore\n{one}") == (f"{one}\n", f"{one}\n")
    assert split_pem("") == ()
