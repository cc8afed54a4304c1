"""What a fault is: data. What happens to it is in ``drill``."""

from __future__ import annotations

import signal
import typing as t
from dataclasses import dataclass, field

from e2e.inside import Inside
from e2e.killer import Moment
from hotel import Host


@dataclass
class Scene:
    """Where a fault happens: the host, the version that is rolled out to it, and what was there before."""

    host: Host
    version: str
    before: Inside
    # What arranging a fault leaves for mending it.
    notes: dict[str, t.Any] = field(default_factory=dict)


Act = t.Callable[[Scene], None]


@dataclass(frozen=True)
class Strike:
    """At this moment the rollout's module gets ``send`` and ``do`` is done.

    With SIGSTOP the module stands still until that is done, so that nothing depends on who is quicker.
    """

    at: Moment
    do: Act | None = None
    send: int = signal.SIGSTOP


def kill(at: Moment) -> Strike:
    """The module is killed."""
    return Strike(at, send=signal.SIGKILL)


# How the rollout that was struck ends.
FINISHES = "finishes"  # the play succeeds
REFUSED = "refused"  # the play fails before anything was touched
UNDONE = "undone"  # the play fails, the release that was served serves as before
KILLED = "killed"  # the play fails, and what the rollout did stays half-done until the next run
EITHER = "either"  # the play succeeds or fails, as it happens to meet the fault


@dataclass(frozen=True)
class Fault:
    """One row of the matrix.

    ``title`` names it, ``do`` tells the user what to do. ``says`` is a pattern of the sentence that the user reads.
    ``plays`` are the strikes of each rollout to the wished version, one tuple a rollout; none means one rollout without a strike.
    ``options`` are the play's variables while it is struck. ``costs`` says which requests the fault itself kills, and why:
    only those may fail, and only from the strike until the fault has gone. ``cuts``: how often a stream may be cut.
    ``heals``: the served release comes up by itself. ``hard``: workers are killed too. ``keeps``: the release that was served is
    kept to go back to. ``usual`` faults are always tried.
    """

    name: str
    title: str
    do: str
    ends: str
    says: str = ""
    plays: tuple[tuple[Strike, ...], ...] = ((),)
    arrange: Act | None = None
    mend: Act | None = None
    options: dict[str, t.Any] = field(default_factory=dict)
    costs: str = ""
    cuts: int = 2
    heals: bool = False
    hard: bool = False
    keeps: bool = True
    usual: bool = False
