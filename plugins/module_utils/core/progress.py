# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How often news of a rollout under way is told: what changed, soon; what did not, now and then; nothing twice. Pure."""

from __future__ import annotations

import typing as t

News = dict[str, t.Any]
# Seconds between two tellings, and until something unchanged is told once more: waiting must not look like a standstill.
APART = 0.5
AGAIN = 10.0


class Tell(t.Protocol):
    """Takes news: of what (``gate``), of which one (``web-2``), and what there is to say. ``counts`` alone are no news."""

    def __call__(self, subject: str, name: str = "", counts: t.Mapping[str, float] | None = None, **facts: t.Any) -> None:
        """Never fails and never waits."""


def untold(subject: str, name: str = "", counts: t.Mapping[str, float] | None = None, **facts: t.Any) -> None:
    """For where nobody listens."""


class Pace:
    """Keeps news back until they may be told. Of each subject and name only the latest are kept."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[str, str], tuple[News, t.Mapping[str, float]]] = {}
        self._told: dict[tuple[str, str], tuple[float, News]] = {}
        self._last = float("-inf")

    def offer(self, now: float, subject: str, name: str, counts: t.Mapping[str, float], facts: News) -> list[News]:
        """Take news at ``now``, in seconds; returns what is due, oldest first."""
        key = (subject, name)
        at, told = self._told.get(key, (float("-inf"), {}))
        if facts == told and now - at < AGAIN:
            # Back to what was told last: what came between is over.
            self._waiting.pop(key, None)
        else:
            self._waiting[key] = (facts, counts)
        return self.rest(now) if now - self._last >= APART else []

    def rest(self, now: float) -> list[News]:
        """All that waits."""
        found = []
        for (subject, name), (facts, counts) in self._waiting.items():
            self._told[subject, name] = (now, facts)
            found.append({"subject": subject, "name": name, **counts, **facts})
        self._waiting.clear()
        self._last = now if found else self._last
        return found

    def close(self, now: float) -> list[News]:
        """All that waits; what follows is told anew even where it is the same, since it is of another step."""
        found = self.rest(now)
        self._told.clear()
        return found
