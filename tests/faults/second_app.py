"""A second, small app on the managed host, and no trace of it afterwards."""

from __future__ import annotations

import time
import urllib.request

import yaml
from hotel import ROOT, Host, Played

APP = "second"
_COMPOSE = """\
name: second
services:
  web:
    image: registry.lab:5000/hotel/web:v1
    entrypoint: [busybox, sh, -c, "echo second >/tmp/index.html; exec busybox httpd -f -p 8080 -h /tmp"]
    expose: ["8080"]
    stop_grace_period: 3s
    x-steady: {kind: web, port: 8080, gates: [{type: http, path: /, deadline: 20}]}
"""


def provision(host: Host) -> None:
    """Give the edge a vhost for it, beside the hotel's."""
    ours = yaml.safe_load((ROOT / "inventories/demo/group_vars/steady.yml").read_text())["nginx_apps"]
    second = {"name": APP, "server_names": ["second.test"], "routes": [{"path": "/", "service": "web"}]}
    done = host.play("playbooks/provision.yml", "--tags", "nginx", nginx_apps=[*ours, second])
    assert done.ok, done.output[-4000:]


def deploy(host: Host) -> Played:
    """Roll it out."""
    file = ROOT / ".lab/second.compose.yml"
    file.write_text(_COMPOSE)
    return host.deploy(
        "v1",
        app_name=APP,
        app_compose_files=[str(file)],
        app_env={},
        app_env_schema={},
        app_smoke=[],
        app_edge={"url": "http://127.0.0.1/", "host": "second.test"},
        app_stream_drain_timeout=1,
    )


def answers(host: Host) -> bool:
    """Whether it is served."""
    request = urllib.request.Request(f"http://{host.address}/", headers={"Host": "second.test"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return bool(answer.read().strip() == b"second")


def remove(host: Host) -> None:
    """Remove it with all it has."""
    host.run("rm -f /etc/nginx/conf.d/steady-second.conf && nginx -s reload")
    # Workers with the former configuration must be gone before its upstreams go.
    time.sleep(1)
    host.run(
        "docker ps -aq --filter label=steady.app=second | xargs -r docker rm -f -v >/dev/null; "
        "docker network ls --format '{{.Name}}' | grep '^second' | xargs -r docker network rm >/dev/null; "
        "rm -rf /etc/nginx/steady/second.conf /var/lib/steady/second /srv/second"
    )
