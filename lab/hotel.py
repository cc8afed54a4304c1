# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hotel on a lab host: built, deployed by the real playbooks, put under load. For the demo, the end-to-end tests and the bench."""

from __future__ import annotations

import contextlib
import fcntl
import functools
import http.client
import json
import os
import ssl
import subprocess
import tempfile
import time
import typing as t
from dataclasses import dataclass, field
from pathlib import Path

from load import Config, HeaderVersion, Response, Shape, SseClient, WebSocketClient

ROOT = Path(__file__).resolve().parent.parent
HOST_NAME = "hotel.test"
REGISTRY = "127.0.0.1:5000/"


@dataclass(frozen=True)
class Played:
    """One run of a playbook. ``rollout`` is the result of the module rollout, empty where it did not run."""

    rc: int
    seconds: float
    changed: int
    rollout: dict[str, t.Any] = field(repr=False)
    output: str = field(repr=False)

    @property
    def ok(self) -> bool:
        """Whether the playbook succeeded."""
        return self.rc == 0


@contextlib.contextmanager
def one_at_a_time() -> t.Iterator[None]:
    """Tests that run side by side would make the same network, the same images twice."""
    with (ROOT / ".lab/lab.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def build(tag: str, variant: str = "", example: str = "hotel") -> None:
    """Build an example's images as version ``tag`` and push them to the lab's registry."""
    argv = [str(ROOT / "examples" / example / "build"), tag, *([variant] if variant else []), "--push"]
    with one_at_a_time():
        subprocess.run(argv, check=True, env={**os.environ, "REGISTRY": REGISTRY}, stdout=subprocess.DEVNULL)


def acme(host: Host, *names: str) -> str:
    """Bring up the lab's CA, lead names to a host, and return the file of the root that its certificates come from."""
    with one_at_a_time():
        subprocess.run([str(ROOT / "lab/acme.sh"), host.name, *names], check=True)
    ask = "import ssl, urllib.request as u; c = ssl._create_unverified_context(); "
    ask += "print(u.urlopen('https://127.0.0.1:15000/roots/0', context=c).read().decode())"
    done = subprocess.run(["docker", "exec", "steady-lab-acme", "python3", "-c", ask], check=True, capture_output=True, text=True)
    file = ROOT / ".lab/acme/root.pem"
    file.write_text(done.stdout, encoding="ascii")
    return str(file)


@dataclass(frozen=True)
class Host:
    """A managed host of the lab, made by ``lab/up.sh NAME SSH_PORT HTTP_PORT``.

    ``certificates`` is where the hotel's certificate comes from: ``acme``, ``self_signed``, or empty for plain HTTP.
    """

    name: str = "steady-lab-host"
    ssh_port: int = 2201
    http_port: int = 8080
    certificates: str = "self_signed"

    @property
    def https_port(self) -> int:
        """The port of this machine that leads to the host's port 443, as lab/up.sh has it."""
        return self.http_port + 363

    def up(self) -> None:
        """Make the host, and the registry beside it, where they are not up."""
        with one_at_a_time():
            subprocess.run([str(ROOT / "lab/up.sh"), self.name, str(self.ssh_port), str(self.http_port)], check=True)

    def run(self, command: str, check: bool = True) -> str:
        """Run a shell command on the host as root and return what it printed."""
        done = subprocess.run(["docker", "exec", self.name, "sh", "-c", command], capture_output=True, text=True, check=False)
        if check and done.returncode != 0:
            raise RuntimeError(f"{command!r} on {self.name} ended with {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    @functools.cached_property
    def address(self) -> str:
        """The host's address on the lab's network."""
        form = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
        return subprocess.run(["docker", "inspect", "-f", form, self.name], capture_output=True, text=True, check=True).stdout.strip()

    def command(self, playbook: str, *args: str, **variables: t.Any) -> list[str]:
        """The argv of a playbook run against this host."""
        extra = {"ansible_port": self.ssh_port, "demo_certificates": self.certificates, **variables}
        return ["ansible-playbook", str(ROOT / playbook), "-i", str(ROOT / "inventories/demo"), "-e", json.dumps(extra), *args]

    def environment(self, **more: str) -> dict[str, str]:
        """The environment of a playbook run."""
        collections = os.environ.get("ANSIBLE_COLLECTIONS_PATH", str(ROOT / ".lab"))
        return {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_COLLECTIONS_PATH": collections, **more}

    def play(self, playbook: str, *args: str, live: t.Callable[[str], None] | None = None, **variables: t.Any) -> Played:
        """Run a playbook and read its result. ``live`` is given each line of its standard error as it comes."""
        begun = time.monotonic()
        env = self.environment(ANSIBLE_STDOUT_CALLBACK="ansible.posix.json")
        argv = self.command(playbook, *args, **variables)
        with tempfile.TemporaryFile("w+") as out, subprocess.Popen(argv, env=env, stdout=out, stderr=subprocess.PIPE, text=True) as running:
            errors = []
            for line in running.stderr or ():
                errors.append(line)
                if live:
                    live(line)
            rc = running.wait()
            out.seek(0)
            output = out.read()
        rollout, changed = _read(output)
        return Played(rc, time.monotonic() - begun, changed, rollout, output + "".join(errors))

    def deploy(self, version: str, *args: str, **variables: t.Any) -> Played:
        """Bring the hotel to a version by playbooks/deploy.yml."""
        return self.play("playbooks/deploy.yml", *args, hotel_version=version, **variables)

    def rollback(self, **variables: t.Any) -> Played:
        """Go back to the release served before by playbooks/rollback.yml."""
        return self.play("playbooks/rollback.yml", **variables)

    def get(
        self, path: str, method: str = "GET", body: t.Mapping[str, t.Any] | None = None, name: str = HOST_NAME
    ) -> tuple[int, dict[str, str], bytes]:
        """One request through the edge: status, headers in lower case, body."""
        data = json.dumps(body).encode() if body is not None else None
        headers = {"Host": name, "Content-Type": "application/json", "Connection": "close"}
        connection = http.client.HTTPConnection(self.address, 443 if self.certificates else 80, timeout=20)
        try:
            connection.connect()
            if self.certificates:
                connection.sock = _context().wrap_socket(connection.sock, server_hostname=name)
            connection.request(method, path, data, headers)
            answer = connection.getresponse()
            return answer.status, {key.lower(): value for key, value in answer.headers.items()}, answer.read()
        finally:
            connection.close()

    def put(self, source: str, target: str) -> None:
        """Copy a folder of this repository to the host, by Ansible."""
        argv = ["ansible", "steady", "-i", str(ROOT / "inventories/demo"), "-b", "-m", "ansible.builtin.copy"]
        argv += ["-a", f"src={ROOT / source}/ dest={target} mode=preserve", "-e", json.dumps({"ansible_port": self.ssh_port})]
        subprocess.run(argv, check=True, env=self.environment(), stdout=subprocess.DEVNULL)

    def version(self) -> str:
        """The version that answers users now."""
        return self.get("/")[1].get("x-hotel-version", "")

    def load(self, rate: float = 60, seconds: float = 120, **changes: t.Any) -> Config:
        """Users: 32 keep-alive clients and some fresh ones, 30 % POST, a slow request always in flight, a WebSocket and a stream."""
        shapes = (
            Shape("home", path="/", weight=5, check=check_version),
            Shape("livez", path="/livez", weight=2),
            Shape("book", "POST", "/bookings", '{"reference": "{run}-{n}", "room": 1, "nights": 1}', weight=3, expect=frozenset({201})),
            Shape("slow", path="/slow?seconds=3", rate=0.5, timeout=20),
        )
        settings: dict[str, t.Any] = {
            "url": f"{'https' if self.certificates else 'http'}://{self.address}/",
            "host": HOST_NAME,
            "allow_container": True,
            "rate": rate,
            "seconds": seconds,
            "rtt": 0.05,
            "shapes": shapes,
            "streams": (WebSocketClient("/ws"), SseClient("/events")),
            "version": HeaderVersion("X-Hotel-Version"),
        }
        return Config(**{**settings, **changes})


@functools.cache
def _context() -> ssl.SSLContext:
    """Certificates are not checked here: the first ones of a host are self-signed."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    return made


def check_version(response: Response) -> str | None:
    """A page is of one release: Nginx and PHP-FPM of the same version answered."""
    web, app = response.headers.get("x-hotel-web-version"), response.headers.get("x-hotel-version")
    return None if web == app else f"web {web} answered with app {app}"


def _read(output: str) -> tuple[dict[str, t.Any], int]:
    """The rollout's result and the number of changed tasks, from the JSON that the callback printed."""
    start = output.find("{")
    try:
        run = json.loads(output[start:]) if start >= 0 else {}
    except ValueError:
        run = {}
    found: dict[str, t.Any] = {}
    for play in run.get("plays", ()):
        for task in play.get("tasks", ()):
            for result in task.get("hosts", {}).values():
                if "plan" in result or result.get("action") == "steady.deploy.rollout":
                    found = result
    changed = sum(host.get("changed", 0) for host in run.get("stats", {}).values())
    return found, changed
