# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where pairs lie: /etc/steady/tls/<name> leads to a folder with chain and key, so that both change in one step."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import time
import typing as t
from dataclasses import dataclass

from ansible_collections.steady.deploy.plugins.module_utils.core.files import read_text, sync_folder, write_atomic
from ansible_collections.steady.deploy.plugins.module_utils.tls.errors import CertificateError
from ansible_collections.steady.deploy.plugins.module_utils.tls.pair import Pair

_KEPT = 2


@dataclass(frozen=True)
class Origin:
    """Where a pair came from: a source of the specification and, for `acme`, the CA's directory."""

    source: str
    directory: str = ""


@dataclass(frozen=True)
class Stored:
    """A pair as it lies there. ``folder`` is what /etc/steady/tls/<name> leads to."""

    folder: str
    pair: Pair
    origin: Origin


class Store:
    """The pairs below one folder."""

    def __init__(self, root: str) -> None:
        self.root = root
        self._pairs = os.path.join(root, ".pairs")

    def path(self, name: str) -> str:
        """What Nginx is told: a folder with fullchain.pem and privkey.pem."""
        return os.path.join(self.root, name)

    def current(self, name: str) -> Stored | None:
        """The pair in use. None where there is none or only half of one."""
        link = self.path(name)
        folder = os.path.realpath(link)
        chain, key = (read_text(os.path.join(folder, file)) for file in ("fullchain.pem", "privkey.pem"))
        if not chain or not key or "-----BEGIN CERTIFICATE-----" not in chain:
            return None
        try:
            origin = Origin(**json.loads(read_text(os.path.join(folder, "origin.json")) or ""))
        except (ValueError, TypeError):
            origin = Origin("unknown")
        return Stored(folder, Pair(chain, key), origin)

    def claim(self, name: str) -> None:
        """Return where a pair could be put. Raises CertificateError where something else is in the way."""
        link = self.path(name)
        if os.path.lexists(link) and not os.path.islink(link):
            raise CertificateError(f"{link} is somebody else's: move it away, the role tls keeps a link there; nothing was changed")

    def put(self, name: str, pair: Pair, origin: Origin) -> str:
        """Write a pair beside the one in use. Returns its folder, for switch. Raises OSError, and what claim raises."""
        self.claim(name)
        parent = os.path.join(self._pairs, name)
        for folder in (self.root, self._pairs, parent):
            os.makedirs(folder, 0o755, exist_ok=True)
        folder = os.path.join(parent, f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{os.urandom(3).hex()}")
        os.mkdir(folder, 0o755)
        write_atomic(os.path.join(folder, "privkey.pem"), pair.key, 0o600)
        write_atomic(os.path.join(folder, "fullchain.pem"), pair.chain, 0o644)
        write_atomic(os.path.join(folder, "origin.json"), json.dumps(origin.__dict__) + "\n", 0o644)
        sync_folder(parent)
        return folder

    def switch(self, name: str, folder: str) -> None:
        """Make a folder the one in use, in one step. Raises OSError."""
        link = self.path(name)
        temporary = os.path.join(self.root, f".steady-{name}")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        os.symlink(os.path.relpath(folder, self.root), temporary)
        os.replace(temporary, link)
        sync_folder(self.root)

    def discard(self, folder: str) -> None:
        """Remove a folder that put has made."""
        shutil.rmtree(folder, ignore_errors=True)

    def tidy(self, name: str) -> None:
        """Keep the pair in use and the one before it."""
        parent = os.path.join(self._pairs, name)
        current = os.path.realpath(self.path(name))
        old = [folder for folder in self._folders(parent) if folder != current]
        for folder in old[: max(0, len(old) - (_KEPT - 1))]:
            self.discard(folder)

    def remove(self, name: str) -> None:
        """Remove all there is of a name. Raises OSError."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path(name))
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(os.path.join(self._pairs, name))

    def there(self, name: str) -> bool:
        """Whether there is something of a name."""
        return os.path.lexists(self.path(name)) or os.path.isdir(os.path.join(self._pairs, name))

    @staticmethod
    def _folders(parent: str) -> t.Sequence[str]:
        return sorted(os.path.realpath(os.path.join(parent, one)) for one in os.listdir(parent)) if os.path.isdir(parent) else []
