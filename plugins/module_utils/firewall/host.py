# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the host says of itself: who else filters, where SSH comes in, which interface leads out."""

from __future__ import annotations

import ipaddress
import os
import re
import typing as t
from dataclasses import dataclass

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import PreflightError
from ansible_collections.steady.deploy.plugins.module_utils.core.files import read_text
from ansible_collections.steady.deploy.plugins.module_utils.core.runner import Runner
from ansible_collections.steady.deploy.plugins.module_utils.firewall.wish import Address, Wish


@dataclass(frozen=True)
class Session:
    """The SSH connection that this runs over: the client's address and port, and the port it came in by."""

    client: str
    client_port: int
    port: int

    @property
    def address(self) -> Address:
        """The client's address, without the interface of a link-local one. Raises ValueError."""
        found = ipaddress.ip_address(self.client.partition("%")[0])
        return getattr(found, "ipv4_mapped", None) or found


def session(pid: int | None = None, proc: str = "/proc") -> Session | None:
    """The session of the nearest ancestor that knows of one: sudo takes the variable away from what it starts."""
    seen = os.getppid() if pid is None else pid
    while seen > 1:
        try:
            with open(f"{proc}/{seen}/environ", "rb") as stream:
                words = [item for item in stream.read().split(b"\0") if item.startswith(b"SSH_CONNECTION=")]
            parent = re.search(r"^PPid:\s*(\d+)", read_text(f"{proc}/{seen}/status") or "", re.MULTILINE)
        except OSError:
            return None
        if words:
            fields = words[0].decode("ascii", "replace").partition("=")[2].split()
            if len(fields) == 4 and fields[1].isdigit() and fields[3].isdigit():
                return Session(fields[0], int(fields[1]), int(fields[3]))
        seen = int(parent[1]) if parent else 0
    return None


def refuse_others(runner: Runner, ufw_conf: str = "/etc/ufw/ufw.conf") -> None:
    """Raise PreflightError where another program owns the host's rules."""
    active = runner.run(["systemctl", "is-active", "firewalld.service", "netfilter-persistent.service"], timeout=20).stdout.split()
    found = [name for name, state in zip(("firewalld", "netfilter-persistent (iptables-persistent)"), active) if state == "active"]
    # The unit of ufw is active also where ufw is off.
    if re.search(r"^\s*ENABLED\s*=\s*\"?yes", read_text(ufw_conf) or "", re.MULTILINE | re.IGNORECASE):
        found.append("ufw")
    if found:
        raise PreflightError(
            f"This host's rules belong to {' and '.join(found)} already, and two owners would cut off what the other opens: "
            f"disable {'it' if len(found) == 1 else 'them'} first, or leave this host out."
        )


def refuse_lock_out(runner: Runner, wish: Wish, over: Session | None) -> None:
    """Raise PreflightError where the operator's next connection would not get in."""
    if over is not None:
        if not wish.admits(over.port, over.address):
            raise PreflightError(
                f"These rules would lock you out: this connection comes from {over.address} to port {over.port}, which they "
                "don't allow. Add the port to ssh_ports, and the address to ssh_sources where that is not empty."
            )
        return
    told = runner.run(["sshd", "-T"], timeout=20, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}).stdout
    ports = [int(port) for port in re.findall(r"^port (\d+)$", told, re.MULTILINE)]
    if ports and not any(wish.admits(port, None) for port in ports):
        raise PreflightError(
            f"These rules would lock everybody out: SSH listens on port {' and '.join(map(str, ports))}, which they don't allow. "
            "Add it to ssh_ports."
        )


def refuse_open_side(wish: Wish, net: str = "/proc/net") -> None:
    """Raise PreflightError where the way to the outside is taken for a way to containers."""
    for name in sorted(set(_ways_out(net))):
        if wish.counts_as_containers(name):
            raise PreflightError(
                f"The default route leaves by {name}, which container_interfaces ({', '.join(wish.interfaces)}) takes for containers' "
                "own: everything from outside would get through. Name Docker's bridges one by one there."
            )


def _ways_out(net: str) -> t.Iterator[str]:
    """Interfaces of the default routes."""
    for line in (read_text(f"{net}/route") or "").splitlines()[1:]:
        fields = line.split()
        if len(fields) > 7 and fields[1] == fields[7] == "00000000":
            yield fields[0]
    for line in (read_text(f"{net}/ipv6_route") or "").splitlines():
        fields = line.split()
        # The kernel lists its own "no route" as a default route by lo.
        if len(fields) > 9 and fields[0] == "0" * 32 and fields[1] == "00" and fields[9] != "lo":
            yield fields[9]
