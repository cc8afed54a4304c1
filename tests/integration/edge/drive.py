"""Runs the edge on the test's host: `drive.py '{"do": ..., ...}'` prints one JSON object."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import asdict

from ansible_collections.steady.deploy.plugins.module_utils.core.clock import SystemClock
from ansible_collections.steady.deploy.plugins.module_utils.core.errors import SteadyError
from ansible_collections.steady.deploy.plugins.module_utils.core.runner import SubprocessRunner
from ansible_collections.steady.deploy.plugins.module_utils.edge import drain as draining
from ansible_collections.steady.deploy.plugins.module_utils.edge.base import Drained, Flight, Served, Upstream
from ansible_collections.steady.deploy.plugins.module_utils.edge.nginx import NginxEdge
from ansible_collections.steady.deploy.plugins.module_utils.edge.proc import Proc


def served(release, *ports):
    return Served("hotel", release, (Upstream("web", tuple(ports)), Upstream("ws", ())))


def start(place, release):
    """A backend that answers, on a port or a Unix socket. Returns its process id."""
    command = [sys.executable, "/test/backend.py", str(place), release]
    process = subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    family, address = (socket.AF_INET, ("127.0.0.1", place)) if isinstance(place, int) else (socket.AF_UNIX, place)
    for dummy in range(200):
        with socket.socket(family) as probe:
            if probe.connect_ex(address) == 0:
                return process.pid
        time.sleep(0.02)
    raise SystemExit(f"backend {place} does not come up")


def ports_only(edge, ports, request_timeout, stream_timeout):
    """What a drain would be that only counts connections to the old ports."""
    view = draining.Old(Proc(), ports, [])
    bounds = draining.Bounds(edge._reloaded, request_timeout, stream_timeout, 0.0, 0.0)
    return draining.drain(view.look, SystemClock(), bounds)


def roll(edge, count, gap, how, request_timeout=30, stream_timeout=10, first=20100):
    """Shift `count` times between backends, each killed the moment its drain is over."""
    pid = start(first, f"r{0:011d}")
    edge.shift(served(f"r{0:011d}", first))
    time.sleep(3)
    report = []
    for number in range(1, count + 1):
        port, release = first + number, f"r{number:011d}"
        fresh = start(port, release)
        begin = time.monotonic()
        edge.shift(served(release, port))
        shifted = time.monotonic() - begin
        if how == "ports_only":
            drained = ports_only(edge, [port - 1], request_timeout, stream_timeout)
        elif how == "nothing":
            drained = Drained()
        else:
            drained = edge.drain({"web": [port - 1]}, request_timeout, stream_timeout)
        os.kill(pid, signal.SIGKILL)
        report.append({"shift": round(shifted, 3), **asdict(drained)})
        pid = fresh
        time.sleep(gap)
    return report


def main():
    order = json.loads(sys.argv[1])
    runner = SubprocessRunner(dict(os.environ, LC_ALL="C"))
    edge = NginxEdge(runner, SystemClock(), "hotel", order.get("url", "http://127.0.0.1/"), order.get("host", "hotel.test"))
    flights: list[Flight] = []
    try:
        if order["do"] == "preflight":
            result = edge.preflight()
        elif order["do"] == "served":
            result = asdict(edge.served())
        elif order["do"] == "start":
            result = start(order["place"], order["release"])
        elif order["do"] == "shift":
            begin = time.monotonic()
            edge.shift(served(order["release"], *order["ports"]))
            result = {"shift": time.monotonic() - begin}
            if "drain" in order:
                drained = edge.drain({"web": order["drain"]}, order["request_timeout"], order["stream_timeout"], flights.append)
                result.update(asdict(drained), flights=[asdict(one) for one in flights])
        elif order["do"] == "drain":
            result = asdict(edge.drain({"web": order["drain"]}, order["request_timeout"], order["stream_timeout"]))
        elif order["do"] == "verify":
            result = edge.verify(served(order["release"], *order["ports"]))
        else:
            result = roll(edge, order["count"], order["gap"], order["how"], order.get("request_timeout", 30))
    except SteadyError as exc:
        print(json.dumps({"error": exc.message, "type": type(exc).__name__}))
        return
    print(json.dumps({"result": result}))


main()
