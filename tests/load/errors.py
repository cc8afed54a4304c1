"""Errors of the load generator itself. What goes wrong at the server is counted, never raised."""

from __future__ import annotations


class LoadError(Exception):
    """The load cannot be run or ended early; the message says what is wrong and what to do."""


class TargetRefused(LoadError):
    """The target is neither loopback nor a container address that was allowed on purpose."""
