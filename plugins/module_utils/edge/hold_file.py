# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Nginx reads while requests are held: written and read back here, without touching the disk.

Nginx asks before it passes a request on (``auth_request``), and whom it asks is a Unix socket of ours. Where nobody
listens, or the bound has passed, it passes the request on by itself.
"""

from __future__ import annotations

import re

from ansible_collections.steady.deploy.plugins.module_utils.edge.base import Served, Upstream
from ansible_collections.steady.deploy.plugins.module_utils.edge.upstream_file import render, variable_name

_INCLUDED = """\
# Managed by steady.deploy: requests are held while this file is here. The rollout that wrote it removes it, or the next one does.
auth_request /.steady-hold;
# Let through, and nobody there yet.
error_page 502 = @steady-nobody;

location = /.steady-hold {{
    internal;
    proxy_pass http://unix:{socket}:/;
    proxy_pass_request_body off;
    proxy_pass_request_headers off;
    proxy_set_header Host steady-hold;
    proxy_set_header Content-Length "";
    proxy_set_header X-Steady-Uri $request_uri;
    proxy_read_timeout {bound}ms;
    error_page 502 504 = @steady-pass;
}}
location @steady-pass {{
    return 204;
}}
location @steady-nobody {{
    add_header X-Steady-Release ${variable}_release always;
    add_header Retry-After 5 always;
    add_header Cache-Control no-store always;
    return 503;
}}
"""

_KEPT = "#| "
# What headers and access log say of requests in a hold instead of a release: their times are those of no release.
HELD = "held"
# Nginx asks three servers at most, and the last of them must be the one that is up.
_COMING = 2
# The discard port, where nobody listens.
_NOBODY = 9


def included(path: str, bound: float, served: Served, written: str) -> str:
    """What the vhost includes during a hold: ask at the Unix socket ``path``, at most ``bound`` seconds a request.

    What is ``served`` is kept in comments, so that no run that is killed loses it. The answer where nobody is there says
    whose vhost it is, so that the run that follows a killed one finds it sound.
    """
    text = _INCLUDED.format(socket=path, bound=max(1, int(bound * 1000)), variable=variable_name(served.app))
    return text + "".join(f"{_KEPT}{line}\n" for line in render(served, written).splitlines())


def kept(text: str) -> str:
    """The app's upstream file as it was before the hold, from the text that the vhost includes."""
    return "".join(line[len(_KEPT) :] + "\n" for line in text.splitlines() if line.startswith(_KEPT))


def passing(served: Served, coming: Served, written: str) -> str:
    """The app's upstream file during a hold: who is let through reaches ``coming`` where that is up, else ``served``."""
    then, now = coming.ports(), served.ports()
    first = {service: then.get(service, ())[:_COMING] or (_NOBODY,) for service in {**then, **now}}
    upstreams = tuple(
        Upstream(service, ports + tuple(port for port in now.get(service, ()) if port not in ports)) for service, ports in first.items()
    )
    text = render(Served(served.app, HELD, upstreams), written)
    primary = {port for ports in first.values() for port in ports}

    def server(match: re.Match[str]) -> str:
        return f"{match[1]} max_fails=0{'' if int(match[2]) in primary else ' backup'};"

    # Only who says no at once is passed over, and at every request anew.
    return re.sub(r"(?m)^( *server 127\.0\.0\.1:(\d+))\b.*;", server, text).replace(f":{_NOBODY} max_fails=0;", f":{_NOBODY} down;")
