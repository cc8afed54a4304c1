# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looking at a rollout from the controller while its module runs: through a connection of our own, beside the module's."""

from __future__ import annotations

import contextvars
import copy
import json
import os
import shlex
import threading
import time
import typing as t
from dataclasses import dataclass, field
from pathlib import Path

from ansible import constants
from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase

Json = dict[str, t.Any]
_SCRIPT = Path(__file__).with_name("host_look.py")
# Seconds a look waits for news on the host, before and while the lock is held: only then the rollout's end can be seen.
_PATIENCE = ("1", "2")
# Looks that may fail in a row while the module runs. It is watched for the operator's sake only.
_FAILURES = 5
_PAUSE = 1.0


@dataclass(frozen=True)
class Before:
    """What there was when the first look began. ``now`` is the host's clock, ``entries`` are the last ones of the journal."""

    now: float
    held: bool
    result_id: list[int]
    entries: list[Json]


@dataclass(frozen=True)
class Sight:
    """What one look found. ``entries``: the journal's new ones. ``result``: what a rollout that has just ended left.

    ``let_go`` says that the lock was held and is not any more.
    """

    inode: int
    offset: int
    held: bool
    let_go: bool
    result_id: list[int]
    entries: list[Json] = field(default_factory=list)
    result: Json | None = None
    before: Before | None = None


class Host:
    """The managed host, as a task's action reaches it. Safe beside that action in another thread."""

    def __init__(self, action: ActionBase, task_vars: Json, state_dir: str, app: str) -> None:
        # A connection keeps what it knows of a command under way, and so does its way to become another user.
        self._action = copy.copy(action)
        self._action._connection = connection = copy.copy(action._connection)
        connection.become = copy.copy(connection.become)
        self._folder = os.path.join(state_dir, app)
        self._script = _SCRIPT.read_text(encoding="utf-8")
        self._python = _python(action, task_vars)

    def look(self, last: Sight | None) -> Sight:
        """Look, and wait for news. Raises AnsibleError where the host can't be reached or asked."""
        inode, offset, held = (last.inode, last.offset, last.held) if last else (0, -1, False)
        arguments = [self._folder, str(inode), str(offset), "1" if held else "0", *_PATIENCE]
        connection = self._action._connection
        # Not every way to become another user leaves standard input alone.
        piped = connection.has_pipelining and (
            not connection.become or getattr(connection.become, "pipelining", connection.become.name != "su")
        )
        command = shlex.join([self._python, *(["-"] if piped else ["-c", self._script]), *arguments])
        done = self._action._low_level_execute_command(command, in_data=self._script.encode() if piped else None)
        try:
            return _sight(json.loads(done["stdout"][done["stdout"].index("{") :]))
        except (ValueError, KeyError, TypeError) as exc:
            raise AnsibleError(f"the rollout's progress can't be read on the host: {done.get('stderr', '')[-200:].strip()}") from exc


def _python(action: ActionBase, task_vars: Json) -> str:
    """The host's Python: the configured one, or the one that Ansible has found there."""
    wanted = constants.config.get_config_value("INTERPRETER_PYTHON", variables=task_vars)
    wanted = str(action._templar.template(wanted) or "")
    if wanted.startswith("auto") or not wanted:
        wanted = str(task_vars.get("ansible_facts", {}).get("discovered_interpreter_python") or "python3")
    return wanted


def _sight(found: Json) -> Sight:
    before = found.pop("before", None)
    if before:
        before = Before(entries=_entries(before.pop("lines")), **before)
    return Sight(entries=_entries(found.pop("lines")), before=before, **found)


def _entries(lines: t.Iterable[str]) -> list[Json]:
    found = []
    for line in lines:
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict) and isinstance(entry.get("event"), str):
            found.append(entry)
    return found


class Watcher:
    """Looks again and again in a thread of its own, and shows each new entry. Whatever goes wrong in it ends it silently."""

    def __init__(self, look: t.Callable[[Sight | None], Sight], show: t.Callable[[Json, bool], None]) -> None:
        """``show`` is called in the thread, with one entry at a time and whether it is of a run of somebody else."""
        self._look, self._show = look, show
        self._sight: Sight | None = None
        self._before: Before | None = None
        # The run of somebody else that was still at it: ours will wait for it, or be refused.
        self._other: t.Any = None
        self.begun = False
        self.result: Json | None = None
        self._started = 0.0
        self._ended = threading.Event()
        self._following = False
        context = contextvars.copy_context()
        self._thread = threading.Thread(target=context.run, args=(self._run,), name="steady-progress", daemon=True)

    def start(self) -> None:
        """Begin to watch: right before the module is started."""
        self._started = time.monotonic()
        self._thread.start()

    def _run(self) -> None:
        failures = 0
        while failures < _FAILURES and not self._following:
            try:
                self._again()
                failures = 0
            except Exception:  # noqa: BLE001
                # The module tells what matters.
                failures += 1
                self._ended.wait(_PAUSE)
            sight = self._sight
            if sight and sight.let_go and self._other is None:
                # Ours has ended: there is nothing more to come.
                return
            if self._ended.is_set() and not (sight and sight.held and self.begun):
                return

    def _again(self) -> None:
        """One look, and what it brings."""
        age = time.monotonic() - self._started
        self._sight = sight = self._look(self._sight)
        entries = sight.entries
        if sight.before and self._before is None:
            self._before = sight.before
            # Where the module was quicker than the first look, the last entries are its own already.
            since = sight.before.now - age
            entries = [entry for entry in sight.before.entries if _at(entry) >= since] + entries
            old = [entry for entry in sight.before.entries if _at(entry) < since]
            self._other = old[-1].get("rollout") if old and sight.before.held else None
        for entry in entries:
            others = self._other is not None and entry.get("rollout") == self._other
            self.begun = self.begun or not others
            self._show(entry, others)
        if self._before:
            self.begun = self.begun or (sight.held and not self._before.held)
            result = sight.result
            if result is not None and sight.result_id != self._before.result_id and result.get("rollout") != self._other:
                self.result = result

    def stop(self, wait: float) -> None:
        """The module has ended: show what is left, within ``wait`` seconds.

        The thread must be over before the task is. What it shows goes through a queue that all of Ansible's workers share: one
        that ends in the middle of that leaves the queue locked, and every later task of the play waits for ever.
        """
        self._ended.set()
        self._thread.join(wait)

    def follow(self, patience: float) -> bool:
        """After the module's connection was lost: watch until the rollout lets its lock go. False if the host stays away so long."""
        self._following = True
        self._thread.join(patience)
        if self._thread.is_alive():
            return False
        end = time.monotonic() + patience
        while self._sight and self._sight.held:
            try:
                self._again()
                end = time.monotonic() + patience
            except Exception:  # noqa: BLE001
                # As long as nobody answers it does not matter why.
                if time.monotonic() >= end:
                    return False
                time.sleep(_PAUSE)
        return True


def _at(entry: Json) -> float:
    at = entry.get("at")
    return at if isinstance(at, (int, float)) else 0.0
