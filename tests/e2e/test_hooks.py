"""Hooks and notifications of real rollouts."""

from __future__ import annotations

import json
import typing as t

import pytest
from e2e.inside import look
from e2e.users import Users
from hotel import ROOT, Host

TOLD, RAN = "/tmp/told-by-rollouts", "/tmp/ran-by-hooks"
TOKEN = "T0KEN-geheim-geheim"

# A receiver on the managed host: appends each body to a file.
_RECEIVER = f"""
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        good = self.headers["Authorization"] == "Bearer {TOKEN}" and self.path == "/hook/{TOKEN}"
        with open("{TOLD}", "ab") as out:
            out.write(body + b"\\n")
        self.send_response(204 if good else 403)
        self.end_headers()
open("{TOLD}", "w").close()
http.server.HTTPServer(("127.0.0.1", 7999), Handler).serve_forever()
"""


@pytest.fixture
def told(host: Host) -> t.Iterator[dict[str, t.Any]]:
    """Parameters of a rollout that tells a receiver on the host, and hooks that leave a trace there."""
    host.run(f"rm -f {RAN} {TOLD}; cat >/tmp/receiver.py <<'END'\n{_RECEIVER}\nEND")
    host.run("systemd-run --quiet --unit=steady-receiver python3 /tmp/receiver.py")
    yield {"url": f"http://127.0.0.1:7999/hook/{TOKEN}", "headers": {"Authorization": f"Bearer {TOKEN}"}}
    host.run(f"systemctl stop steady-receiver; rm -f {RAN} {TOLD} /tmp/receiver.py")


def trace(point: str) -> dict[str, t.Any]:
    command = ["sh", "-c", f"echo $STEADY_APP $STEADY_POINT $STEADY_RELEASE $STEADY_PREVIOUS >>{RAN}"]
    return {"name": f"trace {point}", "point": point, "command": command}


HOOKS = [
    {"name": "database answers", "point": "before", "service": "mariadb", "command": ["mariadb", "--version"]},
    *(trace(point) for point in ("undone", "after", "after_shift", "before_shift", "before")),
]
# Prints the whole environment of the app, then fails.
LEAKY = {"name": "leaky", "point": "after_shift", "service": "app", "command": ["sh", "-c", "env; echo fatal: $DB_PASSWORD; exit 3"]}


def test_a_hook_undoes_the_rollout_and_others_are_told(host: Host, unseen: str, told: dict[str, t.Any]) -> None:
    before = look(host)
    options = {"app_stream_drain_timeout": 1, "app_notify": told}
    with Users(host) as users:
        done = host.deploy(unseen, app_hooks=[*HOOKS, LEAKY], **options)
        assert not done.ok and done.rollout["undone"], done.output[-4000:]
        assert done.rollout["msg"] == (
            f"hook leaky failed with exit code 3; it says: fatal: ***. Undone: release {before.served} serves as before"
        )
        users.check(cuts=2)
    after = look(host)
    assert after.leftovers() == [] and after.lives() == before.lives()
    tried = done.rollout["release"]
    points = ["before", "before_shift", "after_shift", "undone"]
    assert host.run(f"cat {RAN}").splitlines() == [f"hotel {point} {tried} {before.served}" for point in points]
    assert heard(host) == [("started", tried), ("undone", tried)]
    for secret in (TOKEN, *((ROOT / ".lab/demo" / name).read_text().strip() for name in ("app_key", "db_password", "redis_password"))):
        assert secret not in done.output and secret not in host.run(f"cat {TOLD} /var/lib/steady/hotel/journal.jsonl")

    host.run(f"rm {RAN}; : >{TOLD}")
    done = host.deploy(unseen, app_hooks=HOOKS, **options)
    assert done.ok, done.output[-4000:]
    points = ["before", "before_shift", "after_shift", "after"]
    assert host.run(f"cat {RAN}").splitlines() == [f"hotel {point} {tried} {before.served}" for point in points]
    assert heard(host) == [("started", tried), ("succeeded", tried)]

    # Nothing to do: no hook, nobody is told.
    host.run(f"rm {RAN}; : >{TOLD}")
    done = host.deploy(unseen, app_hooks=HOOKS, **options)
    assert done.ok and done.changed == 0, done.output[-4000:]
    assert heard(host) == [] and host.run(f"ls {RAN}", check=False) == ""


def heard(host: Host) -> list[tuple[str, str]]:
    """Event and release of all that was told."""
    bodies = [json.loads(line) for line in host.run(f"cat {TOLD}").splitlines()]
    assert all(set(body) == {"app", "release", "previous", "event", "host", "at", "message", "seconds"} for body in bodies)
    return [(body["event"], body["release"]) for body in bodies]
