# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file an Nginx edge reads for one app: written and read back here, without touching the disk.

While a release is rolled to, replica by replica, the file names the release of each port that is still of another.

It belongs in Nginx's http context and holds one ``upstream <app>_<service>`` per traffic-taking service and two
variables for the vhost's verification headers: which release is served, and which replica answered. Both are empty
for every client but those on the host itself.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import EdgeError, SpecError
from ansible_collections.steady.deploy.plugins.module_utils.edge.base import Served, Upstream

# What the header says where no release is served yet.
NO_RELEASE = "none"

# A replica that fails 3 times within a second is left out for a second, then tried again. Nginx's own default (1
# failure, 10 s) would turn one hiccup of the last healthy replica into ten seconds of "no live upstreams".
_SEVERAL = " max_fails=3 fail_timeout=1s"
# There is nobody else to ask.
_SINGLE = " max_fails=0"
# Nobody listens on the discard port: a service without replicas answers 502 and leaves the configuration valid.
_PLACEHOLDER = "    server 127.0.0.1:9 down;"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\Z")
_RELEASE = re.compile(r"[A-Za-z0-9._-]+\Z")

_HEADER = """\
# Managed by steady.deploy: the next rollout replaces this file, so do not edit it.
#   app:     {app}
#   release: {release}
{rolling}#   written: {written}
"""
_ROLLING = "#   rolling: from {others}, servers of which say so; the others are of release {release}\n"

_UPSTREAM = """
upstream {name} {{
    zone {name} 64k;
{servers}
    # Shorter than the idle timeout of common application servers, so that none closes a connection just being reused.
    keepalive_timeout 1s;
}}
"""

_MAPS = """
# For the headers X-Steady-Release and X-Steady-Upstream of the vhost. Only this host's own requests see a value.
map $remote_addr ${variable}_release {{
    default   "";
    127.0.0.1 "{shown}";
    ::1       "{shown}";
}}
map $remote_addr ${variable}_upstream {{
    default   "";
    127.0.0.1 $upstream_addr;
    ::1       $upstream_addr;
}}
# For the access log: the release that answered.
map {answered} ${variable}_served {{
    default   "{release}";
{others}}}
"""


def upstream_name(app: str, service: str) -> str:
    """The name that the vhost passes requests to: ``proxy_pass http://<name>;``."""
    return f"{app}_{service}"


def variable_name(app: str) -> str:
    """The common start of the app's two Nginx variables, without ``$``."""
    return "steady_" + re.sub(r"[^A-Za-z0-9]", "_", app)


def render(served: Served, written: str) -> str:
    """The file's text. ``written`` is a moment for people; everything else follows from ``served`` alone."""
    _check(served)
    others = served.others()
    parts = [_header(served, written)]
    for upstream in served.upstreams:
        options = _SINGLE if len(upstream.ports) == 1 else _SEVERAL
        lines = [f"    server 127.0.0.1:{port}{options};{_mark(others.get(port))}" for port in upstream.ports]
        name = upstream_name(served.app, upstream.service)
        parts.append(_UPSTREAM.format(name=name, servers="\n".join(lines) or _PLACEHOLDER))
    parts.append(_maps(served.app, served.release or NO_RELEASE, shown(served), others))
    return "".join(parts)


def _header(served: Served, written: str) -> str:
    release, others = served.release or NO_RELEASE, served.others()
    rolling = _ROLLING.format(others=", ".join(dict.fromkeys(others.values())), release=release) if others else ""
    return _HEADER.format(app=served.app, release=release, rolling=rolling, written=written)


def _maps(app: str, release: str, header: str, others: t.Mapping[int, str]) -> str:
    # Of several replicas that were tried, the last one answered.
    by_port = "".join(f'    "~:{port}$" "{other}";\n' for port, other in others.items())
    answered = "$upstream_addr" if others else '""'
    return _MAPS.format(variable=variable_name(app), release=release, shown=header, answered=answered, others=by_port)


def shown(served: Served) -> str:
    """What the vhost's header says of it: the release, and the ports of others, so that no two states of a rolling look alike."""
    others = served.others()
    return (served.release or NO_RELEASE) + (f" beside {','.join(map(str, others))}" if others else "")


def _mark(other: str | None) -> str:
    return f" # of release {other}" if other else ""


