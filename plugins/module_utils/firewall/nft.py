# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""nft: what the kernel has, and what it would make of a file."""

from __future__ import annotations

import os

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import PreflightError
from ansible_collections.steady.deploy.plugins.module_utils.core.runner import Runner, checked
from ansible_collections.steady.deploy.plugins.module_utils.firewall.rules import FAMILY, TABLE, TRACK, clear

NFT = "/usr/sbin/nft"
# Without counters' values and without what sets learnt: what was asked for, in the kernel's own words.
_LIST = ("--stateless", "--terse", "list", "table", FAMILY, TABLE)


class Nft:
    """The table of this host."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    @staticmethod
    def there() -> bool:
        """Whether nftables is installed."""
        return os.access(NFT, os.X_OK)

    def live(self) -> str | None:
        """The table that is in force, or None."""
        done = self._runner.run([NFT, *_LIST], timeout=20)
        return done.stdout if done.rc == 0 else None

    def meant(self, text: str) -> str:
        """The table that these rules would make, read back from a network of its own that nothing is connected to.

        Raises PreflightError where nft refuses the file.
        """
        script = f"{NFT} -f - && {NFT} {' '.join(_LIST)}"
        done = self._runner.run(["unshare", "--net", "sh", "-c", script], stdin=text, timeout=20)
        if done.rc != 0:
            reason = next((line for line in done.stderr.splitlines() if line.strip()), f"exit code {done.rc}").strip()
            raise PreflightError(f"nft refuses the rules, and nothing was changed: {reason}", stderr=done.stderr)
        return done.stdout

    def load(self, path: str) -> None:
        """Put the file at ``path`` in force, as a whole or not at all. Raises CommandError."""
        checked(self._runner.run([NFT, "-f", path], timeout=20), "The rules could not be put in force, those before them still are")

    def track(self) -> None:
        """Let the kernel track connections, and everything through. Raises CommandError."""
        checked(self._runner.run([NFT, "-f", "-"], stdin=TRACK, timeout=20), "The kernel can't be made to track connections")

    def former(self) -> str:
        """What brings the table back to what it is now, including none."""
        live = self.live()
        return clear() + (live or "")

    def clear(self) -> None:
        """Take the table away. Raises CommandError."""
        checked(self._runner.run([NFT, "-f", "-"], stdin=clear(), timeout=20), "The table could not be taken away")


def lines(text: str | None) -> list[str]:
    """A listing without what says nothing: for comparing."""
    return [line.strip() for line in (text or "").splitlines() if line.strip()]
