# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter steady.deploy.php_pools."""

from __future__ import annotations

DOCUMENTATION = r"""
name: php_pools
short_description: PHP-FPM pools with every setting filled in and sized from the host's memory
version_added: 0.2.0
author:
  - steady.deploy contributors (@steady)
description:
  - Computes C(pm.max_children) as (memory - reserve - Opcache) / memory of a child, and says how.
  - The role P(steady.deploy.php_fpm#role) uses it. Pools have the keys of its variable C(php_fpm_pools).
options:
  _input:
    description: The pools.
    type: list
    elements: dict
    required: true
  memory_mb:
    description: Memory of the host, in MiB.
    type: int
    required: true
  reserve_mb:
    description: MiB kept for everything else. V(0) keeps a quarter, at least 512, and what O(taken) says.
    type: int
    default: 0
  taken:
    description: MiB that a database or Redis on the same host takes, by its name.
    type: dict
    default: {}
  opcache_mb:
    description: MiB of Opcache, which all pools share.
    type: int
    default: 0
  reload_timeout:
    description: Seconds a reload waits for requests. No pool may have longer ones.
    type: int
    required: true
  sections:
    description: Names of pools that others have put on the host.
    type: list
    elements: str
    default: []
  ini:
    description: Settings of php.ini for all pools.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: How many children the shop may have is told
  ansible.builtin.debug:
    msg: "{{ ([{'name': 'shop', 'child_mb': 80}] | steady.deploy.php_pools(memory_mb=4096, reload_timeout=90))['explained'] }}"
"""

RETURN = r"""
_value:
  description: >-
    C(pools), those that are to be there, with all their keys, C(explained), a line of text for each, C(ini_lines), the
    lines of the php.ini file, and C(refused), the sentence that says why it can't be, or an empty text.
  type: dict
"""

from ansible.errors import AnsibleFilterError

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import SteadyError
from ansible_collections.steady.deploy.plugins.module_utils.php.pools import Host, report
from ansible_collections.steady.deploy.plugins.module_utils.php.sizing import Memory


def _php_pools(pools, memory_mb, reload_timeout, reserve_mb=0, opcache_mb=0, sections=(), ini=None, taken=None):
    try:
        others = {name: int(size) for name, size in (taken or {}).items()}
        memory = Memory(int(memory_mb), int(reserve_mb), int(opcache_mb), others)
        return report(pools, Host(memory, int(reload_timeout), list(sections), ini or {}))
    except (SteadyError, TypeError, ValueError) as exc:
        raise AnsibleFilterError(f"php_pools: {exc}") from None


class FilterModule:
    """The filter by its name."""

    def filters(self):
        """Name -> function."""
        return {"php_pools": _php_pools}
