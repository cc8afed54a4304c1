# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps a plan is made of: pure data. What they do to a host is the executor's business."""

from __future__ import annotations

from dataclasses import dataclass

PULL = "pull"  # bring images to the host; only ever planned, since a release is named after its images
BASE_UP = "base_up"  # start accessories
CREATE = "create"  # make a release's networks and containers, and plug accessories in
JOB = "job"  # run a job to its end
MIGRATE = "migrate"  # bring the database to the schema that a release needs, or take away what only older ones needed
START = "start"  # start services of a release
GATE = "gate"  # wait until services of a release are ready
SMOKE = "smoke"  # try scenarios, on the release's own ports or, after a shift, through the edge
HOOK = "hook"  # run a command of the user's at a named point
SHIFT = "shift"  # move traffic to a release
HOLD = "hold"  # let requests wait at the edge
UNHOLD = "unhold"  # let those through that wait
DRAIN = "drain"  # let what is in flight to other releases finish
HAND_OVER = "hand_over"  # stop services elsewhere, then start them here: never two at once
STOP = "stop"  # stop services of a release, kept for a rollback
WATCH = "watch"  # see the release stay up
REMOVE = "remove"  # remove a release with all it has

# Where a smoke test asks.
RELEASE, EDGE = "release", "edge"
# Which migrations: those that are safe beside the old code, or those that may come only once it is gone.
EXPAND, CONTRACT = "expand", "contract"


# What becomes of a rollout when a batch fails, as Compose's failure_action has it.
ROLLBACK, PAUSE, CONTINUE = FAILURE_ACTIONS = ("rollback", "pause", "continue")


@dataclass(frozen=True)
class Share:
    """So many replicas of one service of one release."""

    release: str
    service: str
    replicas: int


@dataclass(frozen=True)
class Step:
    """One step: what (``action``), on which release and services, and one line that says so.

    ``elsewhere`` names (release, service) pairs a hand-over stops or a drain empties. A failure of a step that
    does not ``rolls_back`` leaves the rollout standing: it is told as a warning, and the next run tries again what still differs.
    ``replicas`` is how many of each of the services run once it is done, None for all of them (or, of a stop, for none).
    ``mix`` is what the edge asks after a shift in batches; without it that is the whole ``release``. Of the replicas that
    a gate waits for ``may_fail`` may fail; ``pauses`` says that a failure leaves everything as it is. ``seconds`` is how
    long a watch lasts, where the batch says so.
    ``point`` says where a smoke test asks (RELEASE or EDGE), which migrations (EXPAND or CONTRACT), or which hook this is, as an
    index into the options' hooks.
    """

    action: str
    text: str
    release: str = ""
    services: tuple[str, ...] = ()
    elsewhere: tuple[tuple[str, str], ...] = ()
    rolls_back: bool = True
    point: int | str = ""
    replicas: int | None = None
    mix: tuple[Share, ...] = ()
    may_fail: int = 0
    pauses: bool = False
    seconds: float | None = None
