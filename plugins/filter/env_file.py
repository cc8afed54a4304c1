# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter steady.deploy.env_file."""

from __future__ import annotations

DOCUMENTATION = r"""
name: env_file
short_description: The text of an environment file that gives Compose exactly these values
version_added: 0.2.0
author:
  - steady.deploy contributors (@steady)
description:
  - Quotes and escapes, so that any text survives C(docker compose), be it with quotes, C($), C(#), backslashes or line breaks.
  - Booleans become V(true) and V(false), none an empty text, lists and mappings JSON.
options:
  _input:
    description: The environment, by name.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: The environment is on the host
  ansible.builtin.copy:
    content: "{{ shop_env | steady.deploy.env_file }}"
    dest: /srv/shop/.env
    mode: "0600"
  no_log: true
"""

RETURN = r"""
_value:
  description: One line for each variable, by name.
  type: str
"""

from ansible.errors import AnsibleFilterError

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import SteadyError
from ansible_collections.steady.deploy.plugins.module_utils.env.text import env_file


def _env_file(env):
    try:
        return env_file(env)
    except SteadyError as exc:
        raise AnsibleFilterError(exc.message) from None


class FilterModule:
    """The filter by its name."""

    def filters(self):
        """Name -> function."""
        return {"env_file": _env_file}
