# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two files of an app in Nginx's folder: its upstreams, and, only while requests are held, those that hold them."""

from __future__ import annotations

import contextlib
import os

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import EdgeError
from ansible_collections.steady.deploy.plugins.module_utils.core.files import read_text, sync_folder, write_atomic
from ansible_collections.steady.deploy.plugins.module_utils.edge import upstream_file
from ansible_collections.steady.deploy.plugins.module_utils.edge.base import Served
from ansible_collections.steady.deploy.plugins.module_utils.edge.hold_file import kept

# The text of the upstream file and of the file of a hold; None: the file is not there.
Texts = tuple["str | None", "str | None"]


class AppFiles:
    """``path`` is the upstream file. The file of a hold lies beside it."""

    def __init__(self, app: str, path: str) -> None:
        self._app = app
        self.path = path
        self._folder = os.path.dirname(path)
        self._hold = os.path.join(self._folder, f"{app}.hold")

    def read(self) -> Texts:
        """Both as they are. Raises OSError, UnicodeDecodeError."""
        return read_text(self.path), read_text(self._hold)

    def write(self, texts: Texts) -> None:
        """Put both in place. Where the file of a hold is, ``holding`` is true, so it goes last. Raises OSError."""
        upstreams, hold = texts
        if hold is not None:
            write_atomic(self._hold, hold)
        if upstreams is not None:
            write_atomic(self.path, upstreams)
        for path in [self.path] * (upstreams is None) + [self._hold] * (hold is None):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
                sync_folder(self._folder)

    def holding(self) -> bool:
        """Whether requests are held."""
        return os.path.exists(self._hold)

    def served(self) -> Served:
        """What the files say is served. Raises EdgeError."""
        try:
            hold = read_text(self._hold)
            text = read_text(self.path) if hold is None else kept(hold)
        except (OSError, UnicodeDecodeError) as exc:
            why = getattr(exc, "strerror", None) or "it is no text"
            raise EdgeError(f"the app's upstream file {self.path} can't be read: {why}") from None
        return Served(self._app, None) if text is None else self.parse(text)

    def parse(self, text: str) -> Served:
        """What a text of the upstream file says is served. Raises EdgeError."""
        return upstream_file.parse(text, self.path, self._app)

    def beside(self, prefix: str) -> str:
        """A path in the same folder that Nginx does not include."""
        return os.path.join(self._folder, prefix + os.path.basename(self.path).partition(".")[0])
