"""What the host says: who else filters, where SSH comes in, which interface leads out."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import PreflightError
from ansible_collections.steady.deploy.plugins.module_utils.core.runner import Completed
from ansible_collections.steady.deploy.plugins.module_utils.firewall import host
from ansible_collections.steady.deploy.plugins.module_utils.firewall.wish import parse

ROUTE = """Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
{}\t00000000\t010014AC\t0003\t0\t0\t0\t00000000\t0\t0\t0
docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
"""
NOWHERE6 = f"{'0' * 32} 00 {'0' * 32} 00 {'0' * 32} ffffffff 00000001 00000000 00200200       lo\n"
DEFAULT6 = f"{'0' * 32} 00 {'0' * 32} 00 fe80{'0' * 27}1 00000400 00000001 00000000 00450003     {{}}\n"


class Says:
    """A runner whose commands print one text."""

    def __init__(self, text):
        self.text = text

    def run(self, argv, **_options):
        return Completed(tuple(argv), 0, self.text, "")


def wish(**changes):
    defaults = {"ssh_ports": ["22"], "ssh_sources": [], "web_ports": [], "allow": [], "container_interfaces": ["docker0", "br-*"]}
    return parse({**defaults, **changes})


def test_the_session_of_an_ancestor_is_found_where_sudo_took_it_away():
    """A process with the variable starts one without, as sudo does; that one asks for its parent's."""
    inner = "import os, sys; print(os.getpid(), flush=True); sys.stdin.read()"
    outer = f"import os, subprocess, sys; subprocess.run([sys.executable, '-c', {inner!r}], env={{}})"
    env = {**os.environ, "SSH_CONNECTION": "203.0.113.5 50412 192.0.2.1 2222"}
    with subprocess.Popen([sys.executable, "-c", outer], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as running:
        seen = host.session(int(running.stdout.readline()))
        running.stdin.close()
    assert seen == host.Session("203.0.113.5", 50412, 2222)


def test_addresses_of_clients():
    assert str(host.Session("fe80::1%eth0", 1, 22).address) == "fe80::1"
    assert str(host.Session("::ffff:192.0.2.7", 1, 22).address) == "192.0.2.7"


def test_rules_that_keep_this_connection_out_are_refused():
    over = host.Session("203.0.113.5", 50412, 2222)
    with pytest.raises(PreflightError, match=r"would lock you out: this connection comes from 203\.0\.113\.5 to port 2222"):
        host.refuse_lock_out(Says(""), wish(), over)
    host.refuse_lock_out(Says(""), wish(ssh_ports=["22", "2222"]), over)


def test_without_ssh_the_servers_own_word_counts():
    with pytest.raises(PreflightError, match="SSH listens on port 2200 and 2201, which they don't allow"):
        host.refuse_lock_out(Says("port 2200\nport 2201\naddressfamily any\n"), wish(), None)
    host.refuse_lock_out(Says("port 22\nport 2201\n"), wish(), None)
    # No SSH at all.
    host.refuse_lock_out(Says(""), wish(), None)


@pytest.mark.parametrize(
    ("states", "ufw", "says"),
    [
        ("active\ninactive\n", None, "belong to firewalld already"),
        ("inactive\nactive\n", "ENABLED=no\n", "belong to netfilter-persistent .iptables-persistent. already"),
        ("inactive\ninactive\n", "# x\nENABLED=yes\n", "belong to ufw already"),
        ("active\nactive\n", "enabled=YES\n", "belong to firewalld and netfilter-persistent .* and ufw already.*disable them first"),
    ],
)
def test_two_owners_are_refused(tmp_path, states, ufw, says):
    conf = tmp_path / "ufw.conf"
    if ufw is not None:
        conf.write_text(ufw)
    with pytest.raises(PreflightError, match=says):
        host.refuse_others(Says(states), str(conf))


def test_ufw_that_is_off_is_no_owner(tmp_path):
    conf = tmp_path / "ufw.conf"
    conf.write_text("ENABLED=no\n")
    host.refuse_others(Says("inactive\nunknown\n"), str(conf))


def test_the_way_out_is_no_way_to_containers(tmp_path):
    (tmp_path / "route").write_text(ROUTE.format("eth0"))
    (tmp_path / "ipv6_route").write_text(NOWHERE6 + DEFAULT6.format("eth0"))
    host.refuse_open_side(wish(), str(tmp_path))
    (tmp_path / "route").write_text(ROUTE.format("br-lan"))
    with pytest.raises(PreflightError, match=r"The default route leaves by br-lan, which container_interfaces \(docker0, br-\*\)"):
        host.refuse_open_side(wish(), str(tmp_path))
    (tmp_path / "route").write_text(ROUTE.format("eth0"))
    (tmp_path / "ipv6_route").write_text(NOWHERE6 + DEFAULT6.format("br-six"))
    with pytest.raises(PreflightError, match="leaves by br-six"):
        host.refuse_open_side(wish(), str(tmp_path))
