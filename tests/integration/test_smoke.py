# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module smoke against a real server: over HTTP and TLS, with a session, a wait, and no secret in any output."""

from __future__ import annotations

import http.server
import json
import os
import ssl
import subprocess
import sys
import threading
import urllib.parse
from pathlib import Path

import pytest
import yaml

# What Ansible's wrapper does on a host: ansible-core 2.19 wants to be told how to read the parameters.
RUN_MODULE = """\
from ansible.module_utils import basic
basic._ANSIBLE_PROFILE = "legacy"
from ansible_collections.steady.deploy.plugins.modules import smoke
smoke.main()
"""
PASSWORD, TOKEN, SESSION = "pa55-w0rd-of-smoke", "t0ken-of-the-form", "s3ssion-of-smoke"


class App(http.server.BaseHTTPRequestHandler):
    """Logs in by form, and needs three looks until a job is done. Repeats in /echo whatever it was sent."""

    protocol_version = "HTTP/1.1"
    looks = 0
    asked: list[str]

    def handle_any(self) -> None:
        App.asked.append(f"{self.command} {self.path}")
        body = self.rfile.read(int(self.headers["Content-Length"] or 0)).decode()
        fields = dict(urllib.parse.parse_qsl(body))
        match self.path:
            case "/login" if self.command == "GET":
                self.say(200, f'<input name="_token" value="{TOKEN}">', Set_Cookie=f"form={SESSION}-form; Path=/; HttpOnly")
            case "/login":
                good = (
                    fields == {"_token": TOKEN, "user": "smoke", "password": PASSWORD} and f"form={SESSION}-form" in self.headers["Cookie"]
                )
                # As an app behind TLS does it: an absolute link with the public scheme and name.
                name = self.headers["Host"]
                self.say(
                    302 if good else 403, "", Location=f"https://{name}/home", Set_Cookie=f"session={SESSION}; Path=/; Secure; HttpOnly"
                )
            case "/home":
                self.say(200 if f"session={SESSION}" in (self.headers["Cookie"] or "") else 401, f"Welcome to {self.headers['Host']}")
            case "/job":
                App.looks += 1
                self.say(200, json.dumps({"state": "done" if App.looks >= 3 else "busy", "looks": App.looks}))
            case "/echo":
                self.say(500, body + str(self.headers))
            case "/hang":
                threading.Event().wait(3)
            case _:
                self.say(404, "nothing here")

    do_GET = do_POST = do_DELETE = handle_any

    def say(self, status: int, text: str, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(text.encode())), "Content-Type": "text/plain", **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def app():
    App.looks, App.asked = 0, []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), App) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def tls_app(app, tmp_path: Path):
    subject = ["-subj", "/CN=hotel.test", "-addext", "subjectAltName=DNS:hotel.test"]
    key = [
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-keyout",
        str(tmp_path / "key"),
        "-out",
        str(tmp_path / "cert"),
    ]
    subprocess.run(["openssl", "req", "-x509", "-days", "2", *subject, *key], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert", tmp_path / "key")
    app.names = []
    context.sni_callback = lambda sock, name, ctx: app.names.append(name)
    app.socket = context.wrap_socket(app.socket, server_side=True)
    app.certificate = str(tmp_path / "cert")
    return app


def smoke(app, *steps: dict, check: bool = False, scheme: str = "http", environment: dict | None = None, **parameters) -> dict:
    """The module's own result, as Ansible gets it, run the way Ansible runs it on a host."""
    url = f"{scheme}://127.0.0.1:{app.server_port}/"
    arguments = {"url": url, "host": "hotel.test", "scenarios": [{"name": "try", "steps": list(steps)}], **parameters}
    arguments |= {"_ansible_check_mode": check, "_ansible_remote_tmp": "/tmp", "_ansible_keep_remote_files": False}
    done = subprocess.run(
        [sys.executable, "-c", RUN_MODULE],
        input=json.dumps({"ANSIBLE_MODULE_ARGS": arguments}),
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path), **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip().startswith("{"), done.stdout + done.stderr
    return json.loads(done.stdout)


LOGIN = (
    {"name": "form", "request": {"path": "/login"}, "capture": {"form_token": {"regex": 'value="([^"]+)"'}}},
    {
        "name": "login",
        "request": {"path": "/login", "form": {"_token": "${form_token}", "user": "smoke", "password": PASSWORD}, "follow": True},
        "expect": {"body": "Welcome to hotel.test"},
    },
    {"name": "job", "request": {"path": "/job"}, "expect": {"jmespath": {"state": "done"}}, "wait": {"timeout": 20, "interval": 0.1}},
)


def test_a_session_a_redirect_and_a_wait(app):
    result = smoke(app, *LOGIN)
    assert not result.get("failed") and result["changed"] is False, result
    assert [(told["step"], told["status"], told["attempts"]) for told in result["smoke"]] == [
        ("form", 200, 1),
        ("login", 200, 1),
        ("job", 200, 3),
    ]
    assert result["smoke"][1]["request"] == f"GET http://127.0.0.1:{app.server_port}/home"
    assert App.asked == ["GET /login", "POST /login", "GET /home", *["GET /job"] * 3]


def test_check_mode_says_what_would_be_asked_and_asks_nothing(app):
    result = smoke(app, *LOGIN, check=True)
    assert result["plan"] == ["try, form: GET /login", "try, login: POST /login", "try, job: GET /job"]
    assert result["changed"] is False and "smoke" not in result and App.asked == []


def test_tls_in_the_name_of_the_host(tls_app):
    step = {"name": "page", "request": {"path": "/job"}}
    unknown = smoke(tls_app, step, scheme="https")
    assert unknown["msg"].endswith("/job got no answer: the certificate is not accepted: self-signed certificate (validate_certs)")
    assert not smoke(tls_app, step, scheme="https", validate_certs=False).get("failed")
    assert not smoke(tls_app, step, scheme="https", environment={"SSL_CERT_FILE": tls_app.certificate}).get("failed")
    other = smoke(tls_app, step, scheme="https", environment={"SSL_CERT_FILE": tls_app.certificate}, host="other.test")
    assert "the certificate is not accepted: Hostname mismatch" in other["msg"]
    assert tls_app.names == ["hotel.test", "hotel.test", "hotel.test", "other.test"]


def test_what_does_not_answer(app):
    hang = smoke(app, {"name": "a", "request": {"path": "/hang", "timeout": "300ms"}})
    assert hang["msg"] == f"smoke test try, step a: GET http://127.0.0.1:{app.server_port}/hang got no answer: no answer within 0.3 s"
    gone = smoke(app, {"name": "a", "request": {"url": "http://127.0.0.1:1/"}})
    assert gone["msg"] == "smoke test try, step a: GET http://127.0.0.1:1/ got no answer: connection refused"
    assert gone["smoke"][0]["status"] is None


def test_a_wrong_url_and_a_wrong_scenario(app):
    assert smoke(app, *LOGIN, url="http://127.0.0.1/a")["msg"].startswith("parameter url is scheme, host and port")
    assert smoke(app, {"name": "a", "reqest": {}})["msg"] == "scenario try, step 1: unknown key 'reqest', did you mean `request`?"
    assert App.asked == []


def test_jmespath_is_missed_before_anything_is_asked(app, tmp_path: Path):
    (tmp_path / "jmespath.py").write_text("raise ImportError\n")
    path = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])
    result = smoke(app, *LOGIN, environment={"PYTHONPATH": path})
    assert "scenario try, step job: `jmespath` needs the python package jmespath" in result["msg"] and App.asked == []


