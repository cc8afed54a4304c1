# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a signal does to a rollout."""

from __future__ import annotations

import contextlib
import signal
import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import Breakdown


@contextlib.contextmanager
def interruptible() -> t.Iterator[None]:
    """SIGTERM and SIGINT undo the rollout. A lost terminal (SIGHUP) does not: a rollout is safer finished than cut."""

    def stop(number: int, _frame: t.Any) -> None:
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, signal.SIG_IGN)
        raise Breakdown(f"interrupted by {signal.Signals(number).name}")

    former = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    former[signal.SIGHUP] = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
