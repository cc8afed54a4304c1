"""What the role docker_host sees of a host: its configuration, its address pools, its users and its units."""

from __future__ import annotations

import base64
import importlib.util
import ipaddress
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

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


# What `ip` says of a host with one card, an address of its own on the link, and two networks of Docker.
ROUTES = [
    {"dst": "default", "gateway": "192.168.7.1", "dev": "eth0"},
    {"dst": "192.168.7.0/24", "dev": "eth0", "prefsrc": "192.168.7.9"},
    {"dst": "10.8.0.1", "dev": "wg0"},
    {"dst": "172.17.0.0/16", "dev": "docker0"},
    {"type": "blackhole", "dst": "198.51.100.0/24"},
]
ADDRESSES = [
    {"ifname": "eth0", "addr_info": [{"local": "192.168.7.9", "prefixlen": 24}, {"broadcast": "192.168.7.255"}]},
    {"ifname": "br-0123456789ab", "addr_info": [{"local": "172.18.0.1", "prefixlen": 16}]},
    {"ifname": "eth1"},
]
ADDRESSES_6 = [{"ifname": "eth0", "addr_info": [{"local": "fd00:7::9", "prefixlen": 64}, {"local": "fe80::1", "prefixlen": 64}]}]


def test_networks_are_those_that_the_host_reaches_or_is_in(monkeypatch):
    answers = {("-4", "route"): ROUTES, ("-4", "address"): ADDRESSES, ("-6", "address"): ADDRESSES_6}

    def answer(program, family, form, what, *_rest):
        assert (program, form) == ("ip", "-json")
        found = answers.get((family, what))
        return None if found is None else json.dumps(found)

    monkeypatch.setattr(look, "run", answer)
    assert sorted((str(network), device) for network, device in look.networks()) == [
        ("10.8.0.1/32", "wg0"),
        ("192.168.7.0/24", "eth0"),
        ("192.168.7.0/24", "eth0"),
        ("198.51.100.0/24", ""),
        ("fd00:7::/64", "eth0"),
    ]


def accounts(monkeypatch, group):
    """A host with the users ops, deploy and dock, who is in the group docker by birth. ``group`` is that group, or None."""
    users = {"ops": 1000, "deploy": 1001, "dock": 130}

    def nobody(name):
        raise KeyError(f"name not found: {name}")

    monkeypatch.setattr(look.pwd, "getpwnam", lambda name: SimpleNamespace(pw_gid=users[name]))
    monkeypatch.setattr(look.grp, "getgrnam", nobody if group is None else lambda name: group)


@pytest.mark.parametrize(
    ("group", "missing"),
    [
        (SimpleNamespace(gr_gid=130, gr_mem=["ops"]), ["deploy"]),
        (SimpleNamespace(gr_gid=130, gr_mem=[]), ["ops", "deploy"]),
        (None, ["ops", "deploy", "dock"]),
    ],
)
def test_users_are_members_by_list_or_by_birth(monkeypatch, group, missing):
    accounts(monkeypatch, group)
    assert look.members(["ops", "nobody-knows", "deploy", "dock"]) == (["nobody-knows"], missing)


@pytest.mark.parametrize(
    ("enabled", "active", "lacks"),
    [("enabled", "active", False), (None, "active", True), ("enabled", None, True), (None, None, True)],
)
def test_units_must_run_now_and_after_a_reboot(monkeypatch, enabled, active, lacks):
    answers = {"is-enabled": enabled, "is-active": active}
    monkeypatch.setattr(look, "run", lambda program, ask, unit: answers[ask] if unit == "rests.timer" else "yes")
    assert look.states(["docker.service", "rests.timer"]) == (["rests.timer"] if lacks else [])


def test_an_engine_belongs_to_the_package_of_what_its_name_leads_to(monkeypatch, tmp_path):
    real = tmp_path / "libexec/dockerd"
    real.parent.mkdir()
    real.touch()
    link = tmp_path / "dockerd"
    link.symlink_to(real)
    told = {str(real): "docker.io: " + str(real)}
    monkeypatch.setattr(look.shutil, "which", lambda program: str(link) if program == "dockerd" else None)
    monkeypatch.setattr(look, "run", lambda program, ask, path: told.get(path))
    assert look.owner("dockerd") == "docker.io"
    assert look.owner("podman") == ""
    told.clear()
    assert look.owner("dockerd") == "", "it was not installed by a package"


def test_commands_are_asked_and_never_raise():
    assert look.run("echo", " said ") == "said"
    assert look.run("false") is None
    assert look.run("no-such-command-here") is None


def looked(folder, users=()):
    """What the whole program tells of a host whose configuration and its copy are in this folder."""
    places = {"config": str(folder / "daemon.json"), "in_force": str(folder / "copy.json")}
    asked = {**places, "owner": False, "users": users, "units": [], "pools": []}
    done = subprocess.run(
        [sys.executable, str(FILES / "look.py"), json.dumps(asked)], env={"PATH": str(folder)}, check=True, capture_output=True, text=True
    )
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("copy", "kept", "in_force"),
    [(None, False, {"debug": True}), (b"", True, {}), (b'{"debug": false}\n', True, {"debug": False})],
)
def test_the_copy_is_what_is_in_force(tmp_path, copy, kept, in_force):
    (tmp_path / "daemon.json").write_text('{"debug": true}')
    if copy is not None:
        (tmp_path / "copy.json").write_bytes(copy)
    found = looked(tmp_path)
    assert (found["kept"], found["in_force"], found["config"]) == (kept, in_force, {"debug": True})


@pytest.mark.parametrize(
    ("content", "there", "config"),
    [(None, False, {}), (b"", True, {}), (b'{"debug": true}\n', True, {"debug": True}), (b"{broken", True, None)],
)
def test_the_whole_is_one_object(tmp_path, content, there, config):
    path = tmp_path / "daemon.json"
    if content is not None:
        path.write_bytes(content)
    found = looked(tmp_path, users=["nobody-knows-this-one"])
    assert (found["engine"], found["compose"], found["owner"]) == ("", "", "")
    assert (found["config_there"], found["config"]) == (there, config)
    assert base64.b64decode(found["config_content"]) == (content or b"")
    assert (found["users_unknown"], found["units_lacking"], found["pools_problem"]) == (["nobody-knows-this-one"], [], "")
