# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file an Nginx edge reads for one app: written and read back here, without touching the disk.

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
#   written: {written}
"""

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
    127.0.0.1 "{release}";
    ::1       "{release}";
}}
map $remote_addr ${variable}_upstream {{
    default   "";
    127.0.0.1 $upstream_addr;
    ::1       $upstream_addr;
}}
# For the access log.
map "" ${variable}_served {{
    default   "{release}";
}}
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
    release = served.release or NO_RELEASE
    parts = [_HEADER.format(app=served.app, release=release, written=written)]
    for upstream in served.upstreams:
        options = _SINGLE if len(upstream.ports) == 1 else _SEVERAL
        lines = [f"    server 127.0.0.1:{port}{options};" for port in upstream.ports]
        name = upstream_name(served.app, upstream.service)
        parts.append(_UPSTREAM.format(name=name, servers="\n".join(lines) or _PLACEHOLDER))
    parts.append(_MAPS.format(variable=variable_name(served.app), release=release))
    return "".join(parts)


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
    ("server", re.compile(r"server 127\.0\.0\.1:(\d{1,5})( [a-z_]+=\w+)*;\Z")),
    ("placeholder", re.compile(r"server 127\.0\.0\.1:9 down;\Z")),
    ("map", re.compile(r'map (?:\$remote_addr|"") \$(\w+) \{\Z')),
    ("shown", re.compile(r'(?:127\.0\.0\.1|::1|default) +"([^"]+)";\Z')),
    ("rest", re.compile(r"(?:127\.0\.0\.1|::1) +\$upstream_addr;\Z|default +\"\";\Z|zone \S+ \w+;\Z|keepalive\w* [^;{}]+;\Z")),
    ("end", re.compile(r"\}\Z")),
    ("comment", re.compile(r"#|\Z")),
)


def parse(text: str, path: str, app: str) -> Served:
    """What a file says. Raises EdgeError naming file and line where it is not as ``render`` wrote it."""
    found: dict[str, str] = {}
    ports: dict[str, list[int]] = {}
    inside = ""
    for number, line in enumerate(text.splitlines(), 1):
        kind, value = _statement(line.strip())
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
        elif kind == "shown" and value != found.get("release"):
            raise _damaged(path, f"line {number} shows release '{value}', the header says '{found.get('release', '')}'")
    if inside:
        raise _damaged(path, f"it ends inside '{inside}'")
    if found.get("app") != app or "release" not in found:
        raise _damaged(path, f"its header does not name the app '{app}' and a release")
    upstreams = tuple(Upstream(name[len(app) + 1 :], tuple(numbers)) for name, numbers in ports.items())
    served = Served(app, None if found["release"] == NO_RELEASE else found["release"], upstreams)
    try:
        _check(served)
    except SpecError as exc:
        raise _damaged(path, exc.message) from exc
    return served


def _statement(line: str) -> tuple[str, str]:
    for kind, pattern in _STATEMENTS:
        match = pattern.match(line)
        if match:
            return kind, t.cast(str, match.group(1)) if kind not in ("rest", "end", "comment", "placeholder") else ""
    return "", ""


def _damaged(path: str, what: str) -> EdgeError:
    return EdgeError(f"{path} was changed by hand or damaged: {what}; undo that change and run again")
