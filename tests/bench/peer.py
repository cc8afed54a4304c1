# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The peer: the hotel as one plain Compose project on the same host, behind a vhost of its own in the same Nginx."""

from __future__ import annotations

import shlex

from hotel import Host

HOST_NAME = "bench.test"
# Without the job migrate: `up --wait` takes a service that ends for a failed one.
SERVICES = ("web", "app", "queue", "scheduler", "ws")
COMPOSE = "docker compose --project-directory /srv/bench -p bench -f /srv/bench/compose.yml -f /srv/bench/ports.yml"
UP = f"{COMPOSE} up -d --wait --wait-timeout 120 {' '.join(SERVICES)}"
RELOAD = "nginx -s reload"

PORTS = """\
services:
  web:
    ports: ["127.0.0.1:18080-18081:8080"]
"""

# As the role nginx writes a vhost, without what only a rollout needs.
VHOST = f"""\
upstream bench_web {{
    zone bench_web 64k;
    server 127.0.0.1:18080 max_fails=0;
    server 127.0.0.1:18081 max_fails=0;
    keepalive 32;
}}
server {{
    listen 80;
    server_name {HOST_NAME};
    proxy_http_version 1.1;
    proxy_connect_timeout 5s;
    proxy_next_upstream error timeout;
    proxy_next_upstream_tries 3;
    proxy_set_header Host $http_host;
    proxy_set_header Connection $steady_connection;
    location / {{
        proxy_pass http://bench_web;
    }}
}}
"""


class Peer:
    """The plain Compose project ``bench`` in ``/srv/bench``. It uses the hotel's own compose file and environment."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def up(self, version: str) -> None:
        """Make it from nothing, at ``version``, with its tables."""
        self.down()
        self._host.run("install -d -m 0711 /srv/bench && cp -p /srv/hotel/compose.yml /srv/hotel/.env /srv/bench/")
        self._write("/srv/bench/ports.yml", PORTS)
        self.wants(version)
        self._host.run(f"{COMPOSE} run --rm migrate && {UP}")
        self._write("/etc/nginx/conf.d/bench.conf", VHOST)
        self._host.run(f"nginx -t && {RELOAD}")

    def wants(self, version: str) -> None:
        """Write the version that the next ``up`` brings."""
        self._host.run(
            f"sed -i 's/^HOTEL_VERSION=.*/HOTEL_VERSION={version}/' /srv/bench/.env && grep -q '^HOTEL_VERSION={version}$' /srv/bench/.env"
        )

    def down(self) -> None:
        """Remove every trace."""
        self._host.run("rm -f /etc/nginx/conf.d/bench.conf && nginx -s reload")
        self._host.run(f"[ ! -e /srv/bench/ports.yml ] || {COMPOSE} down --volumes --remove-orphans --timeout 10")
        self._host.run("rm -rf /srv/bench")

    def _write(self, path: str, text: str) -> None:
        self._host.run(f"printf %s {shlex.quote(text)} > {path}")
