#!/usr/bin/python
# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module steady.deploy.rollout_info."""

from __future__ import annotations

DOCUMENTATION = r"""
module: rollout_info
short_description: Tell which releases of an app are on a host and which one is served
version_added: 0.1.0
author:
  - steady.deploy contributors (@steady)
description:
  - Tells which release of an app the edge serves, which releases are kept, their containers, who holds the app's lock,
    and the last entries of its journal.
extends_documentation_fragment:
  - steady.deploy.attributes
attributes:
  check_mode:
    support: full
    details:
      - The module changes nothing.
  diff_mode:
    support: N/A
    details:
      - The module changes nothing.
  idempotent:
    support: full
options:
  app:
    description: The app's name.
    type: str
    required: true
  state_dir:
    description: Where the host keeps what it knows of apps.
    type: path
    default: /var/lib/steady
  upstream_file:
    description: The edge's file for the app. Without it, V(/etc/nginx/steady/<app>.conf).
    type: path
  journal_entries:
    description: How many of the journal's last entries to return.
    type: int
    default: 20
seealso:
  - module: steady.deploy.rollout
"""

EXAMPLES = r"""
- name: Look at the hotel
  steady.deploy.rollout_info:
    app: hotel
  register: hotel

- name: Show the served release
  ansible.builtin.debug:
    msg: "{{ hotel.served }}"
"""

RETURN = r"""
app:
  description: The app's name.
  returned: success
  type: str
served:
  description: The release that the edge serves, or null.
  returned: success
  type: str
releases:
  description:
    - The releases on the host. Complete ones come first, the one that was served last at the top.
    - Each has C(id), C(created) (seconds since the epoch), C(complete), C(served), C(images), C(pins) and C(ports).
  returned: success
  type: list
  elements: dict
containers:
  description: The app's containers with C(name), C(service), C(kind), C(release), C(status), C(health), C(restarts) and C(ports).
  returned: success
  type: list
  elements: dict
lock:
  description: Who holds the lock (C(owner), C(host), C(pid), C(since), C(heartbeat)), or null.
  returned: success
  type: dict
unfinished:
  description: Whether the last rollout was cut short. The next run finishes or undoes it.
  returned: success
  type: bool
journal:
  description: The last entries of the journal, oldest first.
  returned: success
  type: list
  elements: dict
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.steady.deploy.plugins.module_utils.commands.info import look
from ansible_collections.steady.deploy.plugins.module_utils.core.clock import SystemClock
from ansible_collections.steady.deploy.plugins.module_utils.core.errors import SteadyError


def main():
    """Read the parameters, look, tell the result."""
    module = AnsibleModule(
        argument_spec={
            "app": {"type": "str", "required": True},
            "state_dir": {"type": "path", "default": "/var/lib/steady"},
            "upstream_file": {"type": "path"},
            "journal_entries": {"type": "int", "default": 20},
        },
        supports_check_mode=True,
    )
    try:
        result = look(module.params, SystemClock())
    except SteadyError as exc:
        module.fail_json(msg=exc.message, **exc.facts)
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
