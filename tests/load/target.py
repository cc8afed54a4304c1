"""The rule of where load may go: loopback, or a container's private address given on purpose."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from .errors import TargetRefused

# Not `is_private`: that also covers link-local, benchmarking and other ranges no container has.
_CONTAINER_NETS = tuple(ipaddress.ip_network(net) for net in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"))


@dataclass(frozen=True)
class Target:
    """Where connections go (a literal address, so that no resolver can point elsewhere)."""

    address: str
    port: int
    path: str
    authority: str  # the Host header that the URL alone would give
    secure: bool = False  # whether TLS is spoken


def parse_target(url: str, allow_container: bool = False) -> Target:
    """Check `url` and return its `Target`.

    Raises `TargetRefused` for anything but HTTP or HTTPS to loopback, or, with
    `allow_container`, to a private IPv4 or IPv6 address.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError as exc:
        raise TargetRefused(f"The URL {url!r} cannot be read: {exc}. Give one like http://127.0.0.1:8080/.") from exc
    if parts.scheme not in ("http", "https"):
        raise TargetRefused(f"The URL {url!r} is neither HTTP nor HTTPS. Give one like http://127.0.0.1:8080/.")
    if parts.username is not None or parts.password is not None:
        raise TargetRefused(f"The URL {url!r} carries credentials. Send them as headers of a shape.")
    name = parts.hostname or ""
    # The name is mapped here and not by a resolver, whose answer could be any address.
    literal = "127.0.0.1" if name == "localhost" else name
    try:
        address = ipaddress.ip_address(literal)
    except ValueError as exc:
        raise TargetRefused(f"The host {name!r} is not an IP address. Load goes to 127.0.0.1 (set the Host header with `host`).") from exc
    in_container_net = any(address in net for net in _CONTAINER_NETS if net.version == address.version)
    if not address.is_loopback and not in_container_net:
        raise TargetRefused(f"The address {name} is neither loopback nor private. Load goes to 127.0.0.1 or own containers.")
    if not address.is_loopback and not allow_container:
        raise TargetRefused(
            f"The address {name} is private, not loopback. If it is a container that this test started, set allow_container=True."
        )
    path = parts.path or "/"
    if parts.query:
        path += "?" + parts.query
    return Target(address=str(address), port=port, path=path, authority=parts.netloc, secure=parts.scheme == "https")
