"""Signals a rollout's module on the managed host at a moment that its journal tells."""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
import typing as t
from dataclasses import asdict, dataclass

from hotel import Host

# Runs on the host. Waits for the moment, then for the delay, then signals the pid that the lock names; tells whether the
# step was still under way then.
_SCRIPT = r"""
import json, os, signal, sys, time
m, number, limit = json.loads(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
path, lock = "/var/lib/steady/hotel/journal.jsonl", "/var/lib/steady/hotel/lock"
# The journal is replaced when it is trimmed, but never in the middle of a rollout.
seen = os.path.getsize(path) if os.path.exists(path) else 0
print("watching", flush=True)
end = time.monotonic() + limit

def entries():
    global seen
    try:
        with open(path, "rb") as stream:
            # A test may have emptied it.
            seen = min(seen, os.fstat(stream.fileno()).st_size)
            stream.seek(seen)
            lines = [json.loads(line) for line in stream if line.endswith(b"\n") and line.startswith(b"{")]
            return [one for one in lines if one["event"] != "progress"]
    except FileNotFoundError:
        return []

def found():
    # The entry that is the moment, or None while it has not come.
    nth, undoing, begun = 0, not m["undoing"], False
    for one in entries():
        undoing = undoing or one["event"] == "undo"
        if m["action"] in ("opened", "undo"):
            if one["event"] == m["action"]:
                return one
        elif begun and one["event"] in ("done", "failed"):
            return one
        elif undoing and one["event"] == "step" and one["action"] == m["action"] and m["service"] in ["", *one["services"]]:
            nth += 1
            if nth == m["nth"] and not m["after"]:
                return one
            begun = nth == m["nth"]
    return None

while True:
    moment = found()
    if moment:
        break
    if time.monotonic() > end:
        sys.exit("the step never came: " + json.dumps(entries()[-3:]))
    time.sleep(0.002)
time.sleep(m["delay"])
pid = json.load(open(lock))["pid"] if number else 0
last = entries()[-1]
if number:
    os.kill(pid, number)
if number in (signal.SIGKILL, signal.SIGSTOP):
    # Nothing it might still have written between the look and the signal is missed.
    time.sleep(0.05)
    last = entries()[-1]
print(json.dumps({"pid": pid, "last": last, "under_way": last == moment}), flush=True)
"""


@dataclass(frozen=True)
class Moment:
    """``delay`` seconds after the ``nth`` step of this action, with this service if one is named, has begun, or ``after`` it has ended.

    ``undoing``: only steps of the way back count. The actions "opened" and "undo" are the begin of a rollout and of its way back.
    """

    action: str
    delay: float = 0.0
    nth: int = 1
    service: str = ""
    after: bool = False
    undoing: bool = False

    def __str__(self) -> str:
        text = ("undo-" if self.undoing else "") + self.action + (f"-{self.service}" if self.service else "")
        text += "" if self.nth == 1 else str(self.nth)
        return text + ("-end" if self.after else "") + (f"+{self.delay:g}s" if self.delay else "")


class Killer:
    """Watches from ``with`` on for a moment, or the begin of the first step of an action.

    ``number`` is the signal, 0 for none: then ``wait`` only tells that the moment has come.
    """

    def __init__(self, host: Host, moment: Moment | str, number: int = 9, limit: float = 90) -> None:
        moment = Moment(moment) if isinstance(moment, str) else moment
        self._argv = ["docker", "exec", "-i", host.name, "python3", "-c", _SCRIPT]
        self._argv += [json.dumps(asdict(moment)), str(int(number)), str(limit)]

    def __enter__(self) -> Killer:
        self._process = subprocess.Popen(self._argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self._process.stdout and self._process.stdout.readline() == "watching\n"
        return self

    def __exit__(self, *_exc: t.Any) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()

    def wait(self, going: t.Callable[[], bool] = lambda: True) -> dict[str, t.Any]:
        """What was signalled: pid, the journal's last entry then, and whether the step was still under way.

        Once the rollout is no more ``going`` its moment can't come: that fails at once.
        """
        while self._process.poll() is None and going():
            time.sleep(0.05)
        if not going():
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(2)
            assert self._process.poll() is not None, "the rollout ended before the moment came"
        out, err = self._process.communicate(timeout=120)
        assert self._process.returncode == 0, err
        return t.cast("dict[str, t.Any]", json.loads(out))
