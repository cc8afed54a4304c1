# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The journal: the append-only record, on the target, of what a rollout did.

One JSON object a line. An entry is on disk before the step it announces begins. It never holds a value of the
app's environment. A line that a crash or a disk fault left unreadable is skipped, since what runs is always
observed anew: the journal only tells what no look at the host can (which release was complete, what was under way).

Between its entries stands what is going on (``progress``), for who looks on: no reader that decides something reads it.
"""

from __future__ import annotations

import json
import os
import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.core.clock import Clock
from ansible_collections.steady.deploy.plugins.module_utils.core.errors import Breakdown
from ansible_collections.steady.deploy.plugins.module_utils.core.files import write_atomic
from ansible_collections.steady.deploy.plugins.module_utils.core.progress import Pace

Entry = dict[str, t.Any]
# Some hundred rollouts: enough to look back on, small enough to read whole.
MAX_BYTES = 1_000_000
PROGRESS = "progress"


class Journal:
    """The journal of one app. ``rollout`` names the run in each of its entries."""

    def __init__(self, path: str, rollout: str, clock: Clock, on_entry: t.Callable[[Entry], None] | None = None) -> None:
        self._path = path
        self._rollout = rollout
        self._clock = clock
        self._on_entry = on_entry
        self._pace = Pace()
        self.lenient = False

    def write(self, event: str, **facts: t.Any) -> None:
        """Append one entry and make it durable. Raises Breakdown where that fails, unless ``lenient`` is set."""
        self._note(self._pace.close(self._clock.monotonic()))
        entry = self._entry(event, facts)
        try:
            self._append([entry])
            if self._on_entry:
                self._on_entry(entry)
        except OSError as exc:
            if not self.lenient:
                raise Breakdown(f"the journal {self._path} can't be written: {exc.strerror}; look at the disk it is on") from exc

    def tell(self, subject: str, name: str = "", counts: t.Mapping[str, float] | None = None, **facts: t.Any) -> None:
        """Say what is going on, for who looks on. See Tell: it costs little, may be kept back, and a failure is nobody's loss."""
        self._note(self._pace.offer(self._clock.monotonic(), subject, name, counts or {}, facts))

    def _note(self, news: t.Sequence[Entry]) -> None:
        entries = [self._entry(PROGRESS, facts) for facts in news]
        try:
            if entries:
                self._append(entries, durable=False)
                if self._on_entry:
                    self._on_entry(entries[-1])
        except OSError:
            pass

    def _entry(self, event: str, facts: Entry) -> Entry:
        return {"at": round(self._clock.now(), 3), "rollout": self._rollout, "event": event, **facts}

    def _append(self, entries: t.Sequence[Entry], durable: bool = True) -> None:
        handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            # A line cut short by a crash must not swallow this one.
            end = "" if _ends_clean(self._path) else "\n"
            os.write(handle, (end + _lines(entries)).encode())
            if durable:
                os.fsync(handle)
        finally:
            os.close(handle)

    def trim(self) -> None:
        """Drop progress and the older half of the rest once the journal is large."""
        if os.path.exists(self._path) and os.path.getsize(self._path) > MAX_BYTES:
            entries = [entry for entry in read(self._path) if entry["event"] != PROGRESS]
            write_atomic(self._path, _lines(entries[len(entries) // 2 :]), 0o600)


def _lines(entries: t.Sequence[Entry]) -> str:
    return "".join(json.dumps(entry, sort_keys=True) + "\n" for entry in entries)


def _ends_clean(path: str) -> bool:
    with open(path, "rb") as stream:
        stream.seek(0, os.SEEK_END)
        if stream.tell() == 0:
            return True
        stream.seek(-1, os.SEEK_END)
        return stream.read(1) == b"\n"


def read(path: str) -> list[Entry]:
    """All readable entries, oldest first."""
    entries: list[Entry] = []
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            for line in stream:
                try:
                    entry = json.loads(line)
                except ValueError:
                    continue
                if isinstance(entry, dict) and isinstance(entry.get("event"), str):
                    entries.append(entry)
    except FileNotFoundError:
        pass
    return entries


def served_before(entries: t.Sequence[Entry]) -> list[str]:
    """Releases that completed a rollout and were not removed since, most recent first, each once."""
    found: list[str] = []
    removed: set[str] = set()
    for entry in reversed(_with_ends(entries)):
        release = entry.get("release")
        if not isinstance(release, str):
            continue
        # From the begin of a removal on: one of the same id that is made later has yet to prove itself.
        if entry["event"] == "step" and entry.get("action") == "remove":
            removed.add(release)
        elif entry["event"] == "closed" and entry.get("outcome") == "ok" and release not in removed and release not in found:
            found.append(release)
    return found


def unfinished(entries: t.Sequence[Entry]) -> bool:
    """Whether the last rollout was cut short: opened and never closed."""
    for entry in reversed(_with_ends(entries)):
        if entry["event"] in ("opened", "closed"):
            return entry["event"] == "opened"
    return False


def started_from(entries: t.Sequence[Entry]) -> str | None:
    """The release that was to be gone back to by the rollout that was opened last."""
    return next((entry.get("before") for entry in reversed(entries) if entry["event"] == "opened"), None)


def _with_ends(entries: t.Sequence[Entry]) -> list[Entry]:
    """The entries, with an end for each rollout that did all its steps but whose own end is not there: killed then, or damaged."""
    found: list[Entry] = []
    left, closed = 0, {}
    for entry in entries:
        found.append(entry)
        if entry["event"] == "opened":
            steps = entry.get("steps")
            left = len(steps) if isinstance(steps, list) else 0
            closed = {"event": "closed", "release": entry.get("release"), "outcome": "ok"}
        elif entry["event"] == "done" and left:
            left -= 1
            if not left:
                found.append(closed)
        elif entry["event"] in ("failed", "undo", "paused"):
            left = 0
    return found
