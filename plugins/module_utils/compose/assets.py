# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Assets of all releases in one folder of the host, from which the edge serves those that the served release does not have.

They lie in ``<state_dir>-assets/<app>``, under their URLs: the edge's workers may not look into the state folder, which
is root's own. ``releases/<id>/assets.json`` says which of them a release has. Containers are not trusted: their files
are read from a tar stream, and nothing but regular files below the folder is taken from it.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import tarfile
import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.compose.cli import DockerCli
from ansible_collections.steady.deploy.plugins.module_utils.compose.store import Store
from ansible_collections.steady.deploy.plugins.module_utils.core.clock import Clock
from ansible_collections.steady.deploy.plugins.module_utils.core.container import ContainerState
from ansible_collections.steady.deploy.plugins.module_utils.core.errors import PreflightError, SpecError, SteadyError
from ansible_collections.steady.deploy.plugins.module_utils.core.files import read_text, sync_folder, write_atomic
from ansible_collections.steady.deploy.plugins.module_utils.rollout.spec import Assets, Service

# Bytes and number of files of one release, and bytes of what no release has any more.
MOST_BYTES = 512 << 20
MOST_FILES = 50_000
MOST_OLD_BYTES = 512 << 20
# Seconds for which a file is kept after the last release that had it was removed.
KEEP_OLD = 7 * 86400.0
_TEMPORARY = ".steady-"
_URL = re.compile(r"(/[A-Za-z0-9_~@+-][A-Za-z0-9._~@+-]*)+\Z")
# Into a file and not through a pipe of ours, which carries text.
_COPY = 'docker cp "$1:$2/." - | head -c "$3" > "$4"'


def parse_assets(said: t.Any, name: str, port: int | None) -> Assets | None:
    """``assets`` of service ``name``, which takes traffic at ``port``. Raises SpecError."""
    if said is None:
        return None
    example = "such as {path: /build, folder: /srv/app/public/build}"
    if not isinstance(said, t.Mapping) or set(said) != {"path", "folder"} or not all(isinstance(value, str) for value in said.values()):
        raise SpecError(f"service {name}: `assets` must have a path (of URLs) and a folder (in the container), {example}")
    if port is None:
        raise SpecError(
            f"service {name}: `assets` are for a service that takes traffic: give it a `port`, or move them to the one that does"
        )
    path, folder = said["path"].rstrip("/"), said["folder"].rstrip("/")
    if not _URL.match(path):
        raise SpecError(f"service {name}: the path of `assets` must be the start of URLs below /, {example}, not {said['path']!r}")
    if not folder.startswith("/") or ".." in folder.split("/") or ":" in folder:
        raise SpecError(f"service {name}: the folder of `assets` must be a whole path in the container, {example}, not {said['folder']!r}")
    return Assets(path, folder)


