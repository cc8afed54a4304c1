# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Telling what gates answer while they are held: which replica, its last answer, how many are ready."""

from __future__ import annotations

import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.core.container import ContainerState
from ansible_collections.steady.deploy.plugins.module_utils.core.progress import Tell
from ansible_collections.steady.deploy.plugins.module_utils.probe.base import Answer
from ansible_collections.steady.deploy.plugins.module_utils.probe.track import Check


class Answers:
    """Hears the answers of one round of gates. What an app said itself, after a colon, is left out: it could hold a secret."""

    def __init__(self, tell: Tell, checks: t.Sequence[Check]) -> None:
        self._tell = tell
        self._rows = {check: 0 for check in checks if check.gate is not None}
        self._asked = dict.fromkeys(self._rows, 0)
        self._names: dict[str, str] = {}

    def seen(self, states: t.Mapping[str, ContainerState]) -> t.Mapping[str, ContainerState]:
        """Learn the containers' names; returns ``states``, so that it can stand where they are observed."""
        for state in states.values():
            self._names[state.id] = f"{state.service}-{state.number}" if state.service else state.name
        return states

    def heard(self, check: Check, answer: Answer, _elapsed: float) -> None:
        """What hold calls with each answer."""
        if check.gate is None:
            return
        self._asked[check] += 1
        self._rows[check] = self._rows[check] + 1 if answer.ok else 0
        ready = [each for each, row in self._rows.items() if each.gate and row >= each.gate.success_threshold]
        # A success that is only on its way to being enough is no news.
        if check in ready or not answer.ok:
            counts = {"asked": self._asked[check], "ready": len(ready), "of": len(self._rows)}
            self._tell("gate", self._name(check), counts, answer=answer.detail.split(": ", 1)[0][:80], ok=answer.ok)

    def _name(self, check: Check) -> str:
        name = self._names.get(check.container, check.container[:12])
        same = [each for each in self._rows if each.container == check.container]
        return name if len(same) == 1 else f"{name}, gate {same.index(check) + 1}"
