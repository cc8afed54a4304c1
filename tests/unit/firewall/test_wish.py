"""What is to be reachable, as it is read from the parameters."""

from __future__ import annotations

import ipaddress

import pytest

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import SpecError
from ansible_collections.steady.deploy.plugins.module_utils.firewall.wish import parse

DEFAULTS = {
    "ssh_ports": ["22"],
    "ssh_sources": [],
    "web_ports": ["80", "443"],
    "allow": [],
    "container_interfaces": ["docker0", "br-*"],
}
SOMEWHERE = ipaddress.ip_address("198.51.100.9")


def wish(**changes):
    return parse({**DEFAULTS, **changes})


@pytest.mark.parametrize("port", [22, 80, 443])
def test_the_defaults_are_open_to_everybody(port):
    assert wish().admits(port, SOMEWHERE) and wish().admits(port, None)
    assert not wish().admits(8080, SOMEWHERE)


def test_sources_bound_who_gets_in():
    found = wish(ssh_sources=["192.0.2.0/24", "2001:db8::/32"])
    assert found.admits(22, ipaddress.ip_address("192.0.2.7"))
    assert found.admits(22, ipaddress.ip_address("2001:db8::1"))
    assert not found.admits(22, SOMEWHERE)
    # From an address that nobody knows it may be.
    assert found.admits(22, None)


def test_a_rule_of_its_own_lets_ssh_in_too():
    found = wish(ssh_ports=[], allow=[{"port": "2200-2300", "sources": ["198.51.100.0/24"]}])
    assert found.admits(2222, SOMEWHERE)
    assert not found.admits(22, SOMEWHERE)


def test_udp_and_containers_are_no_way_in_for_ssh():
    found = wish(ssh_ports=[], allow=[{"port": 22, "protocol": "udp"}, {"port": 22, "sources": ["containers"]}])
    assert not found.admits(22, SOMEWHERE) and not found.admits(22, None)


def test_overlapping_sources_become_one():
    (opening,) = wish(ssh_ports=[], web_ports=[], allow=[{"port": 1, "sources": ["10.0.0.0/8", "10.1.0.0/16", "::1"]}]).openings
    assert [str(network) for network in opening.networks] == ["10.0.0.0/8", "::1/128"]


@pytest.mark.parametrize(
    ("name", "inside"), [("docker0", True), ("docker1", False), ("br-1a2b", True), ("br0", False), ("eth0", False), ("docker0x", False)]
)
def test_interfaces_of_containers(name, inside):
    assert wish().counts_as_containers(name) is inside


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"ssh_ports": ["0"]}, "ssh_ports[0]: '0' is not a port. Give a number from 1 to 65535, or a range such as 8000-8010."),
        ({"web_ports": ["80", "65536"]}, "web_ports[1]: '65536' is not a port."),
        ({"allow": [{"port": "8010-8000"}]}, "allow[0]: '8010-8000' is not a port."),
        ({"allow": [{"port": "http"}]}, "allow[0]: 'http' is not a port."),
        ({"ssh_sources": ["10.0.0.1/8"]}, "ssh_sources: '10.0.0.1/8' has bits behind its mask. The network is 10.0.0.0/8."),
        ({"allow": [{"port": 80, "sources": ["2001:db8::g"]}]}, "allow[0].sources: '2001:db8::g' is not an address."),
        ({"allow": [{"port": 80, "sources": [""]}]}, "allow[0].sources: '' is not an address."),
        ({"allow": [{"port": 80, "comment": 'a "b"'}]}, "allow[0]: the comment may have up to 100 characters in one line"),
        ({"allow": [{"port": 80, "comment": "a\nb"}]}, "allow[0]: the comment"),
        ({"allow": [{"port": 80, "comment": "a" * 101}]}, "allow[0]: the comment"),
        ({"container_interfaces": ["*"]}, "container_interfaces[0]: '*' is not the name of an interface."),
        ({"container_interfaces": ["docker0", 'x" accept']}, "container_interfaces[1]: 'x\" accept' is not"),
    ],
)
def test_what_cannot_be_meant_is_told_in_one_sentence(changes, says):
    with pytest.raises(SpecError) as told:
        wish(**changes)
    assert told.value.message.startswith(says)
