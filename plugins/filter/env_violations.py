# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter steady.deploy.env_violations."""

from __future__ import annotations

DOCUMENTATION = r"""
name: env_violations
short_description: What is wrong with an environment, by the schema that the app declares
version_added: 0.2.0
author:
  - steady.deploy contributors (@steady)
description:
  - Compares an app's environment with a schema and tells all violations at once, each with what to do about it.
  - The value of a variable with C(secret) is never told, nor a password within a URL.
  - A variable without a rule is told as a warning, or as a violation where the schema says C(additional=false).
positional: schema
options:
  _input:
    description: The environment, by name.
    type: dict
    required: true
  schema:
    description: What the app declares.
    type: dict
    required: true
    suboptions:
      environments:
        description: The names that O(environment) can have. Needed where a variable has C(in).
        type: list
        elements: str
      additional:
        description: Whether variables without a rule are let through, with a warning.
        type: bool
        default: true
      variables:
        description: The rules, by name of the variable.
        type: dict
        suboptions:
          type:
            description: What the value must be. All ways to write a boolean are one for C(allowed) and C(forbidden).
            type: str
            choices: [string, integer, boolean, url, email, host, port, duration]
            default: string
          required:
            description: Whether it must be there and not be empty.
            type: bool
            default: false
          secret:
            description: Whether its value must never be told.
            type: bool
            default: false
          allowed:
            description: The values it may have.
            type: list
            elements: str
          forbidden:
            description: Values it may not have.
            type: list
            elements: str
          schemes:
            description: With type V(url), the schemes it may have.
            type: list
            elements: str
          pattern:
            description: A regular expression that the whole value must match.
            type: str
          min_length:
            description: The least number of characters.
            type: int
          separator:
            description: Where the value is a list, what separates its parts. Each part is checked for itself.
            type: str
          hint:
            description: What to give, in the app's words. It ends the sentence about a violation.
            type: str
          in:
            description: Rules that differ in an environment, by its name. Same keys as beside it, without C(in).
            type: dict
  environment:
    description: Which environment this is, V(production) for instance.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: The environment is as the app wants it
  ansible.builtin.assert:
    that: wrong | length == 0
    fail_msg: "{{ wrong }}"
  vars:
    schema:
      environments: [production, staging]
      additional: false
      variables:
        APP_KEY: {required: true, secret: true, pattern: "base64:.{44}"}
        APP_DEBUG: {type: boolean, in: {production: {forbidden: [true]}}}
        APP_URL: {type: url, required: true, schemes: [https]}
        CORS_ORIGINS: {separator: ",", in: {production: {forbidden: ["*"]}}}
    wrong: "{{ shop_env | steady.deploy.env_violations(schema, 'production') }}"
"""

RETURN = r"""
_value:
  description: One sentence for each violation. Empty when all is well.
  type: list
  elements: str
"""

from ansible.errors import AnsibleFilterError
from ansible.utils.display import Display

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import SteadyError
from ansible_collections.steady.deploy.plugins.module_utils.env.check import check
from ansible_collections.steady.deploy.plugins.module_utils.env.schema import parse_schema


def _env_violations(env, schema, environment=""):
    try:
        found = check(env, parse_schema(schema, environment), environment)
    except SteadyError as exc:
        raise AnsibleFilterError(exc.message) from None
    for sentence in found.unknown:
        Display().warning(f"app_env: {sentence}")
    return list(found.violations)


class FilterModule:
    """The filter by its name."""

    def filters(self):
        """Name -> function."""
        return {"env_violations": _env_violations}
