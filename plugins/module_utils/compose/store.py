# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the host keeps of an app: ``/var/lib/steady/<app>``, readable by root only.

lock  journal.jsonl  result.json  base.json  migrations.json  releases/<id>/{compose.json,release.json,files/}
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import typing as t
from contextlib import contextmanager, suppress

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import PreflightError, SpecError
from ansible_collections.steady.deploy.plugins.module_utils.core.files import read_text, sync_folder, write_atomic

Json = dict[str, t.Any]
# How files begin that are there only while a command runs.
SCRATCH = "scratch-"


class Store:
    """The files of one app."""

    def __init__(self, state_dir: str, app: str) -> None:
        self.root = state_dir
        self.folder = os.path.join(state_dir, app)
        self.lock = os.path.join(self.folder, "lock")
        self.journal = os.path.join(self.folder, "journal.jsonl")
        self.migrations = os.path.join(self.folder, "migrations.json")
        self.base = os.path.join(self.folder, "base.json")

    def make(self) -> None:
        """Make the folders. Raises PreflightError."""
        try:
            os.makedirs(self.root, mode=0o755, exist_ok=True)
            os.makedirs(os.path.join(self.folder, "releases"), mode=0o700, exist_ok=True)
            os.chmod(self.folder, 0o700)
        except OSError as exc:
            raise PreflightError(
                f"the state folder {self.folder} can't be made: {exc.strerror}; set state_dir to where root may write"
            ) from None

    def sweep(self) -> None:
        """Remove what a run left that was killed while a command of it ran. Only under the app's lock."""
        for name in os.listdir(self.folder):
            if name.startswith(SCRATCH):
                with suppress(OSError):
                    os.unlink(os.path.join(self.folder, name))

    def write_base(self, document: Json) -> str:
        """Write the base project; the path of its file."""
        write_atomic(self.base, json.dumps(document, indent=1, sort_keys=True) + "\n", 0o600)
        return self.base

    def leave_result(self, rollout: str, result: Json) -> None:
        """Leave a rollout's result for who lost the connection to it. It is told over that, so a failure here is none."""
        with suppress(OSError):
            write_atomic(os.path.join(self.folder, "result.json"), json.dumps({"rollout": rollout, "result": result}) + "\n", 0o600)

    def compose_file(self, release: str) -> str:
        """The path of a release project's file."""
        return os.path.join(self._release(release), "compose.json")

    def write_release(self, release: str, document: Json, record: Json) -> None:
        """Write a release: its project, and the record that tells what it is."""
        os.makedirs(self._release(release), mode=0o700, exist_ok=True)
        write_atomic(self.compose_file(release), json.dumps(document, indent=1, sort_keys=True) + "\n", 0o600)
        # The record comes last: a release with a record is a whole one.
        write_atomic(os.path.join(self._release(release), "release.json"), json.dumps(record, indent=1, sort_keys=True) + "\n", 0o600)

    def document(self, release: str) -> Json:
        """A release's project, or an empty one where it can't be read."""
        return _json(self.compose_file(release)) or {}

    def record(self, release: str) -> Json | None:
        """The record of a release, or None where there is none or it can't be read."""
        return _json(os.path.join(self._release(release), "release.json"))

    def releases(self) -> list[str]:
        """Ids of the releases that have a folder."""
        folder = os.path.join(self.folder, "releases")
        return sorted(os.listdir(folder)) if os.path.isdir(folder) else []

    def remove_release(self, release: str) -> None:
        """Remove a release's folder."""
        shutil.rmtree(self._release(release), ignore_errors=True)
        sync_folder(os.path.join(self.folder, "releases"))

    def copy_files(self, release: str, hashes: t.Mapping[str, str]) -> dict[str, str]:
        """Give a release its own copies of config and secret files, with owner and mode: path -> path of the copy.

        ``hashes`` is what ``file_hashes`` said of them. Raises SpecError for a file that somebody changed since.
        """
        copies: dict[str, str] = {}
        for number, path in enumerate(hashes):
            folder = os.path.join(self._release(release), "files")
            os.makedirs(folder, mode=0o700, exist_ok=True)
            copies[path] = os.path.join(folder, f"{number}-{os.path.basename(path)}")
            shutil.copy2(path, copies[path])
            owner = os.stat(path)
            os.chown(copies[path], owner.st_uid, owner.st_gid)
            if file_hashes([copies[path]])[copies[path]] != hashes[path]:
                raise SpecError(f"{path} was changed while it was rolled out; run again")
        return copies

    def reserved_ports(self) -> set[int]:
        """Ports of every release of every app on this host, also of stopped ones."""
        ports: set[int] = set()
        for app in os.listdir(self.root) if os.path.isdir(self.root) else ():
            other = Store(self.root, app)
            for release in other.releases():
                for numbers in ((other.record(release) or {}).get("ports") or {}).values():
                    ports.update(numbers)
        return ports

    @contextmanager
    def port_book(self) -> t.Iterator[None]:
        """Hold while ports are chosen and written down: two apps may roll out at once."""
        handle = os.open(os.path.join(self.root, "ports.lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def _release(self, release: str) -> str:
        return os.path.join(self.folder, "releases", release)


def file_hashes(paths: t.Sequence[str]) -> dict[str, str]:
    """The content of config and secret files, as hashes. Raises SpecError for one that can't be read."""
    hashes: dict[str, str] = {}
    for path in paths:
        try:
            with open(path, "rb") as stream:
                hashes[path] = hashlib.sha256(stream.read()).hexdigest()
        except OSError as exc:
            raise SpecError(f"the config or secret file {path} can't be read: {exc.strerror}") from None
    return hashes


def _json(path: str) -> Json | None:
    try:
        value = json.loads(read_text(path) or "null")
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
