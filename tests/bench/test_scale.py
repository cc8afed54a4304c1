# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A rollout against the number of replicas, and the module's memory. Adds its table to docs/benchmarks.md.

The app is one service that is ready a fixed time after its start, so that nothing but the engine grows with the replicas.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import typing as t
from collections.abc import Iterator
from pathlib import Path

import hotel
import pytest

from bench.measure import bare, shifted, total, waited
from bench.report import MOST_OVER_FLOOR

REPLICAS = (1, 2, 4, 8, 16)
# The one whose seconds over the floor are aimed at.
PLAIN = 2
# A replica is ready so many seconds after its start.
WARM_UP = 2.0
# Starts one after the other would take 16 times as long.
MOST_GROWTH = 4.0
MOST_MEMORY = 64 << 20
PAGE = hotel.ROOT / "docs/benchmarks.md"
TITLE = "## Against the number of replicas"

SERVER = f"""
import http.server, time
begun = time.monotonic()
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if time.monotonic() - begun > {WARM_UP:g} else 503)
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *args):
        pass
http.server.ThreadingHTTPServer(("", 8000), Answer).serve_forever()
"""

# Runs on the host: the most memory (bytes) that the process named in the app's lock ever had, until told to end.
PEAK = r"""
import json, select, sys, time
most = 0
print("looking", flush=True)
while not select.select([sys.stdin], [], [], 0.02)[0]:
    try:
        pid = json.load(open("/var/lib/steady/scale/lock"))["pid"]
        status = open("/proc/%d/status" % pid).read()
        most = max(most, int(status.split("VmHWM:")[1].split()[0]) * 1024)
    except (OSError, ValueError, KeyError, IndexError):
        pass
print(most)
"""


class Measured(t.NamedTuple):
    """One rollout: seconds in all, from start to ready, until users are on it and only watched; the module's peak memory in bytes."""

    total: float
    ready: float
    shifted: float
    watched: float
    memory: int


@pytest.fixture(scope="module")
def host() -> Iterator[hotel.Host]:
    managed = hotel.Host("steady-bench", 2204, 8084, certificates="")
    try:
        managed.up()
        hotel.build("v1")
        yield managed
    finally:
        if os.environ.get("CI"):
            subprocess.run([str(hotel.ROOT / "lab/down.sh"), managed.name], check=True)


@pytest.fixture(scope="module")
def measured(host: hotel.Host, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[int, Measured], float]:
    """A rollout from one release to the next with so many replicas, for each number, and the floor; written to the page."""
    folder = tmp_path_factory.mktemp("scale")
    apps = [{"name": "scale", "server_names": ["scale.test"], "routes": [{"path": "/", "service": "web"}]}]
    done = host.play("playbooks/provision.yml", nginx_apps=apps)
    assert done.ok, done.output[-4000:]
    found, floor = {}, 0.0
    for replicas in REPLICAS:
        roll(host, folder, replicas, 1)
        with Peak(host) as peak:
            result = roll(host, folder, replicas, 2)
        steps = result["timeline"]
        begun = next(step["after"] for step in steps if step["action"] == "start")
        gate = next(step for step in steps if step["action"] == "gate")
        ready = gate["after"] + gate["seconds"] - begun
        found[replicas] = Measured(total(result), ready, shifted(result), waited(result), peak.bytes)
        if replicas == PLAIN:
            floor = alone(host, result["release"])
    write(found, floor)
    return found, floor


def alone(host: hotel.Host, release: str) -> float:
    """Seconds from start to ready of one replica by itself."""
    containers = "$(docker ps -aq --filter label=steady.app=scale)"
    host.run(f"docker stop {containers}")
    found = bare(host, "scale", release, "/", {"web-1": ["web-1"]})
    host.run(f"docker start {containers}")
    return found["web-1"]


def roll(host: hotel.Host, folder: Path, replicas: int, number: int) -> dict[str, t.Any]:
    service = {
        "image": "registry.lab:5000/hotel/ws:v1",
        "entrypoint": ["python3", "-c", SERVER.replace("$", "$$")],
        "environment": {"NUMBER": f"{replicas}-{number}"},
        "stop_signal": "SIGKILL",
        "deploy": {"replicas": replicas},
        "x-steady": {"kind": "web", "port": 8000, "gates": [{"type": "http", "path": "/", "deadline": 60}]},
    }
    compose = folder / "compose.yml"
    compose.write_text(json.dumps({"services": {"web": service}}))
    done = host.play(
        "playbooks/deploy.yml",
        app_name="scale",
        app_compose_files=[str(compose)],
        app_env={},
        app_env_schema={},
        app_smoke=[],
        app_edge={"url": "http://127.0.0.1/", "host": "scale.test"},
        app_keep_releases=0,
    )
    assert done.ok, done.output[-4000:]
    return done.rollout


class Peak:
    """Looks at the module's memory from ``with`` on; ``bytes`` afterwards."""

    def __init__(self, host: hotel.Host) -> None:
        self._argv = ["docker", "exec", "-i", host.name, "python3", "-c", PEAK]
        self.bytes = 0

    def __enter__(self) -> Peak:
        self._process = subprocess.Popen(self._argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout and self._process.stdout.readline() == "looking\n"
        return self

    def __exit__(self, *exc: object) -> None:
        out, _err = self._process.communicate("end\n", timeout=20)
        self.bytes = int(out)


def write(found: dict[int, Measured], floor: float) -> None:
    """The table, at the page's end, in place of a former one."""
    rows = [
        f"| {n} | {one.total:.1f} | {one.ready:.1f} | {one.shifted:.1f} | {one.memory / (1 << 20):.0f} MiB |" for n, one in found.items()
    ]
    plain = found[PLAIN]
    text = [
        TITLE,
        "",
        f"One service whose replicas are ready {WARM_UP:g} s after their start, rolled to a new release without load. Starts run side by",
        "side. The memory is that of the module's process on the host, at its peak.",
        "",
        "| replicas | rollout, seconds | start to ready, seconds | users on the new release after | memory |",
        "| --- | --- | --- | --- | --- |",
        *rows,
        "",
        f"The floor, one replica started by itself, is {floor:.2f} s. With {PLAIN} replicas and nothing to drain, seconds over the floor:",
        "",
        "| | aim | measured |",
        "| --- | --- | --- |",
        f"| until all users are on the new release, asserted | ≤ {MOST_OVER_FLOOR:g} | {plain.shifted - floor:.2f} |",
        f"| until all is done | ≤ {MOST_OVER_FLOOR:g} | {plain.total - floor:.2f} |",
        f"| … less the seconds it only watched | | {plain.total - plain.watched - floor:.2f} |",
        "",
    ]
    before = re.sub(rf"\n{TITLE}\n.*?(?=\n## |\Z)", "", PAGE.read_text(), flags=re.S).rstrip("\n")
    PAGE.write_text(before + "\n\n" + "\n".join(text))


Found = tuple[dict[int, Measured], float]


def test_starts_run_side_by_side(measured: Found) -> None:
    found, _floor = measured
    assert found[REPLICAS[-1]].ready <= MOST_GROWTH * found[REPLICAS[0]].ready, found


def test_users_are_on_the_new_release_3_s_after_a_replica_could_be_ready(measured: Found) -> None:
    """The whole rollout, which also watches and tidies up, is longer: the page tells by how much."""
    found, floor = measured
    assert found[PLAIN].shifted - floor <= MOST_OVER_FLOOR, measured


def test_the_module_needs_little_memory(measured: Found) -> None:
    found, _floor = measured
    assert 0 < max(one.memory for one in found.values()) <= MOST_MEMORY, found
