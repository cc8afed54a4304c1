# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules as nft reads them."""

from __future__ import annotations

import ipaddress
import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.firewall.wish import Opening, Wish

FAMILY, TABLE = "inet", "steady"

_HEAD = """\
#!/usr/sbin/nft -f
# Written by steady.deploy. A change by hand is undone by the next run.

# One transaction: this table as a whole replaces the one before it. Rules of others, such as Docker's, stay.
"""

_ICMP = """\
        # A neighbour on the same link, as RFC 4861 and RFC 4890 ask.
        icmpv6 type { nd-router-solicit, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert } ip6 hoplimit 255 accept
        icmpv6 type { mld-listener-query, mld-listener-report, mld-listener-done, mld2-listener-report } ip6 saddr fe80::/10 accept
        ct state vmap { established : accept, related : accept, invalid : drop }
        icmp type { destination-unreachable, time-exceeded, parameter-problem } limit rate 100/second burst 100 packets accept
        icmpv6 type {
            destination-unreachable, packet-too-big, time-exceeded, parameter-problem
        } limit rate 100/second burst 100 packets accept
        icmp type echo-request limit rate 20/second burst 40 packets accept
        icmpv6 type echo-request limit rate 20/second burst 40 packets accept
        # Leases of this host's own addresses: the answer comes from another address than the one that was asked.
        udp sport 67 udp dport 68 accept
        ip6 saddr fe80::/10 udp sport 547 udp dport 546 accept
"""

# Lets everything through. A rule that asks for the state of connections makes the kernel track them.
TRACK = f"""\
table {FAMILY} {TABLE} {{
    chain input {{
        type filter hook input priority filter; policy accept;
        ct state new counter
    }}
}}
"""


def clear() -> str:
    """What takes the table away, whether it is there or not."""
    return f"table {FAMILY} {TABLE}\ndelete table {FAMILY} {TABLE}\n"


def render(wish: Wish) -> str:
    """The whole file."""
    allowed = "".join(f"        {line}\n" for opening in wish.openings for line in _lines(opening, wish.interfaces))
    inside = "".join(f'        iifname "{name}" accept\n' for name in wish.interfaces)
    return f"""{_HEAD}{clear()}
table {FAMILY} {TABLE} {{
    # By the port that was asked for: what Docker publishes has got the container's port by the time it comes here.
    chain allowed {{
{allowed}    }}

    # Docker may let addresses of the loopback network be routed. They come from this host itself, or not at all.
    chain prerouting {{
        type filter hook prerouting priority raw; policy accept;
        iifname != "lo" ip daddr 127.0.0.0/8 drop
        iifname != "lo" ip saddr 127.0.0.0/8 drop
    }}

    chain input {{
        type filter hook input priority filter; policy drop;
        iifname "lo" accept
{_ICMP}        jump allowed
        counter comment "dropped"
    }}

    chain forward {{
        type filter hook forward priority filter; policy drop;
        ct state vmap {{ established : accept, related : accept, invalid : drop }}
        # Containers' own: to each other, as far as Docker lets them, and out.
{inside}        # To a container only by a port that Docker publishes, never by the container's own address.
        ct status dnat jump allowed
        counter comment "dropped"
    }}
}}
"""


def _lines(opening: Opening, interfaces: t.Sequence[str]) -> t.Iterator[str]:
    ports = str(opening.first) if opening.first == opening.last else f"{opening.first}-{opening.last}"
    match = f"meta l4proto {opening.protocol} ct original proto-dst {ports}"
    end = f'accept comment "{opening.comment}"' if opening.comment else "accept"
    if opening.anyone:
        yield f"{match} {end}"
    for kind, version in (("ip", ipaddress.IPv4Network), ("ip6", ipaddress.IPv6Network)):
        networks = [_shown(network) for network in opening.networks if isinstance(network, version)]
        if networks:
            yield f"{match} {kind} saddr {{ {', '.join(networks)} }} {end}"
    if opening.containers:
        for name in interfaces:
            yield f'{match} iifname "{name}" {end}'


def _shown(network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> str:
    return str(network.network_address) if network.prefixlen == network.max_prefixlen else str(network)
