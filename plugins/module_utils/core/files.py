# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that are whole or absent, never half-written."""

from __future__ import annotations

import contextlib
import os


def write_atomic(path: str, text: str, mode: int = 0o644, owner: tuple[int, int] | None = None) -> None:
    """Replace ``path`` by ``text`` in one step that survives a crash: write beside it, fsync, rename, fsync the folder.

    ``owner`` is the user's and the group's number, by default who runs this. Bytes that are no UTF-8 are in ``text`` as
    surrogates, as ``errors="surrogateescape"`` reads them.
    """
    folder, name = os.path.split(path)
    # Always the same name: what a kill in the middle left behind goes with the next write. One run at a time writes it.
    temporary = os.path.join(folder, f".steady-{name}")
    with contextlib.suppress(FileNotFoundError):
        os.unlink(temporary)
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="surrogateescape") as stream:
            stream.write(text)
            stream.flush()
            if owner is not None:
                os.fchown(stream.fileno(), *owner)
            os.fchmod(stream.fileno(), mode)
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except BaseException:
        # Gone already where a signal came between the rename and here.
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    sync_folder(folder)


def put_text(path: str, text: str | None, mode: int = 0o644, owner: tuple[int, int] | None = None) -> None:
    """Make the file what it is to be: ``text``, in a folder that is made where it is missing, or no file at all."""
    if text is None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        return
    folder = os.path.dirname(path)
    if not os.path.isdir(folder):
        os.makedirs(folder)
        os.chmod(folder, 0o755)
    write_atomic(path, text, mode, owner)


def sync_folder(folder: str) -> None:
    """Make renames and removals in ``folder`` durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read_text(path: str) -> str | None:
    """The text of a file, or None where there is none."""
    try:
        with open(path, encoding="utf-8") as stream:
            return stream.read()
    except FileNotFoundError:
        return None
