"""A stand for the modules: the real Docker and Compose, and an edge that answers as a provisioned Nginx does.

Modules run as Ansible runs them (arguments checked by their own specs, the result printed as JSON), but inside this process.
"""

from __future__ import annotations

import contextlib
import http.server
import importlib
import io
import json
import os
import subprocess
import threading
import typing as t
from pathlib import Path
from unittest import mock

from ansible.module_utils.testing import patch_module_args

from ansible_collections.steady.deploy.plugins.module_utils.edge.base import Served, Upstream
from ansible_collections.steady.deploy.plugins.module_utils.edge.upstream_file import render

IMAGE = "steady-inputs/app:1"

_NGINX = r"""#!/bin/sh
# What a provisioned Nginx says of itself.
cd {folder}
case "$1" in
-v) echo 'nginx version: nginx/1.30.0' >&2 ;;
-T)
    if [ -e broken ]; then echo 'nginx: [emerg] unknown directive "lissten" in /etc/nginx/conf.d/other.conf:3' >&2; exit 1; fi
    echo '# configuration file {folder}/nginx.conf:'
    echo 'pid {folder}/nginx.pid; http {{ keepalive_min_timeout 3s; include {folder}/steady/*.conf; }}'
    for file in {folder}/steady/*.conf; do echo "# configuration file $file:"; cat "$file"; done
    ;;
esac
"""


def docker(*argv: str, **options: t.Any) -> str:
    """Run docker and return what it printed."""
    return subprocess.run(["docker", *argv], capture_output=True, text=True, check=True, **options).stdout


def tag_images(*names: str) -> None:
    """Give these names an image on this engine: an empty one, never run."""
    docker("build", "-q", "-t", IMAGE, "-", input='FROM scratch\nLABEL steady.inputs=1\nCMD ["/none"]\n')
    for name in names:
        docker("tag", IMAGE, name)


class Edge:
    """A folder with a program ``nginx``, a running master, an upstream file, and a vhost on ``url`` that names the served release."""

    def __init__(self, folder: Path, app: str) -> None:
        self.folder = folder
        (folder / "steady").mkdir(parents=True)
        (folder / "bin").mkdir()
        self.program = folder / "bin" / "nginx"
        self.program.write_text(_NGINX.format(folder=folder))
        self.program.chmod(0o755)
        self.file = folder / "steady" / f"{app}.conf"
        self.file.write_text(render(Served(app, None, (Upstream("web", ()),)), "2026-01-01T00:00:00Z"))
        self._master = subprocess.Popen(["nginx: master process", "600"], executable="/bin/sleep")
        (folder / "nginx.pid").write_text(f"{self._master.pid}\n")

        class Vhost(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(502)
                self.send_header("X-Steady-Release", "none")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_args: t.Any) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Vhost)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/"

    def close(self) -> None:
        """End what runs."""
        self._server.shutdown()
        self._server.server_close()
        self._master.kill()
        self._master.wait()


def run_module(name: str, params: t.Mapping[str, t.Any], check: bool, env: t.Mapping[str, str]) -> dict[str, t.Any]:
    """Run a module of the collection in this process: its result. Whatever it raises comes out. ``env`` is added to the environment."""
    module = importlib.import_module(f"ansible_collections.steady.deploy.plugins.modules.{name}")
    printed = io.StringIO()
    with (
        mock.patch.dict(os.environ, env),
        patch_module_args({**params, "_ansible_check_mode": check}),
        contextlib.redirect_stdout(printed),
        contextlib.suppress(SystemExit),
    ):
        module.main()
    return json.loads(printed.getvalue())
