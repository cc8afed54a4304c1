"""Errors of the load generator itself. What goes wrong at the server is counted, never raised."""

from __future__ import annotations


class LoadError(Exception):
    """The load cannot be run or ended early; the message says what is wrong and what to do."""


class TargetRefused(LoadError):
    """The target is neither loopback nor a container address that was allowed on purpose."""


class ExchangeFailed(Exception):
    """A request that got no whole response. `kind` is one of `result.KINDS`."""

    def __init__(self, kind: str, detail: str, first_bytes: bytes = b"") -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.first_bytes = first_bytes


class Unprocessed(Exception):
    """The server said that it did not begin with the request (RFC 9113, 6.8 and 8.7): every browser sends it again."""


def errno_text(exc: BaseException) -> str:
    """An error of the system in its own words."""
    return getattr(exc, "strerror", None) or type(exc).__name__
