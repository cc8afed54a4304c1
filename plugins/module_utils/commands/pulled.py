# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pulls of a rollout in its timeline."""

from __future__ import annotations

import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.core.clock import Clock
from ansible_collections.steady.deploy.plugins.module_utils.core.progress import Tell


class Pulled:
    """When images were pulled. That comes before the rollout begins, so ``after`` is negative."""

    def __init__(self, tell: Tell, clock: Clock) -> None:
        self._tell, self._clock = tell, clock
        self._begun: list[tuple[float, str]] = []

    def tell(self, subject: str, name: str = "", counts: t.Mapping[str, float] | None = None, **facts: t.Any) -> None:
        """Pass the news on, and remember when it came."""
        self._begun.append((self._clock.monotonic(), name))
        self._tell(subject, name, counts, **facts)

    def timeline(self) -> list[dict[str, t.Any]]:
        """What was pulled, as entries of the timeline."""
        now = self._clock.monotonic()
        ends = [begun for begun, _name in self._begun[1:]] + [now]
        return [
            {"action": "pull", "text": f"pull {name}", "services": [], "after": round(begun - now, 3), "seconds": round(end - begun, 3)}
            for (begun, name), end in zip(self._begun, ends)
        ]
