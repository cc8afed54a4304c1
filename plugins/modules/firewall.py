#!/usr/bin/python
# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module steady.deploy.firewall."""

from __future__ import annotations

DOCUMENTATION = r"""
module: firewall
short_description: Let only named ports of a host be reached, Docker's published ones included
version_added: 0.1.0
author:
  - steady.deploy contributors (@steady)
description:
  - Owns the table C(inet steady) of nftables. Tables of others, such as Docker's, are left alone.
  - Rules that were changed come into force on trial with O(state=present). Unless they are confirmed with O(state=confirmed)
    over a new connection within O(confirm_within), the former ones come back by themselves.
  - The role C(steady.deploy.firewall) does the steps in their order.
extends_documentation_fragment:
  - steady.deploy.attributes
attributes:
  check_mode:
    support: full
    details:
      - The rules are loaded into a network of their own to see whether nft takes them.
  diff_mode:
    support: full
  idempotent:
    support: full
    details:
      - What is in force is compared, not only the file.
options:
  state:
    description:
      - V(present) checks the rules and puts them in force on trial where they are not.
      - V(confirmed) ends the trial, and loads the rules at every boot from now on.
      - V(absent) removes the table and everything else of this module.
    type: str
    choices: [present, confirmed, absent]
    default: present
  ssh_ports:
    description:
      - TCP ports of SSH.
    type: list
    elements: str
    default: ['22']
  ssh_sources:
    description:
      - Addresses and networks that SSH is open to. Empty for all.
    type: list
    elements: str
    default: []
  web_ports:
    description:
      - TCP ports that are open to all.
    type: list
    elements: str
    default: ['80', '443']
  allow:
    description:
      - What else is open.
    type: list
    elements: dict
    default: []
    suboptions:
      port:
        description:
          - A port or a range such as V(8000-8010). For a port that Docker publishes, the one of the host.
        type: str
        required: true
      protocol:
        description:
          - The protocol.
        type: str
        choices: [tcp, udp]
        default: tcp
      sources:
        description:
          - Addresses and networks that it is open to, IPv4 or IPv6. Empty for all.
          - The word V(containers) stands for the containers of this host.
        type: list
        elements: str
        default: []
      comment:
        description:
          - What it is for. It stands beside the rule.
        type: str
        default: ''
  container_interfaces:
    description:
      - Interfaces behind which containers of this host are. A name may end with V(*).
    type: list
    elements: str
    default: [docker0, docker_gwbridge, br-*]
  confirm_within:
    description:
      - Seconds after which rules on trial are taken back, 5 to 600.
    type: int
    default: 45
  force:
    description:
      - Puts rules on trial also where they don't allow the connection that this comes over.
    type: bool
    default: false
seealso:
  - module: ansible.builtin.wait_for_connection
"""

EXAMPLES = r"""
- name: The database is open to the application's hosts
  steady.deploy.firewall:
    allow:
      - {port: 3306, sources: [10.20.0.0/24, "2001:db8:20::/64"], comment: application}
  register: rules
  become: true

- name: A new connection is made
  ansible.builtin.meta: reset_connection

- name: The rules stay
  steady.deploy.firewall:
    state: confirmed
  when: rules is changed and rules.pending
  become: true
"""

RETURN = r"""
in_force:
  description: Whether what was asked for was there already, in the kernel and for the next boot.
  returned: success
  type: bool
pending:
  description: Whether the rules are on trial, and are taken back unless they are confirmed.
  returned: success
  type: bool
installed:
  description: Whether nftables is installed.
  returned: success
  type: bool
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.steady.deploy.plugins.module_utils.commands.firewall import firewall
from ansible_collections.steady.deploy.plugins.module_utils.core.clock import SystemClock
from ansible_collections.steady.deploy.plugins.module_utils.core.errors import SteadyError


def main():
    """Read the parameters, act, tell the result."""
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["present", "confirmed", "absent"], "default": "present"},
            "ssh_ports": {"type": "list", "elements": "str", "default": ["22"]},
            "ssh_sources": {"type": "list", "elements": "str", "default": []},
            "web_ports": {"type": "list", "elements": "str", "default": ["80", "443"]},
            "allow": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "port": {"type": "str", "required": True},
                    "protocol": {"type": "str", "choices": ["tcp", "udp"], "default": "tcp"},
                    "sources": {"type": "list", "elements": "str", "default": []},
                    "comment": {"type": "str", "default": ""},
                },
            },
            "container_interfaces": {"type": "list", "elements": "str", "default": ["docker0", "docker_gwbridge", "br-*"]},
            "confirm_within": {"type": "int", "default": 45},
            "force": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    try:
        result = firewall(module.params, SystemClock(), module.check_mode)
    except SteadyError as exc:
        module.fail_json(msg=exc.message, **exc.facts)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
