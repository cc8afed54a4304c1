"""No secret of the app's environment shows anywhere: searched for in everything that a rollout prints, writes or runs."""

from __future__ import annotations

import base64
import json
import secrets
import subprocess
import typing as t
import urllib.parse
from pathlib import Path

import pytest
import yaml
from hotel import ROOT, Host, Played

# Secrets of this test's own, beside the ones that the demo has: in the environment, in a file, in a config, in a webhook.
NAMES = ("environment", "file", "config", "webhook_path", "webhook_header")
FILES = "/srv/hotel/e2e"
# Runs on the host from before the first rollout to after the last: each command line that any process there ever had.
_WATCH = r"""
import os, time
seen = set()
looked = {}
with open("/run/steady-watch.lines", "w") as found:
    while not os.path.exists("/run/steady-watch.stop"):
        # A process has its last command line soon: looking at all of them for ever would take a processor of its own.
        looked = {pid: looked.get(pid, 0) for pid in os.listdir("/proc") if pid.isdecimal()}
        for pid in looked:
            if looked[pid] < 30:
                looked[pid] += 1
                try:
                    with open(f"/proc/{pid}/cmdline", "rb") as stream:
                        line = stream.read()
                except OSError:
                    continue
                if line not in seen:
                    seen.add(line)
                    found.write(line.decode("utf-8", "replace").replace("\0", " ").replace("\n", " ") + "\n")
        found.flush()
        time.sleep(0.03)
"""
# Runs on the host: the files that hold a secret, with what other users could do to them, and the system's own log.
_SEARCH = r"""
import json, os, subprocess, sys

wanted = [word.encode() for word in json.load(sys.stdin)]

def open_to_all(path):
    if not os.stat(path).st_mode & 0o004:
        return False
    while path != "/":
        path = os.path.dirname(path)
        if not os.stat(path).st_mode & 0o001:
            return False
    return True

skipped = ("/var/lib/docker", "/var/lib/containerd", "/run/docker", "/run/containerd")
found = {}
for top in ("/etc", "/home", "/opt", "/root", "/run", "/srv", "/tmp", "/var"):
    for folder, folders, names in os.walk(top):
        # Docker's own state holds each container's environment; only root may look into it.
        folders[:] = [name for name in folders if os.path.join(folder, name) not in skipped]
        for name in names:
            path = os.path.join(folder, name)
            if os.path.isfile(path) and not os.path.islink(path):
                with open(path, "rb") as stream:
                    content = stream.read()
                if any(word in content for word in wanted):
                    found[path] = open_to_all(path)
log = subprocess.run(["sh", "-c", "journalctl --no-pager -o cat 2>/dev/null || true"], capture_output=True).stdout
print(json.dumps({"files": found, "log": sum(log.count(word) for word in wanted)}))
"""


@pytest.fixture
def watched(host: Host) -> t.Iterator[Host]:
    """The host, with every command line on it written down."""
    host.run("rm -f /run/steady-watch.stop")
    subprocess.run(["docker", "exec", "-d", host.name, "python3", "-c", _WATCH], check=True)
    yield host
    host.run(f"touch /run/steady-watch.stop; rm -rf {FILES} /run/steady-watch.lines")
    # Without this test's files and variables.
    assert host.deploy("v1", app_stream_drain_timeout=1).ok


