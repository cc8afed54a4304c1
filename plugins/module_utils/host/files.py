# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A set of configuration files, brought about in one go: all are validated before the first is written, and one that its
service does not take over makes way for the former one."""

from __future__ import annotations

import grp
import os
import pwd
import stat
import typing as t
from dataclasses import dataclass

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import CommandError, SpecError
from ansible_collections.steady.deploy.plugins.module_utils.core.files import put_text, write_atomic
from ansible_collections.steady.deploy.plugins.module_utils.core.runner import Completed, Runner

# Seconds a command may take.
_PATIENCE = 120.0


@dataclass(frozen=True)
class Wanted:
    """A file as it should be. ``content`` None: absent. ``validate`` is argv with ``%s`` for the candidate; ``apply`` argv.

    ``owner`` and ``group`` are names; without them the file belongs to who runs this.
    """

    path: str
    content: str | None
    mode: int = 0o644
    validate: tuple[str, ...] = ()
    apply: tuple[str, ...] = ()
    owner: str = ""
    group: str = ""


@dataclass(frozen=True)
class Found:
    """A file as it is: its text, its permissions, the numbers of its user and its group, and whether it is no link."""

    content: str
    mode: int
    owner: tuple[int, int]
    regular: bool = True


@dataclass(frozen=True)
class Change:
    """A file that is not as it should be. ``found`` is None where there is none."""

    wanted: Wanted
    found: Found | None

    def diff(self) -> dict[str, str]:
        """The change as Ansible's --diff shows it."""
        path = self.wanted.path
        parts = {"before": "", "after": "", "before_header": f"{path} (absent)", "after_header": f"{path} (absent)"}
        if self.found is not None:
            parts.update(before=self.found.content, before_header=f"{path} ({self.found.mode:04o})")
        if self.wanted.content is not None:
            parts.update(after=self.wanted.content, after_header=f"{path} ({self.wanted.mode:04o})")
        return parts


def parse(raw: t.Sequence[t.Mapping[str, t.Any]]) -> tuple[Wanted, ...]:
    """Read the module's parameter ``files``. Raises SpecError for what can't be meant."""
    files: list[Wanted] = []
    for entry in raw:
        if entry["state"] == "untouched":
            continue
        path = entry["path"]
        if not os.path.isabs(path) or path.endswith("/"):
            raise SpecError(f"files: '{path}' is not the absolute path of a file.")
        if path in {file.path for file in files}:
            raise SpecError(f"files: '{path}' is listed twice.")
        absent = entry["state"] == "absent"
        if not absent and entry["content"] is None:
            raise SpecError(f"files: '{path}' has no content. Set content, or state: absent.")
        try:
            mode = int(entry["mode"], 8)
        except ValueError:
            raise SpecError(f"files: the mode '{entry['mode']}' of '{path}' is not an octal number as 0644.") from None
        content = None if absent else entry["content"]
        told = (tuple(entry["validate"]), tuple(entry["apply"]), entry["owner"] or "", entry["group"] or "")
        files.append(Wanted(path, content, mode, *told))
    return tuple(files)


def compare(files: t.Sequence[Wanted]) -> tuple[Change, ...]:
    """What has to change, in the order given. Raises SpecError for a user or group that is not there."""
    changes = []
    for wanted in files:
        found = _look(wanted.path)
        if wanted.content is None:
            same = found is None
        else:
            same = found == Found(wanted.content, wanted.mode, _owner(wanted))
        if not same:
            changes.append(Change(wanted, found))
    return tuple(changes)


def validate(changes: t.Sequence[Change], runner: Runner, scratch: str) -> None:
    """Try every candidate, in the folder ``scratch``. Raises CommandError for the first that is refused."""
    for change in changes:
        wanted = change.wanted
        if wanted.content is None or not wanted.validate:
            continue
        candidate = os.path.join(scratch, os.path.basename(wanted.path))
        write_atomic(candidate, wanted.content, 0o600)
        done = runner.run([part.replace("%s", candidate) for part in wanted.validate], timeout=_PATIENCE)
        os.unlink(candidate)
        if done.rc != 0:
            raise _refused(f"{wanted.path} was left as it was, because the new one is not valid", done, candidate, wanted.path)


def bring_about(changes: t.Sequence[Change], runner: Runner) -> None:
    """Write and apply each change. Raises CommandError for one that can't be applied, which then is as it was before."""
    for change in changes:
        wanted = change.wanted
        put_text(wanted.path, wanted.content, wanted.mode, None if wanted.content is None else _owner(wanted))
        if not wanted.apply:
            continue
        done = runner.run(wanted.apply, timeout=_PATIENCE)
        if done.rc != 0:
            former = change.found
            put_text(wanted.path, former.content if former else None, former.mode if former else 0, former.owner if former else None)
            runner.run(wanted.apply, timeout=_PATIENCE)
            raise _refused(f"{wanted.path} was put back to what it was, because the new one could not be applied", done)


def _look(path: str) -> Found | None:
    try:
        status = os.lstat(path)
        with open(path, encoding="utf-8", errors="surrogateescape") as stream:
            content = stream.read()
    except FileNotFoundError:
        return None
    return Found(content, stat.S_IMODE(status.st_mode), (status.st_uid, status.st_gid), stat.S_ISREG(status.st_mode))


def _owner(wanted: Wanted) -> tuple[int, int]:
    try:
        user = pwd.getpwnam(wanted.owner).pw_uid if wanted.owner else os.geteuid()
        group = grp.getgrnam(wanted.group).gr_gid if wanted.group else os.getegid()
    except KeyError as exc:
        raise SpecError(f"files: '{wanted.path}' is to belong to somebody this host does not have: {exc.args[0]}.") from None
    return user, group


def _refused(message: str, done: Completed, candidate: str = "", path: str = "") -> CommandError:
    said = (done.stderr or done.stdout).strip() or f"exit code {done.rc}"
    said = " ".join(line.strip() for line in said.splitlines() if line.strip())
    return CommandError(f"{message}: {said.replace(candidate, path) if candidate else said}", done.argv, done.rc, done.stdout, done.stderr)
