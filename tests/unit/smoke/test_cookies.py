# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cookies by host, path and age."""

from __future__ import annotations

import pytest

from ansible_collections.steady.deploy.plugins.module_utils.smoke.cookies import CookieJar

NOW = 1_700_000_000.0


def jar(*lines: str, host: str = "hotel.test", path: str = "/a/b") -> CookieJar:
    made = CookieJar(lambda: NOW)
    made.take(host, path, [("Set-Cookie", line) for line in lines])
    return made


@pytest.mark.parametrize(
    ("line", "host", "path", "sent"),
    [
        ("s=1; Path=/; Secure; HttpOnly; SameSite=Lax", "hotel.test", "/x", "s=1"),
        ("s=1", "hotel.test", "/a/c", "s=1"),
        ("s=1", "hotel.test", "/c", ""),
        ("s=1; path=/a", "hotel.test", "/ab", ""),
        ("s=1; path=/a", "hotel.test", "/a", "s=1"),
        ("s=1; path=/a/", "hotel.test", "/a/x", "s=1"),
        ("s=1; Path=/", "other.test", "/", ""),
        ("s=1; Path=/", "www.hotel.test", "/", ""),
        ("s=1; Path=/; Domain=.hotel.test", "www.hotel.test", "/", "s=1"),
        ("s=1; Path=/; Domain=evil.test", "evil.test", "/", ""),
        ("s=a=b%20c; Path=/", "hotel.test", "/", "s=a=b%20c"),
        ("s=1; Path=/; Max-Age=60", "hotel.test", "/", "s=1"),
        ("s=1; Path=/; Max-Age=soon", "hotel.test", "/", "s=1"),
        ("s=1; Path=/; Expires=Thu, 01-Jan-2037 00:00:00 GMT", "hotel.test", "/", "s=1"),
        ("nothing", "hotel.test", "/", ""),
        ("=x", "hotel.test", "/", ""),
    ],
)
def test_what_is_sent_where(line, host, path, sent):
    assert jar(line).header(host, path) == sent


@pytest.mark.parametrize(
    "age", ["Max-Age=0", "Max-Age=-1", "Expires=Thu, 01 Jan 2015 00:00:00 GMT", "expires=Thu, 01-Jan-1970 00:00:00 GMT"]
)
def test_a_cookie_is_forgotten(age):
    kept = jar("s=1; Path=/", "u=2; Path=/")
    kept.take("hotel.test", "/", [("set-cookie", f"s=; Path=/; {age}")])
    assert kept.header("hotel.test", "/") == "u=2"
    assert kept.get("s") is None and kept.get("u") == "2"


def test_the_longest_path_comes_first_and_a_new_value_replaces_the_old():
    assert jar("s=1; Path=/", "s=2; Path=/a", "s=3; Path=/").header("hotel.test", "/a") == "s=2; s=3"
