"""Signals a rollout's module on the managed host in the middle of one of its steps, as its journal tells them."""

from __future__ import annotations

import json
import subprocess
import typing as t

from hotel import Host

# Runs on the host. Waits for the step, then for the delay, then signals the pid that the lock names; tells whether the
# step was still under way then.
_SCRIPT = r"""
import json, os, signal, sys, time
action, nth, delay, number, limit = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5])
path, lock = "/var/lib/steady/hotel/journal.jsonl", "/var/lib/steady/hotel/lock"
# The journal is replaced when it is trimmed, but never in the middle of a rollout.
seen = os.path.getsize(path)
print("watching", flush=True)
end = time.monotonic() + limit

def entries():
    with open(path) as stream:
        stream.seek(seen)
        return [json.loads(line) for line in stream if line.endswith("\n")]

while True:
    begins = [one for one in entries() if one["event"] == ("opened" if action == "opened" else "step")]
    steps = [one for one in begins if action in ("opened", one.get("action"))]
    if len(steps) >= nth:
        break
    if time.monotonic() > end:
        sys.exit("the step never came: " + json.dumps(entries()[-3:]))
    time.sleep(0.003)
time.sleep(delay)
pid = json.load(open(lock))["pid"] if number else 0
last = entries()[-1]
if number:
    os.kill(pid, number)
if number == signal.SIGKILL:
    # Nothing it might still have written between the look and the signal is missed.
    time.sleep(0.05)
    last = entries()[-1]
print(json.dumps({"pid": pid, "last": last, "under_way": last == steps[nth - 1]}), flush=True)
"""


class Killer:
    """Watches from ``with`` on. ``number`` is the signal, 0 for none: then ``wait`` only tells that the step has come."""

    def __init__(self, host: Host, action: str, nth: int = 1, delay: float = 0.0, number: int = 9, limit: float = 90) -> None:
        arguments = [action, str(nth), str(delay), str(int(number)), str(limit)]
        self._argv = ["docker", "exec", "-i", host.name, "python3", "-c", _SCRIPT, *arguments]

    def __enter__(self) -> Killer:
        self._process = subprocess.Popen(self._argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self._process.stdout and self._process.stdout.readline() == "watching\n"
        return self

    def __exit__(self, *_exc: t.Any) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()

    def wait(self) -> dict[str, t.Any]:
        """What was signalled: pid, the journal's last entry then, and whether the step was still under way."""
        out, err = self._process.communicate(timeout=120)
        assert self._process.returncode == 0, err
        return t.cast("dict[str, t.Any]", json.loads(out))
