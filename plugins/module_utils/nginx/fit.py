# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a host, as it was looked at, can serve what is wished for. Pure: a sentence for each thing that speaks against it."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.nginx.wish import App, present

# Before it, the first vhost of a port decides on the versions of TLS for all of them.
_OWN_PROTOCOLS = (1, 29, 2)


def unfit(apps: t.Sequence[App], host: t.Mapping[str, t.Any], profile: str, includes: t.Sequence[str], check: bool) -> list[str]:
    """What speaks against a host. In check mode certificates may be made later in the same run."""
    name = host["name"]
    found = []
    if host["problem"]:
        found.append(f"Nginx's configuration on {name} is broken already, and nothing was changed. Repair it first: {host['problem']}")
    if host["vhosts_of_others"] and not any(re.match("sites-enabled/", one) for one in includes):
        found.append(
            f"/etc/nginx/sites-enabled on {name} has vhosts ({', '.join(host['vhosts_of_others'])}) that would not be served any more. "
            "Move them to conf.d, or list them in nginx_includes (without the package's file default)."
        )
    for place, program in host["held"].items():
        found.append(f"{place} on {name} is held by {program}, so Nginx can't listen there: stop that, or choose another one for Nginx.")
    for app in present(apps):
        lacking = (host["certificates"].get(app.get("tls") or "") or {}).get("missing")
        if lacking and not check:
            found.append(
                f"nginx_apps: the app '{app['name']}' has tls '{app['tls']}', but {name} has no {' and no '.join(lacking)}: "
                "list the certificate in the role tls, and run that before."
            )
        version = tuple(int(part) for part in str(host["version"]).split(".") if part.isdigit())
        if app.get("tls") and app.get("tls_profile", profile) != profile and version and version < _OWN_PROTOCOLS:
            found.append(
                f"nginx_apps: the app '{app['name']}' has a tls_profile of its own, which needs Nginx 1.29.2; {name} has "
                f"{host['version']}. Set nginx_tls_profile for all of them."
            )
    return found
