"""SIGKILL of the module: before, after and in the middle of every kind of step, forwards and on the way back."""

from __future__ import annotations

import signal

from e2e.killer import Moment
from faults.fault import KILLED, Fault, Strike, kill

DO = "Run the play again: it finishes the rollout."

# Every kind of step, told apart by a service where a rollout has two of a kind. ``gate`` of the worker comes once only: a
# rerun finds the worker started and has nothing to wait for.
_EDGES = (
    (Moment("create"), Moment("create", after=True)),
    (Moment("start", service="web"), Moment("start", service="web", after=True)),
    (Moment("gate", service="web"), Moment("gate", service="web", after=True)),
    (Moment("job"), Moment("job", after=True)),
    (Moment("shift"), Moment("shift", after=True)),
    (Moment("drain"), Moment("drain", after=True)),
    (Moment("start", service="queue"), Moment("start", service="queue", after=True)),
    (Moment("hand_over"), Moment("hand_over", after=True)),
    (Moment("gate", service="queue"),),
    (Moment("gate", service="queue", after=True),),
    (Moment("stop", service="queue"), Moment("stop", service="queue", after=True)),
    (Moment("watch"), Moment("watch", after=True)),
    (Moment("remove"), Moment("remove", after=True)),
    (Moment("stop", service="web"), Moment("stop", service="web", after=True)),
)
_MIDDLES = (
    Moment("create", 0.05),
    Moment("create", 0.25),
    Moment("start", 0.3, service="web"),
    Moment("gate", 0.5, service="web"),
    Moment("job", 0.3),
    Moment("shift", 0.06),
    Moment("shift", 0.12),
    Moment("drain", 0.4),
    Moment("start", 0.1, service="queue"),
    Moment("gate", 0.3, service="queue"),
    Moment("stop", 0.1, service="queue"),
    Moment("hand_over", 0.1),
    Moment("hand_over", 0.4),
    Moment("watch", 0.5),
    Moment("remove", 0.15),
    Moment("stop", 0.1, service="web"),
)
# The steps back from a rollout that was ended while it watched.
_BACK = ("shift", "start", "hand_over", "gate", "stop", "drain", "remove")


def _named(moment: Moment) -> str:
    return f"`{moment.action}`" + (f" of the {moment.service}" if moment.service else "")


def _edge(moments: tuple[Moment, ...]) -> Fault:
    where = " and ".join("after" if moment.after else "before" for moment in moments)
    return Fault(
        f"kill-{'-and-'.join(map(str, moments))}",
        f"SIGKILL of the module {where} {_named(moments[0])}",
        DO,
        KILLED,
        plays=tuple((kill(moment),) for moment in moments),
    )


def _middle(moment: Moment) -> Fault:
    title = f"SIGKILL of the module {moment.delay:g} s into {_named(moment)}"
    usual = moment == Moment("shift", 0.12)
    # What comes before it takes from the time to watch: on a slow machine all of it.
    options = {"app_watch": 20} if moment.action == "watch" else {}
    return Fault(f"kill-{moment}", title, DO, KILLED, plays=((kill(moment),),), options=options, usual=usual)


def _back(action: str) -> Fault:
    end = Strike(Moment("watch"), send=signal.SIGTERM)
    at = Moment(action, undoing=True)
    return Fault(f"kill-{at}", f"SIGKILL of the module before `{action}` of the way back", DO, KILLED, plays=((end, kill(at)),), cuts=4)


ROWS = (*map(_edge, _EDGES), *map(_middle, _MIDDLES), *map(_back, _BACK))
