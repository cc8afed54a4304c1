# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is to be reachable from outside: checked, and frozen."""

from __future__ import annotations

import ipaddress
import re
import typing as t
from dataclasses import dataclass

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import SpecError

# In a list of sources: the containers of this host.
CONTAINERS = "containers"

Network = t.Union[ipaddress.IPv4Network, ipaddress.IPv6Network]
Address = t.Union[ipaddress.IPv4Address, ipaddress.IPv6Address]

_INTERFACE = re.compile(r"[A-Za-z0-9_.:@-]{1,15}|[A-Za-z0-9_.:@-]{1,14}\*")
# nft keeps comments of up to 128 bytes, and has no way to quote a quote.
_COMMENT = re.compile(r'[^"\\]{0,100}')


@dataclass(frozen=True)
class Opening:
    """Ports ``first``-``last`` of ``protocol``, open to ``networks`` and, with ``containers``, to this host's containers.

    ``anyone``: to everybody, containers included.
    """

    protocol: str
    first: int
    last: int
    networks: tuple[Network, ...] = ()
    containers: bool = False
    comment: str = ""

    @property
    def anyone(self) -> bool:
        """Whether no source was named."""
        return not self.networks and not self.containers

    def admits(self, port: int, address: Address | None) -> bool:
        """Whether a TCP connection from ``address`` (None: from somewhere) to ``port`` gets in."""
        if self.protocol != "tcp" or not self.first <= port <= self.last:
            return False
        if self.anyone or (address is None and self.networks):
            return True
        return any(address in network for network in self.networks)


@dataclass(frozen=True)
class Wish:
    """All openings, and the interfaces behind which containers of this host are; a name may end with ``*``."""

    openings: tuple[Opening, ...]
    interfaces: tuple[str, ...]

    def admits(self, port: int, address: Address | None) -> bool:
        """Whether a TCP connection from ``address`` (None: from somewhere) to ``port`` gets in."""
        return any(opening.admits(port, address) for opening in self.openings)

    def counts_as_containers(self, interface: str) -> bool:
        """Whether what comes from ``interface`` is taken for containers' traffic."""
        return any(interface.startswith(name[:-1]) if name.endswith("*") else interface == name for name in self.interfaces)


def parse(params: t.Mapping[str, t.Any]) -> Wish:
    """Read the module's parameters. Raises SpecError with the item that can't be meant."""
    openings = [
        _opening(f"ssh_ports[{number}]", {"port": port, "sources": params["ssh_sources"], "comment": "SSH"}, "ssh_sources")
        for number, port in enumerate(params["ssh_ports"])
    ]
    openings += [_opening(f"web_ports[{number}]", {"port": port, "comment": "web"}) for number, port in enumerate(params["web_ports"])]
    openings += [_opening(f"allow[{number}]", item) for number, item in enumerate(params["allow"])]
    for number, name in enumerate(params["container_interfaces"]):
        if not _INTERFACE.fullmatch(name):
            raise SpecError(f"container_interfaces[{number}]: '{name}' is not the name of an interface. It may end with *.")
    return Wish(tuple(openings), tuple(params["container_interfaces"]))


def _opening(where: str, item: t.Mapping[str, t.Any], sources_of: str | None = None) -> Opening:
    first, last = _ports(where, str(item["port"]))
    comment = item.get("comment") or ""
    if not _COMMENT.fullmatch(comment) or not comment.isprintable():
        raise SpecError(f'{where}: the comment may have up to 100 characters in one line, without " and \\.')
    sources = [str(source).strip() for source in item.get("sources") or ()]
    networks = [_network(sources_of or f"{where}.sources", source) for source in sources if source != CONTAINERS]
    return Opening(item.get("protocol") or "tcp", first, last, _merged(networks), CONTAINERS in sources, comment)


def _ports(where: str, text: str) -> tuple[int, int]:
    found = re.fullmatch(r"\s*(\d{1,5})\s*(?:-\s*(\d{1,5})\s*)?", text)
    first, last = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
    if not 1 <= first <= last <= 65535:
        raise SpecError(f"{where}: '{text}' is not a port. Give a number from 1 to 65535, or a range such as 8000-8010.")
    return first, last


def _network(where: str, text: str) -> Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError as exc:
        try:
            meant = ipaddress.ip_network(text, strict=False)
        except ValueError:
            message = f"{where}: '{text}' is not an address. Give IPv4 or IPv6 addresses or networks, such as 192.0.2.7 or 2001:db8::/32"
            raise SpecError(f"{message}, or the word {CONTAINERS}.") from exc
        raise SpecError(f"{where}: '{text}' has bits behind its mask. The network is {meant}.") from exc


def _merged(networks: t.Sequence[Network]) -> tuple[Network, ...]:
    """The same addresses without overlaps, which nft refuses."""
    four = ipaddress.collapse_addresses(network for network in networks if isinstance(network, ipaddress.IPv4Network))
    six = ipaddress.collapse_addresses(network for network in networks if isinstance(network, ipaddress.IPv6Network))
    return (*four, *six)
