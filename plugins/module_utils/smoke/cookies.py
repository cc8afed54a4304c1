# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cookies of one pass of a scenario."""

from __future__ import annotations

import email.utils
import typing as t


class CookieJar:
    """Keeps cookies and sends them back by host and path.

    Cookies marked Secure go over plain HTTP as well: a release is tried on its own ports, before whatever ends TLS.
    """

    def __init__(self, now: t.Callable[[], float]) -> None:
        """``now`` gives seconds since the epoch."""
        self._now = now
        self._kept: dict[tuple[str, str, str], tuple[str, bool]] = {}

    def take(self, host: str, path: str, headers: t.Iterable[tuple[str, str]]) -> None:
        """Keep, replace and forget what the Set-Cookie lines of an answer from ``host`` say."""
        for name, line in headers:
            if name.lower() == "set-cookie":
                self._take(host, path, line)

    def _take(self, host: str, path: str, line: str) -> None:
        pair, *rest = line.split(";")
        name, equals, value = (part.strip() for part in pair.partition("="))
        said = {key.strip().lower(): text.strip() for key, dummy, text in (part.partition("=") for part in rest)}
        domain = said.get("domain", "").lstrip(".").lower()
        if not equals or not name or (domain and not _within(host, domain)):
            return
        where = said.get("path", "")
        if not where.startswith("/"):
            where = path.rpartition("/")[0] or "/"
        key = (domain or host, where, name)
        if self._is_over(said):
            self._kept.pop(key, None)
        else:
            self._kept[key] = (value, bool(domain))

    def _is_over(self, said: t.Mapping[str, str]) -> bool:
        if "max-age" in said:
            try:
                return int(said["max-age"]) <= 0
            except ValueError:
                pass
        try:
            return email.utils.parsedate_to_datetime(said["expires"].replace("-", " ")).timestamp() <= self._now()
        except (KeyError, TypeError, ValueError, IndexError, OverflowError):
            return False

    def header(self, host: str, path: str) -> str:
        """The Cookie header of a request, empty where there is nothing to send. The longest path comes first."""
        fitting = [
            (where, name, value)
            for (owner, where, name), (value, wide) in self._kept.items()
            if (owner == host or (wide and _within(host, owner))) and _under(path, where)
        ]
        return "; ".join(f"{name}={value}" for dummy, name, value in sorted(fitting, key=lambda one: -len(one[0])))

    def get(self, name: str) -> str | None:
        """The value of a cookie, the one set last, or None."""
        found = [value for (dummy, where, known), (value, wide) in self._kept.items() if known == name]
        return found[-1] if found else None

    def values(self) -> list[str]:
        """All values, for hiding them."""
        return [value for value, dummy in self._kept.values()]


def _within(host: str, domain: str) -> bool:
    return host == domain or host.endswith("." + domain)


def _under(path: str, where: str) -> bool:
    return path == where or path.startswith(where if where.endswith("/") else where + "/")
