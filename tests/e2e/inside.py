"""What is on the managed host, read in one look, and what must be there between two rollouts: nothing more, nothing less."""

from __future__ import annotations

import json
import subprocess
import time
import typing as t
from dataclasses import dataclass, field

from hotel import Host

APP = "hotel"
STATE = f"/var/lib/steady/{APP}"
# Replicas of the example app's services, by kind of thing that must run in the served release.
SERVICES = {"web": 2, "app": 2, "ws": 1, "queue": 1, "scheduler": 1}

# Runs on the host, with its Python and standard library only.
_LOOK = r"""
import fcntl, glob, hashlib, json, os, re, subprocess

def run(*argv):
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout

ids = run("docker", "ps", "-aq").split()
containers = []
for one in json.loads(run("docker", "inspect", *ids)) if ids else []:
    labels = one["Config"]["Labels"]
    containers.append({
        "id": one["Id"], "name": one["Name"].lstrip("/"), "release": labels.get("steady.release", ""),
        "kind": labels.get("steady.kind", ""),
        "service": labels.get("com.docker.compose.service", ""), "running": one["State"]["Running"], "started": one["State"]["StartedAt"],
        "exit_code": one["State"]["ExitCode"], "restarts": one["RestartCount"], "networks": sorted(one["NetworkSettings"]["Networks"]),
        "health": (one["State"].get("Health") or {}).get("Status", ""),
    })
listening = set()
for table in ("/proc/net/tcp", "/proc/net/tcp6"):
    for line in open(table).read().splitlines()[1:]:
        fields = line.split()
        if fields[3] == "0A":
            listening.add(int(fields[1].rsplit(":", 1)[1], 16))
conf = open("/etc/nginx/steady/hotel.conf").read() if os.path.exists("/etc/nginx/steady/hotel.conf") else ""
found = re.search(r"release: +([0-9a-f]+)", conf)
with open("/var/lib/steady/hotel/lock") as lock:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        free = True
    except OSError:
        free = False
files = {}
for top in ("/srv/hotel", "/var/lib/steady", "/etc/nginx", "/etc/docker"):
    for folder, _folders, names in os.walk(top):
        for name in names:
            path = os.path.join(folder, name)
            files[path] = [os.lstat(path).st_mtime_ns, hashlib.sha256(open(path, "rb").read()).hexdigest()[:16]]
images = {}
for path in glob.glob("/var/lib/steady/hotel/releases/*/release.json"):
    images[path.split("/")[-2]] = json.load(open(path))["images"]["app"]["reference"].rsplit(":", 1)[1]
print(json.dumps({
    "containers": containers,
    "networks": sorted(run("docker", "network", "ls", "--format", "{{.Name}}").split()),
    "volumes": sorted(run("docker", "volume", "ls", "-q").split()),
    "folders": sorted(os.listdir("/var/lib/steady/hotel/releases")),
    "versions": images,
    "served": found.group(1) if found else "",
    "upstream_ports": sorted(int(port) for port in re.findall(r"server 127\.0\.0\.1:(\d+)", conf)),
    "listening": sorted(port for port in listening if 20000 <= port < 30000),
    "lock_free": free,
    "files": files,
    "half_written": [path for path in files if "/.steady-" in path] + glob.glob("/tmp/steady-*"),
}))
"""


