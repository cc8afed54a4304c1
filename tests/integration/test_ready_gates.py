# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module ready against real containers: each type of gate holds, and each fails with its exact sentence."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import textwrap
import time
import uuid
from pathlib import Path

import pytest

IMAGE = "readytest-services"
PREFIX = "readytest-"
DOCKERFILE = """\
FROM debian:trixie
RUN apt-get update -qq \\
 && apt-get install -y -qq --no-install-recommends php8.4-fpm python3-minimal libpython3-stdlib \\
 && rm -rf /var/lib/apt/lists/*
COPY . /srv/
"""
# Ready two seconds after the start; answers by path.
HTTP_SERVER = """\
import http.server, json, os, sys, time
START = time.monotonic()
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/late" and time.monotonic() - START < 2:
            return self.say(503, "starting up")
        if self.path == "/slow":
            time.sleep(5)
        if self.path == "/redirect":
            return self.say(302, "", Location="/login")
        if self.path == "/host":
            return self.say(200, self.headers["Host"])
        if self.path == "/down":
            return self.say(503, "database is down")
        if self.path == "/exit":
            print("Fatal: giving up", file=sys.stderr, flush=True)
            os._exit(3)
        self.say(200, json.dumps({"database": "ok", "queue": {"waiting": 0}}))
    def say(self, status, text, **headers):
        self.send_response(status)
        for name, value in {"X-Version": "7", "Content-Length": str(len(text)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text.encode())
http.server.ThreadingHTTPServer(("", 8000), Handler).serve_forever()
"""
FPM_POOL = """\
[global]
error_log = /proc/self/fd/2
daemonize = no
[www]
user = www-data
group = www-data
listen = 9000
pm = static
pm.max_children = 2
ping.path = /ping
catch_workers_output = yes
"""
INDEX_PHP = """\
<?php
if ($_SERVER['REQUEST_URI'] === '/down') { http_response_code(503); echo 'database is down'; exit; }
if ($_SERVER['REQUEST_URI'] === '/crash') { nosuchfunction(); }
if ($_SERVER['REQUEST_URI'] === '/slow') { sleep(5); }
header('Content-Type: application/json');
echo json_encode([
    'uri' => $_SERVER['REQUEST_URI'], 'query' => $_GET, 'host' => $_SERVER['HTTP_HOST'], 'root' => $_SERVER['DOCUMENT_ROOT'],
]);
"""
# What Ansible's wrapper does on a host: ansible-core 2.19 wants to be told how to read the parameters.
RUN_MODULE = """\
from ansible.module_utils import basic
basic._ANSIBLE_PROFILE = "legacy"
from ansible_collections.steady.deploy.plugins.modules import ready
ready.main()
"""
FPM = ("php-fpm8.4", "--nodaemonize", "--fpm-config", "/srv/fpm.conf")
PYTHON = ("python3", "-u", "/srv/server.py")


