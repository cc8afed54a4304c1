# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the operator reads while a rollout runs: one line for each entry of the journal that says something new. Pure."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

Json = t.Mapping[str, t.Any]
# What a line is: a step that begins, what goes on within it, a good end, or trouble.
STEP, WITHIN, GOOD, BAD = "step", "within", "good", "bad"


@dataclass(frozen=True)
class Line:
    """One line for the operator."""

    text: str
    tone: str


class Words:
    """Words for the entries of a rollout, in the order of the journal."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._begun: float | None = None
        self._last = 0.0
        self._steps: list[str] = []
        self._release = ""

    def line(self, entry: Json, others: bool = False) -> Line | None:
        """The line for one entry, or None where it says nothing that is not said already. ``others``: of somebody else's run."""
        event = str(entry.get("event"))
        say = getattr(self, f"_{event}", None) if event in _EVENTS else None
        try:
            line: Line | None = say(entry) if say else None
        except (KeyError, TypeError, ValueError):
            # Of an older or newer version of the collection, or damaged: no reason to stop watching.
            return None
        if line is None:
            return None
        whose = "another run: " if others else ""
        return Line(_clean(f"{self._label}: [{self._after(entry):.1f} s] {whose}{line.text}"), line.tone)

    def _after(self, entry: Json) -> float:
        """Seconds since the first entry. A clock that is set back on the host does not take them back."""
        at = entry.get("at")
        if not isinstance(at, (int, float)):
            return self._last
        if self._begun is None:
            self._begun = at
        self._last = max(self._last, at - self._begun)
        return self._last

    def _opened(self, entry: Json) -> Line:
        self._steps = [str(step) for step in entry.get("steps") or ()]
        self._release = str(entry.get("release"))
        before = entry.get("before")
        source = f" from {before}" if before and before != self._release else ""
        return Line(f"rollout{source} to release {self._release}, {_count(len(self._steps), 'step')}", STEP)

    def _step(self, entry: Json) -> Line:
        text = str(entry.get("text"))
        number = f"{self._steps.index(text) + 1}/{len(self._steps)} " if text in self._steps else ""
        return Line(f"{number}{text}", STEP)

    def _failed(self, entry: Json) -> Line:
        return Line(f"failed: {entry.get('error')}", BAD)

    def _undo(self, entry: Json) -> Line:
        self._steps = []
        before = entry.get("before")
        return Line(f"going back to release {before}" if before else "going back: nothing was served before", BAD)

    def _undo_failed(self, entry: Json) -> Line:
        return Line(f"the way back failed: {entry.get('error')}", BAD)

    def _closed(self, entry: Json) -> Line:
        release = entry.get("release")
        if entry.get("outcome") == "ok":
            return Line(f"done: release {release} serves", GOOD)
        return Line(f"undone: release {release} serves as before" if release else "undone: nothing is served, as before", BAD)

    def _progress(self, entry: Json) -> Line | None:
        subject = str(entry.get("subject"))
        say = _PROGRESS.get(subject)
        text = say(entry) if say else ""
        return Line(text, WITHIN) if text else None


_EVENTS = ("opened", "step", "failed", "undo", "undo_failed", "closed", "progress")


def _gate(entry: Json) -> str:
    answered = f"{entry['answer']} ({_ordinal(entry['asked'])} answer)"
    return f"gate {entry['name']}: {answered}, {entry['ready']} of {entry['of']} ready"


def _drain(entry: Json) -> str:
    counts = [(entry["requests"], "request"), (entry["streams"], "stream")]
    left = ", ".join(_count(number, word) for number, word in counts if number)
    # Users' connections alone are idle, and end by themselves.
    return f"drain: {left} left" if left else ""


def _job(entry: Json) -> str:
    # That it began is what the step says.
    return f"job {entry['name']}: runs for {entry['seconds']:.0f} s" if entry["seconds"] >= 1 else ""


def _pull(entry: Json) -> str:
    return f"pull {entry['name']}"


def _watch(entry: Json) -> str:
    return f"watch: all is well, {entry['left']:.0f} s left" if entry["left"] >= 1 else ""


def _migrate(entry: Json) -> str:
    if "pause" in entry:
        return f"migrate {entry['name']}: {entry['again']}; trying again in {entry['pause']:.1f} s"
    return f"migrate {entry['name']}: {_count(entry['left'], 'migration')} to apply"


def _guard(entry: Json) -> str:
    return f"guard {entry['name']}: {entry['detail']}"


_PROGRESS: dict[str, t.Callable[[Json], str]] = {"gate": _gate, "drain": _drain, "job": _job, "pull": _pull, "watch": _watch}
_PROGRESS.update(migrate=_migrate, guard=_guard)


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def _ordinal(number: int) -> str:
    ending = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def _clean(text: str) -> str:
    """On one line, and nothing a terminal would obey: an app's own words may be in an error."""
    return "".join(char if char.isprintable() else " " for char in text)
