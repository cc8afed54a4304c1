# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter steady.deploy.nginx_refused."""

from __future__ import annotations

DOCUMENTATION = r"""
name: nginx_refused
short_description: What speaks against serving these apps by Nginx
version_added: 0.2.0
author:
  - steady.deploy contributors (@steady)
description:
  - Finds what Nginx or a browser would stumble over, before anything is changed. The role P(steady.deploy.nginx#role) uses it.
options:
  _input:
    description: The apps, as in the role's variable C(nginx_apps).
    type: list
    elements: dict
    required: true
  settings:
    description: >-
      What holds for all apps: C(listen), C(listen_tls), C(environment), C(headers), C(metrics), C(proxies), C(profile),
      C(includes) and C(brotli), as in the role's variables, and C(uris) of the APT source.
    type: dict
    default: {}
  host:
    description: What M(steady.deploy.nginx_info) found on the host, with its C(name). Without it the host is not looked at.
    type: dict
  check:
    description: Whether this is a check, in which certificates may still be missing.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: The shop can be served
  ansible.builtin.assert:
    that: shop_refused | length == 0
    fail_msg: "{{ shop_refused | join(' ') }}"
  vars:
    shop_refused: "{{ nginx_apps | steady.deploy.nginx_refused({'listen': ['80']}) }}"
"""

RETURN = r"""
_value:
  description: A sentence for each thing. Empty where nothing speaks against it.
  type: list
  elements: str
"""

from ansible.errors import AnsibleFilterError

from ansible_collections.steady.deploy.plugins.module_utils.nginx.fit import unfit
from ansible_collections.steady.deploy.plugins.module_utils.nginx.wish import Settings, refused


def _nginx_refused(apps, settings=None, host=None, check=False):
    rest = dict(settings or {})
    profile, includes = rest.pop("profile", "intermediate"), rest.pop("includes", [])
    try:
        found = refused(apps, Settings(**rest))
    except (AttributeError, TypeError) as exc:
        raise AnsibleFilterError(f"nginx_refused: {exc}") from None
    return found or (unfit(apps, host, profile, includes, check) if host else [])


class FilterModule:
    """The filter by its name."""

    def filters(self):
        """Name -> function."""
        return {"nginx_refused": _nginx_refused}
