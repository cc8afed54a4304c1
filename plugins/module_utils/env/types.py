# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The types a variable of the environment can have. Pure."""

from __future__ import annotations

import ipaddress
import re
import typing as t
from urllib.parse import urlsplit

from ansible_collections.steady.deploy.plugins.module_utils.probe.duration import seconds

_BOOLEANS = {"true": "true", "1": "true", "yes": "true", "on": "true", "false": "false", "0": "false", "no": "false", "off": "false"}
_LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_EMAIL = re.compile(r"[^@\s,;<>]+@([^@\s,;<>]+)")


def _integer(text: str) -> bool:
    return re.fullmatch(r"[+-]?[0-9]+", text) is not None


def _host(text: str) -> bool:
    try:
        ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        # Digits and dots alone are an address mistyped, no name.
        return len(text) <= 253 and not re.fullmatch(r"[0-9.]+", text) and all(_LABEL.fullmatch(part) for part in text.split("."))
    return True


def _port(text: str) -> bool:
    return re.fullmatch(r"[0-9]{1,5}", text) is not None and 1 <= int(text) <= 65535


def _url(text: str) -> bool:
    if re.search(r"\s", text):
        return False
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return False
    return bool(parts.scheme and parts.hostname and _host(parts.hostname)) and port != 0


def _email(text: str) -> bool:
    match = _EMAIL.fullmatch(text)
    return match is not None and _host(match.group(1))


def _duration(text: str) -> bool:
    return (seconds(text) or 0) >= 0 and seconds(text) is not None


def _boolean(text: str) -> bool:
    return text.lower() in _BOOLEANS


# Name -> whether a text is one, and what one looks like.
TYPES: dict[str, tuple[t.Callable[[str], bool], str]] = {
    "string": (lambda text: True, "any text"),
    "integer": (_integer, "a whole number"),
    "boolean": (_boolean, "true or false"),
    "url": (_url, "a URL, such as https://example.com"),
    "email": (_email, "a mail address, such as user@example.com"),
    "host": (_host, "a host name or an address, without scheme and port"),
    "port": (_port, "a number from 1 to 65535"),
    "duration": (_duration, "a duration, such as 30s or 1m30s"),
}


def plain(kind: str, text: str) -> str:
    """``text`` as it is compared: all ways to write a boolean are one, so that ``1`` is no way around a forbidden ``true``."""
    return _BOOLEANS.get(text.lower(), text) if kind == "boolean" else text