@dataclass(frozen=True)
class Inside:
    """The host's containers, networks, volumes, files and edge. ``versions`` maps release ids to the hotel's version."""

    containers: list[dict[str, t.Any]] = field(repr=False)
    networks: list[str]
    volumes: list[str]
    folders: list[str]
    versions: dict[str, str]
    served: str
    upstream_ports: list[int]
    listening: list[int]
    lock_free: bool
    files: dict[str, t.Any] = field(repr=False)
    half_written: list[str]

    def of(self, release: str) -> list[dict[str, t.Any]]:
        """The containers of a release, or with "" those of no release."""
        return [one for one in self.containers if one["release"] == release]

    @property
    def kept(self) -> list[str]:
        """The releases on the host that are not served."""
        return [release for release in self.folders if release != self.served]

    def running(self, service: str) -> list[str]:
        """The releases in which this service runs."""
        return [one["release"] for one in self.containers if one["service"] == service and one["running"]]

    def lives(self) -> dict[str, str]:
        """Each container and when it was started: equal before and after only if none was restarted or replaced."""
        return {one["id"]: one["started"] for one in self.containers}

    def incomplete(self) -> list[str]:
        """What is missing for the served release to be a whole one: empty if users are served by all of it."""
        wrong = []
        for service in ("web", "app", "ws"):
            running = [one for one in self.of(self.served) if one["service"] == service and one["running"]]
            if len(running) != SERVICES[service]:
                wrong.append(f"{len(running)} of {SERVICES[service]} replicas of {service} run in the served release {self.served}")
        if not set(self.upstream_ports) <= set(self.listening):
            wrong.append(f"nobody listens on some of the edge's ports {self.upstream_ports}; there are {self.listening}")
        return wrong

    def leftovers(self, restarts: bool = False) -> list[str]:
        """What is on the host between two rollouts that should not be, or is not and should. Empty is good."""
        wrong = self.incomplete()

        def same(what: str, seen: t.Iterable[t.Any], wanted: t.Iterable[t.Any]) -> None:
            if sorted(seen) != sorted(wanted):
                wrong.append(f"{what}: {sorted(seen)} instead of {sorted(wanted)}")

        releases = {self.served, *self.kept[:1]}
        same("release folders", self.folders, releases)
        same("releases that have containers", {one["release"] for one in self.containers} - {""}, releases)
        same("networks", self.networks, ["bridge", "host", "none", f"{APP}_default", *(f"{APP}-{release}_default" for release in releases)])
        same("volumes", self.volumes, [f"{APP}_mariadb", f"{APP}_redis"])
        same("listening ports", self.listening, self.upstream_ports)
        same("half-written files", self.half_written, [])
        same("accessories", [one["service"] for one in self.of("") if one["running"]], ["mail", "mariadb", "redis"])
        for release in releases:
            mine = [one for one in self.of(release) if one["kind"] != "job"]
            want = [name for name, replicas in SERVICES.items() for dummy in range(replicas)]
            same(f"containers of {release}", [one["service"] for one in mine], want)
            running = [one["service"] for one in mine if one["running"]]
            same(f"running containers of {release}", running, want if release == self.served else [])
            same(f"jobs of {release}", [one["name"] for one in self.of(release) if one["kind"] == "job" and one["running"]], [])
        for one in self.of(self.served):
            if (one["restarts"] and not restarts) or one["health"] == "unhealthy":
                wrong.append(f"{one['name']} was restarted {one['restarts']} times and is {one['health']}")
        for one in self.of(""):
            if f"{APP}-{self.served}_default" not in one["networks"]:
                wrong.append(f"{one['name']} is not in the network of the served release")
        if not self.lock_free:
            wrong.append("the lock is held")
        return wrong


def look(host: Host) -> Inside:
    """Look at the host once."""
    argv = ["docker", "exec", "-i", host.name, "python3", "-"]
    for dummy in range(3):
        done = subprocess.run(argv, input=_LOOK, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return Inside(**json.loads(done.stdout))
        # The engine below the host now and then ends an exec without a word, and a container may go between list and look.
        time.sleep(1)
    raise AssertionError(f"looking at {host.name} ended with {done.returncode}: {done.stderr or done.stdout or 'no word'}")


def journal(host: Host) -> list[dict[str, t.Any]]:
    """All readable entries of the journal."""
    return [json.loads(line) for line in host.run(f"grep -aE '^{{.*}}$' {STATE}/journal.jsonl | iconv -c -f utf-8 -t utf-8").splitlines()]
