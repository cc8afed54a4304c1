# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a smoke test is: pure data, read from parameters. Times in seconds.

Texts may hold ``${name}``, filled when they are used: ``interpolate.py`` says how.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

# How the body of a request is written, and the Content-Type that goes with it.
CONTENT_TYPES = {"json": "application/json", "form": "application/x-www-form-urlencoded", "body": "text/plain; charset=utf-8"}
CAPTURES = ("jmespath", "regex", "header", "cookie")


@dataclass(frozen=True)
class Request:
    """One request. ``target`` is a path on the service, or an absolute URL; ``encoding`` is one of CONTENT_TYPES, or empty."""

    target: str
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    encoding: str = ""
    content: t.Any = None
    timeout: float = 5.0
    follow: bool = False


@dataclass(frozen=True)
class HeaderRule:
    """A header that the answer must have: equal to ``value``, or matching it as a regular expression."""

    name: str
    value: str
    regex: bool = False


@dataclass(frozen=True)
class JmespathRule:
    """What an expression must find in the JSON body: something true, or exactly ``value``."""

    expression: str
    value: t.Any = None
    exact: bool = False


@dataclass(frozen=True)
class Expect:
    """What the answer must be. Without ``status`` any from 200 to 299 is good."""

    status: tuple[int, ...] = ()
    headers: tuple[HeaderRule, ...] = ()
    body: str | None = None
    regex: str | None = None
    jmespath: tuple[JmespathRule, ...] = ()


@dataclass(frozen=True)
class Capture:
    """A value taken out of the answer under ``name``; ``by`` is one of CAPTURES."""

    name: str
    by: str
    what: str


@dataclass(frozen=True)
class Wait:
    """The request is repeated every ``interval`` until the answer is as expected, for ``timeout`` at most."""

    timeout: float
    interval: float


@dataclass(frozen=True)
class Step:
    """A request and what is expected of its answer. ``wait`` None means that it is sent once."""

    name: str
    request: Request
    expect: Expect = Expect()
    captures: tuple[Capture, ...] = ()
    wait: Wait | None = None


@dataclass(frozen=True)
class Scenario:
    """Steps in order, with cookies and captured values of their own. ``service`` None means the first edge service."""

    name: str
    steps: tuple[Step, ...]
    service: str | None = None