def docker(*argv: str) -> str:
    done = subprocess.run(["docker", *argv], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def image(tmp_path_factory) -> str:
    folder: Path = tmp_path_factory.mktemp("image")
    (folder / "Dockerfile").write_text(DOCKERFILE)
    (folder / "server.py").write_text(HTTP_SERVER)
    (folder / "fpm.conf").write_text(FPM_POOL)
    (folder / "index.php").write_text(INDEX_PHP)
    docker("build", "--quiet", "--tag", IMAGE, str(folder))
    return IMAGE


@pytest.fixture
def start(image):
    """start(command, *options) -> name of a container that is removed after the test."""
    names = []

    def run(command: tuple[str, ...], *options: str) -> str:
        names.append(PREFIX + uuid.uuid4().hex[:8])
        docker("run", "--detach", "--init", "--stop-timeout", "1", "--name", names[-1], *options, image, *command)
        return names[-1]

    yield run
    if names:
        docker("rm", "--force", "--volumes", *names)


@pytest.fixture(scope="module")
def lasting(image):
    """Containers for the tests that do them no harm: an HTTP server with a published port, and PHP-FPM."""
    names = {"http": f"{PREFIX}http-{os.getpid()}", "fpm": f"{PREFIX}fpm-{os.getpid()}"}
    docker("run", "-d", "--init", "-p", "127.0.0.1::8000", "-p", "127.0.0.1::7999", "--name", names["http"], image, *PYTHON)
    docker("run", "-d", "--init", "--name", names["fpm"], image, *FPM)
    yield names
    docker("rm", "--force", "--volumes", *names.values())


def ready(*gates: dict, check: bool = False, **parameters) -> dict:
    """The module's own result, as Ansible gets it, run the way Ansible runs it on a host."""
    arguments = {"gates": [{"success_threshold": 1, "interval": 0.1, "deadline": 5, **gate} for gate in gates], **parameters}
    arguments |= {"_ansible_check_mode": check, "_ansible_remote_tmp": "/tmp", "_ansible_keep_remote_files": False}
    done = subprocess.run(
        [sys.executable, "-c", RUN_MODULE],
        input=json.dumps({"ANSIBLE_MODULE_ARGS": arguments}),
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip().startswith("{"), done.stdout + done.stderr
    return json.loads(done.stdout)


def fails(*gates: dict, **parameters) -> dict:
    result = ready(*gates, **parameters)
    assert result["failed"], result
    return result


def subject(name: str) -> str:
    return f"container {name}: gate "


# --- http


def test_http_waits_until_it_is_ready(start):
    name = start(PYTHON, "-p", "127.0.0.1::8000")
    result = ready({"type": "http", "port": 8000, "path": "/late", "success_threshold": 2, "deadline": 20}, container=name)
    assert not result["changed"]
    (entry,) = result["gates"]
    assert entry["held"]
    assert entry["container"] == name
    assert 1 < result["elapsed"] < 10
    assert entry["answers"][-1]["detail"] == "HTTP 200 OK"


def test_http_with_all_conditions(lasting):
    gate = {
        "type": "http",
        "port": 8000,
        "expect_headers": {"X-Version": "7"},
        "body": '"database": "ok"',
        "jmespath": "database == 'ok' && queue.waiting < `5`",
    }
    assert not ready(gate, container=lasting["http"]).get("failed")
    # The address and port from outside, without a container.
    port = int(docker("port", lasting["http"], "8000").rpartition(":")[2])
    result = ready(
        {**gate, "port": port}, {"type": "http", "port": port, "path": "/host", "host": "hotel.example", "body": "hotel.example"}
    )
    assert [entry["held"] for entry in result["gates"]] == [True, True]
    assert not ready({"type": "http", "port": port, "path": "/redirect", "status": [302]}, check=True).get("failed")


@pytest.mark.parametrize(
    ("gate", "detail"),
    [
        ({"path": "/down"}, "HTTP 503 Service Unavailable: database is down"),
        ({"path": "/redirect"}, "HTTP 302 Found: redirects to /login"),
        ({"path": "/host", "host": "a", "body": "b"}, "HTTP 200 OK, but the body does not contain 'b': a"),
        ({"path": "/host", "host": "a", "expect_headers": {"X-Version": "8"}}, "HTTP 200 OK, but header X-Version is '7' instead of '8'"),
        ({"path": "/host", "host": "a", "jmespath": "a"}, "HTTP 200 OK, but the body is not JSON: a"),
        ({"path": "/slow", "timeout": "300ms"}, "no answer within 0.3 s"),
        # Docker's proxy holds the published port, nothing listens behind it.
        ({"port": 7999, "path": "/"}, "connection reset by peer|connection closed without an answer"),
    ],
)
def test_http_fails(lasting, gate, detail):
    gate = {"type": "http", "port": 8000, "deadline": 1, **gate}
    result = fails(gate, container=lasting["http"])
    start = f"{subject(lasting['http'])}http :{gate['port']}{gate['path']} did not hold within 1 s; last answer: "
    assert result["msg"].startswith(start)
    said = result["msg"][len(start) :].partition("; its log says: ")[0]
    assert said == detail or said in detail.split("|")
    assert 0.9 < result["elapsed"] < 1.5
    assert result["container"] == lasting["http"]


# --- tcp


def test_tcp(lasting):
    assert not ready({"type": "tcp", "port": 8000}, container=lasting["http"]).get("failed")
    published = int(docker("port", lasting["http"], "8000").rpartition(":")[2])
    assert not ready({"type": "tcp", "port": published}).get("failed")


def test_tcp_fails(lasting):
    result = fails({"type": "tcp", "port": 7999, "deadline": 1}, container=lasting["http"])
    assert result["msg"].startswith(f"{subject(lasting['http'])}tcp :7999 did not hold within 1 s; last answer: connection refused")
    dead = int(docker("port", lasting["http"], "7999").rpartition(":")[2])
    result = fails({"type": "tcp", "port": dead, "deadline": 1})
    assert result["msg"] == f"address 127.0.0.1: gate tcp :{dead} did not hold within 1 s; last answer: connection closed at once"
    assert result["logs"] == []


# --- fastcgi


def test_fastcgi_ping_page_and_front_controller(lasting):
    result = ready(
        {"type": "fastcgi", "port": 9000, "path": "/ping", "body": "pong"},
        {
            "type": "fastcgi",
            "port": 9000,
            "path": "/readyz?full=1",
            "script": "/srv/index.php",
            "host": "hotel.example",
            "jmespath": "uri == '/readyz?full=1' && query.full == '1' && host == 'hotel.example' && root == '/srv'",
            "expect_headers": {"content-type": "application/json"},
        },
        container=lasting["fpm"],
    )
    assert [entry["answers"][-1]["detail"] for entry in result["gates"]] == ["FastCGI 200 OK", "FastCGI 200 OK"], result


@pytest.mark.parametrize(
    ("gate", "detail"),
    [
        ({"path": "/down", "script": "/srv/index.php"}, r"FastCGI 503 Service Unavailable: database is down"),
        ({"path": "/", "script": "/srv/none.php"}, r"FastCGI 404 Not Found: File not found\. \(stderr: Primary script unknown\)"),
        ({"path": "/nope"}, r"FastCGI 404 Not Found: File not found\. \(stderr: Primary script unknown\)"),
        ({"path": "/crash", "script": "/srv/index.php"}, r"FastCGI 500 Internal Server Error \(stderr: PHP message: .*nosuchfunction.*\)"),
        ({"path": "/slow", "script": "/srv/index.php", "timeout": 0.3}, r"no answer within 0\.3 s"),
        ({"path": "/ping", "port": 9001}, r"connection refused"),
    ],
)
def test_fastcgi_fails(lasting, gate, detail):
    gate = {"type": "fastcgi", "port": 9000, "deadline": 1, **gate}
    result = fails(gate, container=lasting["fpm"])
    opening = f"{subject(lasting['fpm'])}fastcgi :{gate['port']}{gate['path']} did not hold within 1 s; last answer: "
    assert re.fullmatch(re.escape(opening) + detail + "(; its log says: .*)?", result["msg"]), result["msg"]


def test_fastcgi_over_a_unix_socket(start, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "fpm.conf").write_text(FPM_POOL.replace("listen = 9000", "listen = /sock/php.sock\nlisten.mode = 0666"))
    start((*FPM[:-1], "/conf/fpm.conf"), "-v", f"{tmp_path / 'run'}:/sock", "-v", f"{tmp_path}:/conf:ro")
    path = str(tmp_path / "run" / "php.sock")
    assert not ready({"type": "fastcgi", "socket": path, "path": "/ping", "body": "pong", "deadline": 20}).get("failed")
    result = fails({"type": "fastcgi", "socket": path + "x", "path": "/ping", "deadline": 1})
    assert result["msg"] == (
        f"address 127.0.0.1: gate fastcgi {path}x /ping did not hold within 1 s; last answer: no such file or directory"
    )


# --- exec


def test_exec(lasting):
    script = "import socket; socket.create_connection(('127.0.0.1', 8000))"
    assert not ready({"type": "exec", "command": ["python3", "-c", script]}, container=lasting["http"]).get("failed")


@pytest.mark.parametrize(
    ("command", "title", "detail"),
    [
        (["false"], "false", "exit code 1"),
        (["sh", "-c", "echo no database >&2; exit 4"], "sh -c echo no database >&2; exit 4", "exit code 4: no database"),
        (["nosuch"], "nosuch", "exit code (126|127): .*executable file not found.*"),
        (["sleep", "3"], "sleep 3", r"no answer within 0\.5 s"),
    ],
)
def test_exec_fails(lasting, command, title, detail):
    result = fails({"type": "exec", "command": command, "timeout": 0.5, "deadline": 1.4}, container=lasting["http"])
    opening = re.escape(f"{subject(lasting['http'])}exec {title} did not hold within 1.4 s; last answer: ")
    assert re.fullmatch(opening + detail + "(; its log says: .*)?", result["msg"]), result["msg"]


# --- health


def health(command: str) -> tuple[str, ...]:
    return ("--health-cmd", command, "--health-interval", "300ms", "--health-retries", "2", "--health-timeout", "2s")


def test_health(start):
    name = start(("sh", "-c", "sleep 1; touch /tmp/ok; sleep 60"), *health("test -e /tmp/ok"), "--health-start-period", "20s")
    result = ready({"type": "health", "deadline": 20}, container=name)
    assert result["gates"][0]["answers"][-1]["detail"] == "health healthy", result
    assert result["gates"][0]["answers"][0]["detail"] == "health starting"


def test_unhealthy_fails_long_before_the_deadline(start):
    name = start(("sleep", "60"), *health("false"))
    result = fails({"type": "health", "deadline": 50}, container=name)
    assert re.match(
        rf"container {name} is unhealthy, [0-9.]+ s into its readiness gates; health: health (starting|unhealthy)$", result["msg"]
    )
    assert result["elapsed"] < 15


def test_health_needs_a_healthcheck(lasting):
    result = fails({"type": "health"}, container=lasting["http"])
    assert result["msg"].startswith(f"container {lasting['http']} has no healthcheck for its health gate to look at, 0.")


# --- containers that die while they are gated


def test_a_container_that_exits_fails_at_once_with_its_log(start):
    crash = textwrap.dedent("""\
        echo "connecting to the database"
        sleep 1.5
        echo "PDOException: connection refused" >&2
        exit 7
    """)
    name = start(("sh", "-c", crash))
    began = time.monotonic()
    result = fails({"type": "http", "port": 8000, "deadline": 60}, container=name)
    assert time.monotonic() - began < 6
    assert re.fullmatch(
        rf"container {name} exited with code 7, [0-9.]+ s into its readiness gates; http :8000/: .+;"
        r" its log says: PDOException: connection refused",
        result["msg"],
    ), result["msg"]
    assert result["logs"] == ["connecting to the database", "PDOException: connection refused"]
    assert 1 <= len(result["gates"][0]["answers"]) <= 5
    assert result["gates"][0]["held"] is False


def test_a_crash_loop_is_seen_although_it_answers_in_between(start):
    loop = "python3 -u /srv/server.py & sleep 1.5; echo crashed; kill %1; exit 1"
    name = start(("sh", "-c", loop), "--restart", "always")
    result = fails({"type": "http", "port": 8000, "min_ready": 20, "deadline": 60}, container=name)
    assert re.match(rf"container {name} (crashed with code 1 and is restarting|restarted 1 time), ", result["msg"]), result["msg"]
    assert result["elapsed"] < 5
    assert "crashed" in result["logs"]


def test_a_restart_by_somebody_is_seen(start):
    name = start(PYTHON)
    restart = subprocess.Popen(["sh", "-c", f"sleep 2; docker restart --time 0 {name}"], stdout=subprocess.DEVNULL)
    result = fails({"type": "http", "port": 8000, "min_ready": 30, "deadline": 60}, container=name)
    assert restart.wait() == 0
    assert re.match(rf"container {name} (was restarted|exited with code \d+), ", result["msg"]), result["msg"]
    assert result["elapsed"] < 8


def test_a_removed_container_is_seen(start):
    name = start(PYTHON)
    remove = subprocess.Popen(["sh", "-c", f"sleep 2; docker rm --force {name}"], stdout=subprocess.DEVNULL)
    result = fails({"type": "tcp", "port": 8000, "min_ready": 30, "deadline": 60}, container=name)
    assert remove.wait() == 0
    assert re.match(rf"container {name} (was removed|exited with code \d+|is removing), ", result["msg"]), result["msg"]
    # The fixture removes it once more.
    docker("create", "--name", name, IMAGE)


# --- parameters


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"gates": [{"type": "tcp"}]}, "gate 1: `port` is missing; say which port of the container the gate asks"),
        ({"gates": [{"type": "health"}]}, "gate 1: a gate of type health needs `container`"),
        ({"gates": []}, "`gates` is empty; give at least one gate"),
        (
            {"gates": [{"type": "tcp", "port": 1}], "container": "readytest-none"},
            "there is no container readytest-none on this host; `docker ps --all` lists those that exist",
        ),
        (
            {"gates": [{"type": "http", "port": 1, "jmespath": "a["}]},
            "gate http :1/: `jmespath` 'a[' is no valid expression: ",
        ),
    ],
)
def test_bad_parameters(parameters, sentence):
    gates = parameters.pop("gates")
    result = fails(*gates, **parameters)
    assert result["msg"].startswith(sentence)


def test_through_ansible(lasting):
    port = int(docker("port", lasting["http"], "8000").rpartition(":")[2])
    gates = {"gates": [{"type": "http", "port": port, "deadline": "10s", "interval": "100ms"}]}
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name("ansible")),
            "localhost",
            "--inventory",
            "localhost,",
            "--connection",
            "local",
            "--extra-vars",
            f"ansible_python_interpreter={sys.executable}",
            "--module-name",
            "steady.deploy.ready",
            "--args",
            json.dumps(gates),
        ],
        env={**os.environ, "ANSIBLE_CALLBACK_RESULT_FORMAT": "json", "ANSIBLE_NOCOLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"changed": false' in done.stdout
    assert '"detail": "HTTP 200 OK"' in done.stdout
