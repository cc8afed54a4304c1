"""Where Nginx listens, and who is there already."""

from __future__ import annotations

import grp
import os
import pwd

import pytest

from ansible_collections.steady.deploy.plugins.module_utils.nginx.listen import clashes, holders, parse
from ansible_collections.steady.deploy.plugins.module_utils.nginx.look import ipv6, other_policy, resolvers, unready

SS = """\
LISTEN 0      128             [::]:22           [::]:*
LISTEN 0      511          0.0.0.0:80        0.0.0.0:*    users:(("nginx",pid=12,fd=6),("nginx",pid=11,fd=6))
LISTEN 0      511                *:443             *:*    users:(("apache2",pid=30,fd=4))
LISTEN 0      4096       127.0.0.1:8080      0.0.0.0:*    users:(("caddy",pid=40,fd=7))
LISTEN 0      4096   127.0.0.53%lo:53        0.0.0.0:*    users:(("systemd-resolve",pid=5,fd=14))
"""


@pytest.mark.parametrize(
    ("text", "address", "port", "ssl"),
    [
        ("80", "0.0.0.0", 80, False),
        ("*:80", "0.0.0.0", 80, False),
        ("443 ssl", "0.0.0.0", 443, True),
        ("[::]:443 ssl http2", "[::]", 443, True),
        ("127.0.0.1:8080 reuseport", "127.0.0.1", 8080, False),
        (8080, "0.0.0.0", 8080, False),
    ],
)
def test_listens(text, address, port, ssl):
    found = parse(text)
    assert (found.address, found.port, found.ssl) == (address, port, ssl)


@pytest.mark.parametrize("text", ["", "unix:/run/a.sock", "eighty", "0", "65536", "a b", "127.0.0.1"])
def test_what_is_no_port(text):
    assert parse(text) is None


def test_holders():
    found = {(one.address, one.port): one.program for one in holders(SS)}
    assert found == {
        ("0.0.0.0", 80): "nginx",
        ("*", 443): "apache2",
        ("127.0.0.1", 8080): "caddy",
        ("127.0.0.53", 53): "systemd-resolve",
        ("[::]", 22): "another program",
    }


@pytest.mark.parametrize(
    ("wanted", "program"),
    [
        ("80", None),
        ("443", "apache2"),
        ("[::]:443", "apache2"),
        ("192.0.2.1:443", "apache2"),
        ("8080", "caddy"),
        ("127.0.0.1:8080", "caddy"),
        ("127.0.0.2:8080", None),
        ("[::]:8080", None),
        ("22", None),
        ("[::1]:22", "another program"),
    ],
)
def test_clashes(wanted, program):
    found = [one.program for one in holders(SS) if clashes(parse(wanted), one)]
    assert found == ([program] if program else [])


def test_logs_are_for_two_alone(tmp_path):
    log = tmp_path / "access.json"
    owners = (pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(os.getgid()).gr_name)
    assert unready([str(log)], *owners) == [str(log)]
    log.touch(mode=0o644)
    assert unready([str(log)], *owners) == [str(log)]
    log.chmod(0o640)
    assert unready([str(log)], *owners) == []
    assert unready([str(log)], "somebody-else", owners[1]) == unready([str(log)], owners[0], "nobodys-group") == [str(log)]


def test_whose_the_policy_is():
    assert not other_policy(None) and not other_policy("#!/bin/sh\n# steady.deploy: no restart\n")
    assert other_policy("#!/bin/sh\nexit 101\n")


def test_resolvers():
    assert resolvers("# nameserver 1.2.3.4\nsearch a\nnameserver 192.0.2.53\nnameserver 2001:db8::53\n") == ["192.0.2.53", "[2001:db8::53]"]


@pytest.mark.parametrize(
    ("text", "there"),
    [
        ("", False),
        ("fe800000000000000042acfffe110002 02 40 20 80     eth0\n", False),
        ("fe800000000000000042acfffe110002 02 40 20 80     eth0\n00000000000000000000000000000001 01 80 10 80       lo\n", True),
    ],
)
def test_ipv6(text, there):
    assert ipv6(text) is there
