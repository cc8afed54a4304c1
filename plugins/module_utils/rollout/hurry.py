# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An end to waiting while users wait too."""

from __future__ import annotations

import signal
import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import GateError

# How much of the time that requests can be held the new release may take. The rest is for the way back.
SHARE = 2 / 3


class Hurry:
    """Interrupts what the main thread does, be it waiting for a gate, a job or a command, once users have waited for too long."""

    def until(self, hold_timeout: float, release: str) -> None:
        """From now on the release has its share of ``hold_timeout`` seconds. When that has passed, GateError is raised."""
        seconds = hold_timeout * SHARE

        def too_long(_number: int, _frame: t.Any) -> None:
            raise GateError(
                f"release {release} was not ready within {seconds:g} s of holding requests; the rest of hold_timeout "
                f"({hold_timeout:g} s) is for the way back: find out what takes so long, or set hold_timeout higher"
            )

        signal.signal(signal.SIGALRM, too_long)
        signal.setitimer(signal.ITIMER_REAL, seconds)

    def never(self) -> None:
        """There is no hurry any more."""
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