def _check(served: Served) -> None:
    if not _NAME.match(served.app):
        raise SpecError(f"app name '{served.app}' can't be used in an Nginx configuration: use letters, digits, '-', '_' and '.'")
    if served.release is not None and (not _RELEASE.match(served.release) or served.release == NO_RELEASE):
        raise SpecError(f"release id '{served.release}' can't be used in an Nginx configuration")
    seen: set[str] = set()
    for upstream in served.upstreams:
        if not _NAME.match(upstream.service):
            raise SpecError(
                f"service name '{upstream.service}' can't be used in an Nginx configuration: use letters, digits, '-', '_' and '.'"
            )
        for port, other in upstream.others:
            if port not in upstream.ports or not _RELEASE.match(other) or other in (NO_RELEASE, served.release):
                raise SpecError(f"service '{upstream.service}' has port {port} of release '{other}', which the edge can't tell")
        if upstream.service in seen:
            raise SpecError(f"service '{upstream.service}' is named twice for the edge")
        seen.add(upstream.service)
        if len(set(upstream.ports)) != len(upstream.ports) or not all(0 < port < 65536 for port in upstream.ports):
            raise SpecError(f"service '{upstream.service}' has ports the edge can't use: {', '.join(map(str, upstream.ports))}")


def same(text: str | None, other: str) -> bool:
    """Whether two texts say the same, whenever they were written."""
    return text is not None and _dateless(text) == _dateless(other)


def _dateless(text: str) -> str:
    return re.sub(r"(?m)^#   written: .*\n", "", text)


_STATEMENTS = (
    ("app", re.compile(r"#   app: +(\S+)\Z")),
    ("release", re.compile(r"#   release: +(\S+)\Z")),
    ("upstream", re.compile(r"upstream (\S+) \{\Z")),
    ("server", re.compile(r"server 127\.0\.0\.1:(\d{1,5})(?: [a-z_]+=\w+)*;(?: # of release (\S+))?\Z")),
    ("placeholder", re.compile(r"server 127\.0\.0\.1:9 down;\Z")),
    ("map", re.compile(r'map (?:\$remote_addr|\$upstream_addr|"") \$(\w+) \{\Z')),
    ("shown", re.compile(r'(?:127\.0\.0\.1|::1|default) +"([^"]+)";\Z')),
    ("other", re.compile(r'"~:(\d{1,5})\$" "([^"]+)";\Z')),
    ("rest", re.compile(r"(?:127\.0\.0\.1|::1) +\$upstream_addr;\Z|default +\"\";\Z|zone \S+ \w+;\Z|keepalive\w* [^;{}]+;\Z")),
    ("end", re.compile(r"\}\Z")),
    ("comment", re.compile(r"#|\Z")),
)


def parse(text: str, path: str, app: str) -> Served:
    """What a file says. Raises EdgeError naming file and line where it is not as ``render`` wrote it."""
    found: dict[str, str] = {}
    ports: dict[str, list[int]] = {}
    others: dict[int, str] = {}
    headers: list[tuple[int, str]] = []
    inside = ""
    for number, line in enumerate(text.splitlines(), 1):
        kind, value, other = _statement(line.strip())
        opens = kind in ("upstream", "map")
        if not kind or (opens and inside) or (kind in ("server", "placeholder") and not inside.startswith("upstream")):
            raise _damaged(path, f"line {number} is not what a rollout writes: {line.strip()[:80]!r}")
        if opens:
            inside = f"{kind} {value}"
        if kind == "end":
            inside = ""
        elif kind in ("app", "release"):
            found.setdefault(kind, value)
        elif kind == "upstream":
            if not value.startswith(f"{app}_") or value in ports:
                raise _damaged(path, f"line {number} has an upstream that is not one of the app '{app}': {value}")
            ports[value] = []
        elif kind == "server":
            ports[inside.split()[1]].append(int(value))
            if other:
                others[int(value)] = other
        elif kind == "other" and others.get(int(value)) != other:
            raise _damaged(path, f"line {number} says port {value} is of release '{other}', its server says otherwise")
        elif kind == "shown":
            headers.append((number, value))
    if inside:
        raise _damaged(path, f"it ends inside '{inside}'")
    if found.get("app") != app or "release" not in found:
        raise _damaged(path, f"its header does not name the app '{app}' and a release")
    upstreams = tuple(
        Upstream(name[len(app) + 1 :], tuple(numbers), tuple((port, others[port]) for port in numbers if port in others))
        for name, numbers in ports.items()
    )
    served = Served(app, None if found["release"] == NO_RELEASE else found["release"], upstreams)
    try:
        _check(served)
    except SpecError as exc:
        raise _damaged(path, exc.message) from exc
    for number, value in headers:
        if value not in (found["release"], shown(served)):
            raise _damaged(path, f"line {number} shows release '{value}', the header says '{found['release']}'")
    return served


def _statement(line: str) -> tuple[str, str, str]:
    """What kind of line it is, and what it says: one or two values."""
    for kind, pattern in _STATEMENTS:
        match = pattern.match(line)
        if match:
            first, second = (match.groups("") + ("", ""))[:2]
            return kind, first, second
    return "", "", ""


def _damaged(path: str, what: str) -> EdgeError:
    return EdgeError(f"{path} was changed by hand or damaged: {what}; undo that change and run again")
