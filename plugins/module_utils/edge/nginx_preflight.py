# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a host's Nginx is fit for a shift: what is refused, and what only can't be promised."""

from __future__ import annotations

import os
import re
import urllib.parse

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import PreflightError
from ansible_collections.steady.deploy.plugins.module_utils.edge import nginx_config
from ansible_collections.steady.deploy.plugins.module_utils.edge.upstream_file import variable_name
from ansible_collections.steady.deploy.plugins.module_utils.probe.wording import show


def check_address(url: str, host: str | None) -> None:
    """Refuse a ``url`` or a ``host`` that no request can be made of."""
    try:
        parts = urllib.parse.urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and bool(re.fullmatch(r"[!-~]+", url))
    except ValueError:
        good = False
    if not good:
        raise PreflightError(
            f"the edge's url {show(url)} is not one: give it as http://127.0.0.1/ or https://127.0.0.1/, with a path if needed"
        )
    if host is not None and not re.fullmatch(r"[!-.0-~]+", host):
        raise PreflightError(f"the edge's host {show(host)} is no host name")


def check_included(configuration: nginx_config.Config, app: str, file: str) -> None:
    """Refuse an app's upstream ``file`` that Nginx does not read, or whose variables another file sets too."""
    real = os.path.realpath(file)
    if not any(os.path.realpath(one) == real for one in configuration.files):
        raise PreflightError(
            f"Nginx's configuration does not include {file}: add 'include {os.path.dirname(file)}/*.conf;' to its http block, "
            "or run the role nginx"
        )
    variable = variable_name(app) + "_release"
    others = [one for one in configuration.defines_variable(variable) if os.path.realpath(one) != real]
    if others:
        raise PreflightError(
            f"the Nginx variable ${variable} of the app '{app}' is also set in {others[0]}: "
            "another app has nearly the same name; rename one of them"
        )


def check_holds(configuration: nginx_config.Config, app: str) -> None:
    """Refuse to hold requests where no vhost would include what holds them."""
    if not any(one.args and one.args[0].endswith(f"steady/{app}.hol[d]") for one in configuration.named("include")):
        raise PreflightError(
            f"requests of {app} can't be held: its vhost does not include steady/{app}.hol[d]; run the role nginx, or add "
            f"'include steady/{app}.hol[d];' to its server block"
        )


def warnings(version: tuple[int, ...], configuration: nginx_config.Config) -> list[str]:
    """What this Nginx can't promise, a sentence each."""
    lost = (
        "so zero failed requests can't be promised: each reload closes users' idle keep-alive connections, "
        "and a request that is just on its way on one of them fails"
    )
    if version < nginx_config.GRACEFUL:
        return [f"Nginx {_dotted(version)} is older than {_dotted(nginx_config.GRACEFUL)}, {lost}"]
    if not configuration.keepalive_min_timeout()[1]:
        return [f"Nginx's http block sets no 'keepalive_min_timeout', {lost}; the role nginx sets it"]
    return []


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
