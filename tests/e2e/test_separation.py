"""Only the edge is public: what another machine on the network gets from the host and from the hotel's containers."""

from __future__ import annotations

import json
import re

from e2e.outside import OPEN, SILENT, reach
from hotel import Host

PUBLIC = {22, 80, 443}
# Where the hotel's services listen inside their containers. Queue and scheduler listen nowhere.
SERVICES = {"web": 8080, "app": 9000, "ws": 8081, "mariadb": 3306, "redis": 6379, "mail": 8025}
# Listing is not knocking: from the host itself.
KNOCK = """
import json, socket, sys
for address, port in json.loads(sys.argv[1]):
    try:
        socket.create_connection((address, port), 2).close()
    except OSError as error:
        sys.exit(f"{address} {port}: {error}")
"""


def running(host: Host) -> dict[str, tuple[str, list[str]]]:
    """The service and the addresses of each container that runs."""
    form = '{{.Name}} {{index .Config.Labels "com.docker.compose.service"}}{{range .NetworkSettings.Networks}} {{.IPAddress}}{{end}}'
    lines = host.run(f"docker inspect -f '{form}' $(docker ps --quiet)").splitlines()
    return {name: (service, addresses) for name, service, *addresses in (line.split() for line in lines)}


def test_containers_answer_nobody_but_this_host(host: Host) -> None:
    containers = running(host)
    assert {service for service, _addresses in containers.values()} >= {*SERVICES, "queue", "scheduler"}
    answering = [(one, SERVICES[service]) for service, addresses in containers.values() if service in SERVICES for one in addresses]
    # Else the silence below would prove nothing.
    host.run(f"python3 -c '{KNOCK}' '{json.dumps(answering)}'")
    addresses = sorted({one for _service, some in containers.values() for one in some})
    routes = {f"{one}/32": host.address for one in addresses}
    found = reach([(one, port) for one in addresses for port in (*SERVICES.values(), 9001, 1025)], routes)
    assert not {target: answer for target, answer in found.items() if answer != SILENT}


def test_only_ssh_and_the_edge_answer_on_the_hosts_address(host: Host) -> None:
    listening = {int(port) for port in re.findall(r":(\d+)\s", host.run("ss -H --tcp --listening --numeric"))}
    replicas = {port for port in listening if 20000 <= port <= 29999}
    assert len(replicas) >= 2, listening
    found = reach((host.address, port) for port in {*listening, *SERVICES.values(), *PUBLIC, 2375, 2376, 9001, 1025})
    # Where nothing listens on 443 yet, the host says so: that is an answer too.
    answers = {port: answer for (_address, port), answer in found.items() if answer != SILENT}
    assert set(answers) == PUBLIC
    assert answers[22] == answers[80] == OPEN
