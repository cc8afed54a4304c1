# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a certificate is to be renewed."""

from __future__ import annotations

import calendar
import hashlib
import re
import typing as t
from dataclasses import dataclass

from ansible_collections.steady.deploy.plugins.module_utils.tls.errors import CertificateError
from ansible_collections.steady.deploy.plugins.module_utils.tls.x509 import Info

# The timer looks twice a day. What falls due before it looks again is due now.
INTERVAL = 12 * 3600


@dataclass(frozen=True)
class Window:
    """When the CA would like a certificate renewed (RFC 9773), and until when that need not be asked again. Seconds since the epoch."""

    start: float
    end: float
    ask_again: float


def parse_window(answer: t.Any, now: float, retry_after: str | None) -> Window:
    """A CA's renewal information. Raises CertificateError where it makes no sense."""
    try:
        window = answer["suggestedWindow"]
        start, end = parse_rfc3339(window["start"]), parse_rfc3339(window["end"])
    except (TypeError, KeyError) as exc:
        raise CertificateError("the CA's renewal information has no suggestedWindow with start and end") from exc
    if end < start:
        raise CertificateError("the CA's renewal information has a window that ends before it starts")
    seconds = int(retry_after) if retry_after is not None and re.fullmatch(r"[0-9]{1,9}", retry_after) else 6 * 3600
    # Not more often than once a minute, and once a day at the least.
    return Window(start, end, now + min(max(seconds, 60), 24 * 3600))


def parse_rfc3339(text: str) -> float:
    """Seconds since the epoch. Raises CertificateError."""
    found = re.fullmatch(
        r"(\d{4})-(\d{2})-(\d{2})[Tt](\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9})\d*)?(?:[Zz]|([+-])(\d{2}):(\d{2}))",
        text if isinstance(text, str) else "",
    )
    if not found:
        raise CertificateError(f"the CA's renewal information has a time that can't be read: '{text}'")
    year, month, day, hour, minute, second = (int(part) for part in found.groups()[:6])
    offset = (int(found[9]) * 3600 + int(found[10]) * 60) * (-1 if found[8] == "-" else 1) if found[8] else 0
    return calendar.timegm((year, month, day, hour, minute, second)) - offset + float(f"0.{found[7] or 0}")


def moment(info: Info, window: Window | None) -> float:
    """When a certificate falls due, in seconds since the epoch: a random moment of the CA's window, else at two thirds of its life.

    No CA makes that later than `latest`. The moment is the same each time it is asked for: nothing has to be kept, and the hosts of a
    fleet are spread all the same.
    """
    if window is None:
        return info.begins + (info.ends - info.begins) * 2 / 3
    share = int.from_bytes(hashlib.sha256(info.serial.encode("ascii")).digest()[:4], "big") / 2**32
    return min(window.start + (window.end - window.start) * share, latest(info))


def latest(info: Info) -> float:
    """When a certificate falls due whatever its CA says, in seconds since the epoch: with a sixth of its life left."""
    return info.ends - (info.ends - info.begins) / 6


def is_due(info: Info, window: Window | None, now: float) -> bool:
    """Whether a certificate is to be renewed now."""
    if window is None:
        return now >= moment(info, window)
    return now + INTERVAL >= moment(info, window)


def near_end(info: Info, now: float) -> bool:
    """Whether so little of its life is left that a new certificate is not worth putting in place."""
    return info.ends - now < min(7 * 24 * 3600, (info.ends - info.begins) / 10)
