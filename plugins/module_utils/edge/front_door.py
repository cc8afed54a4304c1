# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The app's front door: asked until it answers as it should, or the time is up."""

from __future__ import annotations

from ansible_collections.steady.deploy.plugins.module_utils.core.clock import Clock
from ansible_collections.steady.deploy.plugins.module_utils.core.errors import EdgeError
from ansible_collections.steady.deploy.plugins.module_utils.edge.base import Served
from ansible_collections.steady.deploy.plugins.module_utils.edge.front import Ask, Seen, judge
from ansible_collections.steady.deploy.plugins.module_utils.edge.hold import Holder

ASK_TIMEOUT = 5.0
VERIFY_DEADLINE = 10.0
# Answers in a row, each on a connection of its own: workers take over one after the other.
_IN_A_ROW = 5


class FrontDoor:
    """``url`` is asked, with ``host`` as its host name."""

    def __init__(self, clock: Clock, url: str, host: str | None, asking: Ask) -> None:
        self._clock = clock
        self.url = url
        self.host = host
        self._asking = asking
        # Knows the questions by its token, and so they are never held.
        self.holder: Holder | None = None

    def __str__(self) -> str:
        return f"{self.url} (Host: {self.host})" if self.host else self.url

    def ask(self) -> Seen:
        """One question."""
        url = self.url
        if self.holder:
            url += ("&" if "?" in url else "?") + self.holder.token
        return self._asking(url, self.host, ASK_TIMEOUT)

    def wrong(self, wanted: Served, deadline: float) -> str:
        """Ask until several answers in a row are right, ``deadline`` seconds long. What was wrong with the last one, or ''."""
        end = self._clock.monotonic() + deadline
        right = 0
        while True:
            wrong = judge(self.ask(), wanted)
            right = 0 if wrong else right + 1
            if right >= _IN_A_ROW:
                return ""
            # A row of right answers that has begun may end: a slow app is no reason to doubt the edge.
            if wrong and self._clock.monotonic() >= end:
                return wrong
            self._clock.sleep(0.05 if wrong else 0.01)

    def see_held(self) -> None:
        """Ask until several questions in a row have reached the holder. Raises EdgeError."""
        end = self._clock.monotonic() + VERIFY_DEADLINE
        right = 0
        while self.holder and right < _IN_A_ROW:
            before = self.holder.refused
            seen = self.ask()
            right = right + 1 if self.holder.refused > before else 0
            if not right and self._clock.monotonic() >= end:
                what = seen.error or f"answered {seen.status}"
                raise EdgeError(
                    f"requests could not be held within {VERIFY_DEADLINE:g} s: {self} {what}; "
                    "does its location set auth_request or return by itself?"
                )
            self._clock.sleep(0.01 if right else 0.05)
