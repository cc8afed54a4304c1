"""TLS on a connected socket: which settings, and what its failure is called."""

from __future__ import annotations

import functools
import ssl
from collections.abc import Awaitable
from typing import TypeVar

from .errors import ExchangeFailed, errno_text

Opened = TypeVar("Opened")


@functools.cache
def context(ca: str | None, http2: bool = False) -> ssl.SSLContext:
    """Client settings: HTTP/1.1 or HTTP/2, and certificates checked against the file ``ca``, or not at all without one.

    Not checked is right for a load: it goes to loopback and own containers, whose first certificates are self-signed.
    """
    made = ssl.create_default_context(cafile=ca) if ca else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if not ca:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    made.set_alpn_protocols(["h2" if http2 else "http/1.1"])
    return made


async def shaken(handshake: Awaitable[Opened]) -> Opened:
    """The outcome of what shakes hands. Raises `ExchangeFailed`, also for a certificate that is not the right one."""
    try:
        return await handshake
    except ssl.SSLError as exc:
        raise ExchangeFailed("handshake_failed", f"TLS: {exc.reason or exc}") from exc
    except TimeoutError as exc:
        raise ExchangeFailed("connect_timeout", "TLS: no whole handshake in time") from exc
    except OSError as exc:
        raise ExchangeFailed("handshake_failed", f"TLS: {errno_text(exc)}") from exc
