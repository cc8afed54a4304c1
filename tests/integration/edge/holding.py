"""A run on the test's host, told on standard input what to do: one JSON list a line, one JSON object back for each."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict

from ansible_collections.steady.deploy.plugins.module_utils.core.clock import SystemClock
from ansible_collections.steady.deploy.plugins.module_utils.core.errors import SteadyError
from ansible_collections.steady.deploy.plugins.module_utils.core.runner import SubprocessRunner
from ansible_collections.steady.deploy.plugins.module_utils.edge.base import Served, Upstream
from ansible_collections.steady.deploy.plugins.module_utils.edge.nginx import NginxEdge

# More new replicas than Nginx would ask before it gives up.
PORTS = {"aaaaaaaaaaaa": (20000,), "bbbbbbbbbbbb": (20001, 20002, 20003, 20004)}
PIDS: dict[str, list[int]] = {}
EDGE = NginxEdge(SubprocessRunner(dict(os.environ, LC_ALL="C")), SystemClock(), "hotel", host="hotel.test")


def served(release: str) -> Served:
    return Served("hotel", release, (Upstream("web", PORTS[release]), Upstream("ws", ())))


def start(release: str) -> None:
    PIDS[release] = []
    for port in PORTS[release]:
        command = [sys.executable, "/test/backend.py", str(port), release]
        process = subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        PIDS[release].append(process.pid)
    deadline = time.monotonic() + 20
    while {f"{port:04X}" for port in PORTS[release]} - listening():
        if time.monotonic() > deadline:
            raise SystemExit(f"release {release} does not come up")
        time.sleep(0.01)


def listening() -> set[str]:
    with open("/proc/net/tcp", encoding="ascii") as table:
        return {row.split()[1].partition(":")[2] for row in table if " 0A " in row}


def stop(release: str) -> None:
    for pid in PIDS.pop(release):
        os.kill(pid, signal.SIGKILL)


ORDERS = {
    "start": start,
    "stop": stop,
    "shift": lambda release: EDGE.shift(served(release)),
    "hold": lambda release, bound: EDGE.hold(served(release), bound),
    "drain": lambda release: asdict(EDGE.drain({"web": PORTS[release]}, 10, 1)),
    "unhold": lambda: asdict(EDGE.unhold()),
    "holding": EDGE.holding,
    "preflight": EDGE.preflight,
    "served": lambda: EDGE.served().release,
    "pid": os.getpid,
}

for line in sys.stdin:
    order, *arguments = json.loads(line)
    begun = time.monotonic()
    try:
        answer = {"result": ORDERS[order](*arguments)}
    except SteadyError as exc:
        answer = {"error": exc.message}
    print(json.dumps({**answer, "seconds": time.monotonic() - begun}), flush=True)
