"""What the role docker_host says of address pools, and what it takes for a configuration."""

from __future__ import annotations

import importlib.util
import ipaddress
from pathlib import Path

import pytest

FILES = Path(__file__).resolve().parents[3] / "roles/docker_host/files"
SPEC = importlib.util.spec_from_file_location("docker_look", FILES / "look.py")
look = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(look)

TAKEN = [(ipaddress.ip_network("192.168.7.0/24"), "eth0"), (ipaddress.ip_network("fd00:7::/64"), "eth0")]


@pytest.mark.parametrize(
    ("pools", "says"),
    [
        ([], ""),
        ([{"base": "10.210.0.0/16", "size": 24}, {"base": "fd00:8::/48", "size": 64}], ""),
        ([{"base": "192.168.0.0/16", "size": 24}], "the address pool 192.168.0.0/16 overlaps with 192.168.7.0/24, which this host reaches"),
        ([{"base": "fd00:7::/48", "size": 64}], "overlaps with fd00:7::/64"),
        ([{"base": "10.0.0.0/8", "size": 24}, {"base": "10.1.0.0/16", "size": 24}], "the address pools 10.0.0.0/8 and 10.1.0.0/16 overlap"),
        ([{"base": "10.210.1.0/16", "size": 24}], "'10.210.1.0/16' is not a network"),
        ([{"base": "nonsense", "size": 24}], "'nonsense' is not a network"),
        ([{"base": "10.210.0.0/16", "size": 8}], "16 to 30, not 8"),
        ([{"base": "10.210.0.0/16", "size": 31}], "16 to 30, not 31"),
    ],
)
def test_pools(pools, says):
    found = look.judge(pools, TAKEN)
    assert (says in found) if says else not found


@pytest.mark.parametrize(
    ("content", "config"),
    [(None, {}), (b"", {}), (b" \n", {}), (b'{"debug": true}', {"debug": True}), (b"[]", None), (b"{", None), (b"\xff", None)],
)
def test_configuration(content, config):
    assert look.parse(content) == config


def test_the_engines_own_networks_do_not_count():
    assert all(look.DOCKERS.fullmatch(name) for name in ("docker0", "docker_gwbridge", "br-0123456789ab", "veth1a2b"))
    assert not any(look.DOCKERS.fullmatch(name) for name in ("eth0", "br0", "br-lan", "docker1"))