class AssetBridge:
    """The assets of one app's releases on this host. The app's lock must be held."""

    def __init__(self, cli: DockerCli, store: Store, clock: Clock, app: str) -> None:
        self._cli = cli
        self._store = store
        self._clock = clock
        self.folder = os.path.join(f"{store.root.rstrip('/')}-assets", app)

    def add(self, release: str, services: t.Sequence[Service], states: t.Callable[[str], t.Sequence[ContainerState]]) -> None:
        """Copy a created release's assets, and those of kept releases that are not there, as at the first time. Raises SteadyError."""
        if not any(service.assets for service in services):
            return
        self._copy(release, services, states(release))
        for other in self._store.releases():
            if other != release and not self._whole(other):
                # It may have had its assets elsewhere: then there is nothing to bridge to.
                with contextlib.suppress(SteadyError):
                    self._copy(other, services, states(other))
        self._prune()

    def forget(self, release: str) -> None:
        """A release is about to be removed: its assets are kept for some days more, for pages that are still open."""
        now = self._clock.now()
        for name in self._files(release):
            with contextlib.suppress(FileNotFoundError):
                os.utime(os.path.join(self.folder, name), (now, now))
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._list(release))
        self._prune()

    def _copy(self, release: str, services: t.Sequence[Service], states: t.Sequence[ContainerState]) -> None:
        archive = os.path.join(os.path.dirname(self._list(release)), "assets.tar")
        files: list[str] = []
        for service in services:
            container = next((state.id for state in states if state.service == service.name), None)
            if service.assets and container:
                what = f"the assets of service {service.name} ({service.assets.folder} in the container)"
                try:
                    said = self._cli.runner.run(
                        ["sh", "-c", _COPY, "sh", container, service.assets.folder, str(MOST_BYTES + 1), archive]
                    ).stderr.strip()
                    if not os.path.getsize(archive):
                        raise SpecError(f"{what} can't be read: {said or 'docker cp gave no reason'}")
                    if os.path.getsize(archive) > MOST_BYTES:
                        raise SpecError(f"{what} are more than {MOST_BYTES >> 20} MiB: name the folder of the hashed ones only")
                    files += self._unpack(archive, service.assets.path.strip("/"), what)
                except OSError as exc:
                    raise PreflightError(f"{what} can't be copied to {self.folder}: {exc.strerror}") from exc
                finally:
                    with contextlib.suppress(FileNotFoundError):
                        os.unlink(archive)
        write_atomic(self._list(release), json.dumps(sorted(files)) + "\n", 0o600)

    def _unpack(self, archive: str, path: str, what: str) -> list[str]:
        """Put an archive's regular files in place. Returns their names below the folder."""
        names: list[str] = []
        size = 0
        try:
            with tarfile.open(archive, "r:") as tar:
                for number, member in enumerate(tar):
                    name = clean(member.name)
                    # A second name of a file that is there already is copied from there.
                    twin = clean(member.linkname) if member.islnk() else None
                    if name is None or not (member.isreg() or (twin and f"{path}/{twin}" in names)):
                        continue
                    size += member.size
                    if size > MOST_BYTES or number >= MOST_FILES:
                        raise SpecError(
                            f"{what} are more than {MOST_BYTES >> 20} MiB or {MOST_FILES} files: name the folder of the hashed ones"
                        )
                    source = open(os.path.join(self.folder, path, twin), "rb") if twin else tar.extractfile(member)  # noqa: SIM115
                    with source or contextlib.nullcontext():
                        if source and self._put(source, f"{path}/{name}"):
                            names.append(f"{path}/{name}")
        except tarfile.TarError as exc:
            raise SpecError(f"{what} can't be read: {exc}") from exc
        for folder in {os.path.dirname(os.path.join(self.folder, name)) for name in names}:
            sync_folder(folder)
        return names

    def _put(self, source: t.IO[bytes], name: str) -> bool:
        """Make a file's content that of ``source``, in one step. False where another release has a folder of that name, or vice versa."""
        target = os.path.join(self.folder, name)
        if _same(source, target):
            return True
        temporary = os.path.join(os.path.dirname(target), f"{_TEMPORARY}{os.path.basename(target)[:100]}")
        try:
            self._make(os.path.dirname(target))
            handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o644)
            with os.fdopen(handle, "wb") as stream:
                shutil.copyfileobj(source, stream, 1 << 20)
                stream.flush()
                os.fchmod(stream.fileno(), 0o644)
                os.fsync(stream.fileno())
            os.replace(temporary, target)
        except (NotADirectoryError, FileExistsError, IsADirectoryError):
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            return False
        return True

    def _make(self, folder: str) -> None:
        """Make a folder that Nginx may enter, whatever the umask."""
        if not os.path.isdir(folder):
            self._make(os.path.dirname(folder))
            os.mkdir(folder, 0o755)
            os.chmod(folder, 0o755)

    def _prune(self) -> None:
        """Remove what no release has any more, once it is old or too much."""
        kept = {os.path.join(self.folder, name) for release in self._store.releases() for name in self._files(release)}
        old = []
        for folder, dummy, names in os.walk(self.folder):
            for path in (os.path.join(folder, name) for name in names):
                if os.path.basename(path).startswith(_TEMPORARY):
                    os.unlink(path)
                elif path not in kept:
                    status = os.lstat(path)
                    old.append((status.st_mtime, status.st_size, path))
        size = 0
        for changed, length, path in sorted(old, reverse=True):
            size += length
            if size > MOST_OLD_BYTES or changed < self._clock.now() - KEEP_OLD:
                os.unlink(path)
        for folder in [entry[0] for entry in os.walk(self.folder, topdown=False)]:
            with contextlib.suppress(OSError):
                os.rmdir(folder)

    def _files(self, release: str) -> list[str]:
        try:
            return [str(name) for name in json.loads(read_text(self._list(release)) or "[]")]
        except (ValueError, NotADirectoryError):
            return []

    def _whole(self, release: str) -> bool:
        return os.path.exists(self._list(release)) and all(os.path.exists(os.path.join(self.folder, name)) for name in self._files(release))

    def _list(self, release: str) -> str:
        return os.path.join(os.path.dirname(self._store.compose_file(release)), "assets.json")


def _same(source: t.IO[bytes], path: str) -> bool:
    """Whether a file has this content already. Leaves ``source`` at its start."""
    try:
        with open(path, "rb") as there:
            while True:
                piece = source.read(1 << 20)
                if piece != there.read(1 << 20):
                    return False
                if not piece:
                    return True
    except OSError:
        return False
    finally:
        source.seek(0)


def clean(name: str) -> str | None:
    """The name of an archive's entry as a relative path, or None where it leads elsewhere, is hidden, or no server could ask for it."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/") or not parts or len(parts) > 32 or not name.isprintable():
        return None
    return None if any(part.startswith(".") or len(part.encode("utf-8", "replace")) > 240 for part in parts) else "/".join(parts)
