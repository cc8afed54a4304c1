"""What another machine reaches, and what containers still can."""

from __future__ import annotations

import json
import subprocess

import pytest
from e2e.outside import OPEN, SILENT, reach
from load import Config, Load, Shape

PORTS = (22, 80, 443, 8081, 8082, 8083, 8084, 9000, 9100, 20010)


def address_of(container):
    form = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
    return subprocess.run(["docker", "inspect", "-f", form, container], capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture(scope="module")
def address(host):
    """The host's address on the lab's network."""
    return address_of(host.ansible.get_variables()["inventory_hostname"])


@pytest.fixture(scope="module")
def six(host):
    """The host's IPv6 network."""
    return f"fd00:{host.ansible.get_variables()['inventory_hostname'].rpartition('-')[2]}:"


@pytest.fixture(scope="module")
def inside(host):
    """The containers' own addresses."""
    form = "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{.GlobalIPv6Address}} {{end}}"
    with host.sudo():
        return host.check_output("docker inspect -f %s refused opened sourced loopback app web", form).split()


@pytest.fixture(scope="module")
def found(host, address, six, inside):
    """What another machine gets from each port of the host, and from each container with the host as its router."""
    targets = [(one, port) for one in (address, f"{six}:1") for port in PORTS] + [(one, 80) for one in inside]
    routes = {"172.17.0.0/16": address, "172.18.0.0/16": address, "fd00:aaaa::/64": f"{six}:1"}
    return reach(targets, routes, address6=f"{six}:2/64")


def test_only_what_was_asked_for_is_reached(found, address, six):
    for one in (address, f"{six}:1"):
        answers = {port: found[one, port] for port in PORTS}
        assert answers == {port: OPEN if port in (22, 80, 443, 8082) else SILENT for port in PORTS}, one


def test_containers_are_not_reached_by_their_own_addresses(found, inside):
    assert len(inside) == 8, inside
    assert {one: found[one, 80] for one in inside} == dict.fromkeys(inside, SILENT)


# Not wget: the one of Debian 12's static busybox crashes.
FETCH = "printf 'GET {} HTTP/1.0\\r\\n\\r\\n' | /bin/busybox nc -w 3 {} {} | /bin/busybox tail -n 1"


def fetch(host, address, port, path="/", container="app"):
    """The last line of what a web server says to a container, or to the host itself."""
    with host.sudo():
        inside = f"docker exec {container} " if container else ""
        return host.run(inside + "/bin/busybox sh -c %s", FETCH.format(path, address, port)).stdout.strip()


def test_containers_reach_each_other_and_the_outside(host):
    assert fetch(host, "web", 80) == "container"
    assert fetch(host, address_of("steady-lab-registry"), 5000, "/v2/") == "{}"


def test_containers_reach_the_hosts_services_only_where_asked(host):
    with host.sudo():
        gateways = host.check_output("docker network inspect -f '{{range .IPAM.Config}}{{.Gateway}} {{end}}' shop").split()
    gateway = next(one for one in gateways if ":" not in one)
    assert {port: fetch(host, gateway, port) for port in (9100, 80, 9000)} == {9100: "host", 80: "host", 9000: ""}


def test_host_reaches_what_is_published_on_loopback(host):
    assert fetch(host, "127.0.0.1", 20010, container="") == "container"


def test_sources_and_comments_are_in_the_rules(host):
    with host.sudo():
        rules = host.check_output("nft list chain inet steady allowed")
    assert 'ct original proto-dst 8083 ip saddr 192.0.2.7 accept comment "only from there"' in rules
    assert "ct original proto-dst 8083 ip6 saddr 2001:db8::/32 accept" in rules
    assert "meta l4proto udp ct original proto-dst 5353 accept" in rules


def test_rules_of_docker_are_as_docker_made_them(host):
    with host.sudo():
        tables = json.loads(host.check_output("nft --json list tables"))["nftables"]
        assert host.run("nft list chain ip nat DOCKER").stdout.count("dnat to") == 5
    assert {(entry["table"]["family"], entry["table"]["name"]) for entry in tables if "table" in entry} >= {
        ("inet", "steady"),
        ("ip", "nat"),
        ("ip", "filter"),
    }


def test_rules_are_loaded_at_boot_before_the_network(host):
    with host.sudo():
        assert host.service("steady-firewall").is_enabled
        assert host.check_output("systemctl show -P Before steady-firewall").split().count("network-pre.target") == 1
        assert host.run("systemd-analyze verify --man=no steady-firewall.service").stderr == ""
        assert not host.file("/run/steady-firewall").exists
        assert host.check_output("systemctl list-units --all --no-legend 'steady-firewall-revert*'") == ""


def test_no_request_fails_while_the_rules_are_loaded_again(host, address):
    shape = (Shape("page"),)
    to_host = Config(url=f"http://{address}/", shapes=shape, rate=150, seconds=30, allow_container=True, fresh=0.3)
    to_container = Config(url=f"http://{address}:8082/", shapes=shape, rate=50, seconds=30, allow_container=True)
    with Load(to_host) as first, Load(to_container) as second:
        with host.sudo():
            host.check_output("for i in $(seq 40); do systemctl reload steady-firewall || exit 1; sleep 0.05; done")
        results = first.stop(), second.stop()
    for result in results:
        assert result.requests > 100 and result.failed == 0, result.failures[:5]
