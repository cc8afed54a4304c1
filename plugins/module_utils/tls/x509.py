# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `openssl x509` prints of a certificate, as data."""

from __future__ import annotations

import base64
import calendar
import re
import typing as t
from dataclasses import dataclass

from ansible_collections.steady.deploy.plugins.module_utils.tls.errors import CertificateError

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----\s.*?\s-----END CERTIFICATE-----", re.DOTALL)


@dataclass(frozen=True)
class Info:
    """A certificate. Times are seconds since the epoch, ``serial`` and ``key_id`` (of its issuer) are upper-case hex without colons."""

    subject: str
    issuer: str
    serial: str
    begins: int
    ends: int
    names: tuple[str, ...]
    key_id: str = ""

    @property
    def self_signed(self) -> bool:
        """Whether it is its own issuer."""
        return self.subject == self.issuer


def parse_info(text: str) -> Info:
    """The output of `openssl x509 -noout -subject -issuer -serial -dates -ext ...`. Raises CertificateError."""
    fields = dict(re.findall(r"(?m)^(subject|issuer|serial|notBefore|notAfter)=[ ]?(.*?)\s*$", text))
    missing = {"subject", "issuer", "serial", "notBefore", "notAfter"} - set(fields)
    if missing:
        raise CertificateError(f"openssl did not tell {', '.join(sorted(missing))} of a certificate")
    key_id = re.search(r"Authority Key Identifier:[^\n]*\n\s*(?:keyid:)?((?:[0-9A-Fa-f]{2}:)*[0-9A-Fa-f]{2})\s*(?:\n|$)", text)
    names = re.search(r"Subject Alternative Name:[^\n]*\n[ ]*([^\n]+)", text)
    return Info(
        subject=fields["subject"],
        issuer=fields["issuer"],
        serial=fields["serial"].upper(),
        begins=parse_time(fields["notBefore"]),
        ends=parse_time(fields["notAfter"]),
        names=tuple(re.findall(r"DNS:([^,\s]+)", names[1].lower().replace("dns:", "DNS:"))) if names else (),
        key_id=key_id[1].replace(":", "").upper() if key_id else "",
    )


def parse_time(text: str) -> int:
    """Seconds since the epoch of a time as openssl prints it: `Nov 21 20:23:17 2026 GMT`. Raises CertificateError."""
    found = re.fullmatch(r"([A-Z][a-z]{2}) +(\d{1,2}) (\d{2}):(\d{2}):(\d{2}) (\d{4}) GMT", text)
    if not found or found[1] not in _MONTHS:
        raise CertificateError(f"openssl printed a time that can't be read: '{text}'")
    day, hour, minute, second, year = (int(part) for part in found.groups()[1:])
    return calendar.timegm((year, _MONTHS.index(found[1]) + 1, day, hour, minute, second))


def split_pem(text: str) -> tuple[str, ...]:
    """The certificates in a PEM text, each as one of its own."""
    return tuple(f"{found}\n" for found in _PEM.findall(text))


def ari_id(info: Info) -> str:
    """The certificate's identifier for ACME renewal information (RFC 9773), empty where the certificate does not name its issuer's key."""
    if not info.key_id:
        return ""
    serial = int(info.serial, 16)
    # As in DER: the leading bit is the sign.
    number = serial.to_bytes(serial.bit_length() // 8 + 1, "big")
    return f"{_base64url(bytes.fromhex(info.key_id))}.{_base64url(number)}"


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def covers(pattern: str, name: str) -> bool:
    """Whether a name in a certificate is good for a host name: the same, or a wildcard for its first label."""
    if pattern == name:
        return True
    head, dot, rest = name.partition(".")
    return pattern.startswith("*.") and bool(head) and head != "*" and bool(dot) and pattern[2:] == rest


def uncovered(info: Info, names: t.Iterable[str]) -> tuple[str, ...]:
    """Those of the names that a certificate is not good for."""
    return tuple(name for name in names if not any(covers(pattern, name) for pattern in info.names))
