"""A container with a real Nginx and the edge's code, for the tests of the edge and of the hold."""

from __future__ import annotations

import json
import subprocess
import uuid
from pathlib import Path

from ansible_collections.steady.deploy.plugins.module_utils.edge.base import Served, Upstream
from ansible_collections.steady.deploy.plugins.module_utils.edge.upstream_file import render

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
IMAGE = "edgetest"
FILE = "/etc/nginx/steady/hotel.conf"
EMPTY = render(Served("hotel", None, (Upstream("web", ()), Upstream("ws", ()))), "never")
OLD, NEW = "aaaaaaaaaaaa", "bbbbbbbbbbbb"
GET = "GET {} HTTP/1.1\r\nHost: hotel.test\r\n\r\n"


class Host:
    """A container with Nginx, and the edge's code mounted into it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.old = 0  # process id of release OLD

    def sh(self, script: str) -> str:
        done = subprocess.run(["docker", "exec", self.name, "sh", "-c", script], capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{script}: {done.stdout}{done.stderr}"
        return done.stdout

    def write(self, path: str, text: str) -> None:
        subprocess.run(["docker", "exec", "-i", self.name, "tee", path], input=text, stdout=subprocess.DEVNULL, text=True, check=True)

    def read(self, path: str) -> str:
        return self.sh(f"cat {path}")

    def spawn(self, *argv: str) -> subprocess.Popen[str]:
        return subprocess.Popen(["docker", "exec", self.name, "python3", *argv], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def answer(self, process: subprocess.Popen[str]) -> dict:
        stdout, stderr = process.communicate(timeout=120)
        assert stdout, stderr
        return json.loads(stdout)

    def drive(self, do: str, **order: object) -> dict:
        return self.answer(self.spawn("/test/drive.py", json.dumps({"do": do, **order})))

    def do(self, what: str, **order: object):
        answer = self.drive(what, **order)
        assert "error" not in answer, answer["error"]
        return answer["result"]

    def fails(self, what: str, **order: object) -> str:
        answer = self.drive(what, **order)
        assert "error" in answer, answer
        return answer["error"]

    def raw(self, *steps: tuple[str, object]) -> subprocess.Popen[str]:
        """A user's connection that is open when this returns."""
        process = self.spawn("/test/raw.py", json.dumps(steps))
        assert json.loads(process.stdout.readline()) == "connected"
        return process

    def kill_nginx(self) -> None:
        self.sh("master=$(cat /run/nginx.pid); kill -9 $master $(pgrep -P $master)")

    def reload(self) -> None:
        self.sh("nginx -s reload 2>/dev/null; sleep 0.5")

    def serve_old(self) -> None:
        """Release OLD on port 20000 is served, release NEW on port 20001 is up."""
        self.old = self.do("start", place=20000, release=OLD)
        self.do("start", place=20001, release=NEW)
        self.do("shift", release=OLD, ports=[20000])

    def shift_and_drain(self, request_timeout: float = 10, stream_timeout: float = 2) -> dict:
        return self.do("shift", release=NEW, ports=[20001], drain=[20000], request_timeout=request_timeout, stream_timeout=stream_timeout)

    def stop_old(self) -> None:
        self.sh(f"kill -9 {self.old}")


def machine(*options: str):
    name = f"edgetest-{uuid.uuid4().hex[:8]}"
    command = ["docker", "run", "-d", "--rm", "--init", "--name", name, "-v", f"{ROOT}:/src:ro", *options, IMAGE]
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    try:
        host = Host(name)
        host.write(FILE, EMPTY)
        host.sh("nginx 2>/dev/null")
        yield host
    finally:
        subprocess.run(["docker", "rm", "-f", name], stdout=subprocess.DEVNULL, check=True)