class Deploys:
    """Rollouts with secrets everywhere one can put one. ``printed`` collects what the controller shows and logs."""

    def __init__(self, host: Host, folder: Path) -> None:
        self.secrets = {name: f"s3cr3t-{name}-{secrets.token_hex(12)}" for name in NAMES}
        self.printed: dict[str, str] = {}
        self._host = host
        self._folder = folder
        (folder / "token.txt").write_text(self.secrets["file"] + "\n")
        (folder / "app.conf").write_text(self.secrets["config"] + "\n")
        extra = {
            "services": {"queue": {"secrets": ["e2e_token"], "configs": ["e2e_conf"], "environment": {"E2E_MARKER": "${E2E_MARKER:?}"}}},
            "secrets": {"e2e_token": {"file": "./e2e/token.txt"}},
            "configs": {"e2e_conf": {"file": "./e2e/app.conf"}},
        }
        (folder / "e2e.yml").write_text(json.dumps(extra))

    def deploy(self, title: str, *args: str, **more: t.Any) -> Played:
        """One rollout at -vvv. Variables travel in a file: what stands in ansible-playbook's argv is the caller's."""
        marker = self.secrets["environment"]
        files = [
            {"src": str(self._folder / name), "dest": f"e2e/{name}", "mode": "0444", "secret": True} for name in ("token.txt", "app.conf")
        ]
        variables = {
            "app_compose_files": [str(ROOT / "examples/hotel/compose.yml"), str(self._folder / "e2e.yml")],
            "app_files": files,
            "app_env_schema": {},
            "app_env": {**self.demo(), "E2E_MARKER": marker, "E2E_TITLE": title},
            "app_notify": {
                "url": f"http://127.0.0.1:9/{self.secrets['webhook_path']}",
                "headers": {"Authorization": f"Bearer {self.secrets['webhook_header']}"},
                "timeout": 0.2,
            },
            "app_stream_drain_timeout": 1,
            "app_report": str(self._folder / "report.html"),
            **more,
        }
        path = self._folder / "variables.json"
        path.write_text(json.dumps(variables))
        path.chmod(0o600)
        log = self._folder / f"{title}.log"
        argv = self._host.command("playbooks/deploy.yml", "-e", f"@{path}", "-vvv", "--diff", *args, hotel_version="v1")
        env = self._host.environment(ANSIBLE_LOG_PATH=str(log), ANSIBLE_STDOUT_CALLBACK="default")
        done = subprocess.run(argv, env=env, capture_output=True, text=True, check=False)
        self.printed[f"{title}: stdout"] = done.stdout
        self.printed[f"{title}: stderr"] = done.stderr
        self.printed[f"{title}: ansible's log"] = log.read_text()
        return Played(done.returncode, 0, 0, {}, done.stdout + done.stderr)

    def demo(self) -> dict[str, str]:
        """The environment of the demo, as its inventory makes it."""
        stored = {name: (ROOT / ".lab/demo" / name).read_text().strip() for name in ("app_key", "db_password", "redis_password")}
        inventory = yaml.safe_load((ROOT / "inventories/demo/group_vars/steady.yml").read_text())["app_env"]
        made = {
            "HOTEL_REGISTRY": "registry.lab:5000/",
            "HOTEL_VERSION": "v1",
            "APP_KEY": "base64:" + base64.b64encode(stored["app_key"].encode()).decode(),
            "DB_PASSWORD": stored["db_password"],
            "REDIS_PASSWORD": stored["redis_password"],
        }
        return {name: made.get(name) or str(value) for name, value in inventory.items()}

    def words(self) -> list[str]:
        """Every secret in each form in which it could show."""
        demo = self.demo()
        plain = [*self.secrets.values(), *(demo[name] for name in ("APP_KEY", "DB_PASSWORD", "REDIS_PASSWORD"))]
        coded = [base64.b64encode(word.encode()).decode() for word in plain]
        return [*plain, *coded, *(urllib.parse.quote(word) for word in plain), *(json.dumps(word)[1:-1] for word in plain)]


def test_no_secret_shows(watched: Host, tmp_path: Path) -> None:
    host, deploys = watched, Deploys(watched, tmp_path)
    report = tmp_path / "report.html"
    planned = deploys.deploy("check", "--check")
    assert planned.ok, planned.output[-3000:]
    done = deploys.deploy("rollout")
    assert done.ok, done.output[-3000:]
    gates = [{"type": "http", "path": "/no-such-page", "deadline": 2}]
    failed = deploys.deploy("failure", app_services={"web": {"gates": gates}})
    assert not failed.ok and "Undone: release" in failed.output, failed.output[-3000:]
    broken = deploys.deploy("refusal", app_services={"web": {"prot": 8080}})
    assert not broken.ok and "has no key 'prot'" in broken.output, broken.output[-3000:]
    if report.exists():
        deploys.printed["the report"] = report.read_text()

    deploys.printed["command lines on the host"] = host.run("cat /run/steady-watch.lines")
    assert "docker compose -p hotel" in deploys.printed["command lines on the host"]
    deploys.printed["the journal"] = host.run("cat /var/lib/steady/hotel/journal.jsonl")
    deploys.printed["what rollout_info tells"] = host.play("playbooks/status.yml", "-vvv").output

    shown = [(where, word) for where, text in deploys.printed.items() for word in deploys.words() if word in text]
    assert not shown, shown
    search = subprocess.run(
        ["docker", "exec", "-i", host.name, "python3", "-c", _SEARCH],
        input=json.dumps(deploys.words()),
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(search.stdout)
    assert found["log"] == 0
    # What the user put there himself, readable by everyone so that the container's user may read it.
    own = {f"{FILES}/token.txt", f"{FILES}/app.conf"}
    assert {path for path, readable in found["files"].items() if readable} <= own
    folders = ("/srv/hotel/", "/var/lib/steady/hotel/")
    assert [path for path in found["files"] if not path.startswith(folders)] == []
    # They were looked for where they are: else nothing of this would say anything.
    assert "/srv/hotel/.env" in found["files"]