def test_a_playbook_shows_the_failure_and_no_secret(app, tmp_path: Path):
    """At -vvv Ansible prints parameters and results: neither holds what was sent as a secret, and the sentence is readable."""
    secrets = [PASSWORD, TOKEN, SESSION, "b3arer-secret", "h1dden-in-a-body"]
    echo = {
        "name": "echo",
        "request": {
            "path": "/echo",
            "headers": {"Authorization": "Bearer b3arer-secret"},
            "json": {"password": "h1dden-in-a-body", "note": "plain"},
        },
    }
    parameters = {
        "url": f"http://127.0.0.1:{app.server_port}",
        "host": "hotel.test",
        "scenarios": [{"name": "try", "steps": [*LOGIN, echo]}],
    }
    task = {"name": "Try", "steady.deploy.smoke": parameters}
    play = [{"name": "Try", "hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": [task]}]
    (tmp_path / "play.yml").write_text(yaml.safe_dump(play))
    environment = {**os.environ, "ANSIBLE_PYTHON_INTERPRETER": sys.executable}
    done = subprocess.run(
        ["ansible-playbook", "-i", "localhost,", "-vvv", str(tmp_path / "play.yml")],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    # Ansible breaks long lines.
    output = " ".join((done.stdout + done.stderr).split())
    assert done.returncode == 2, output
    assert f"smoke test try, step echo: POST http://127.0.0.1:{app.server_port}/echo answered HTTP 500 Internal Server Error: " in output
    assert "plain" in output
    assert [secret for secret in secrets if secret in output] == []
