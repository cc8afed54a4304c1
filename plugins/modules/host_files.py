#!/usr/bin/python
# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module steady.deploy.host_files."""

from __future__ import annotations

DOCUMENTATION = r"""
module: host_files
short_description: Bring a set of configuration files about in one go
version_added: 0.1.0
author:
  - steady.deploy contributors (@steady)
description:
  - Writes whole files. Folders that are missing are made.
  - All files are compared in one call, which is much faster than a task for each of them.
  - Every candidate is validated before the first file is written. A file that can't be applied makes way for the former one.
extends_documentation_fragment:
  - steady.deploy.attributes
attributes:
  check_mode:
    support: full
    details:
      - Candidates are validated in check mode too.
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  files:
    description: The files, in the order they are written.
    type: list
    elements: dict
    required: true
    suboptions:
      path:
        description: Absolute path.
        type: path
        required: true
      content:
        description: The whole text. Needed with O(files[].state=present).
        type: str
      mode:
        description: Permissions as an octal number.
        type: str
        default: "0644"
      owner:
        description: The user it belongs to, by default the one who runs the module, root as a rule.
        type: str
      group:
        description: The group it belongs to, by default that of the user who runs the module.
        type: str
      state:
        description: Whether the file is there. V(untouched) leaves it as it is, which saves a condition around a list of files.
        type: str
        choices: [present, absent, untouched]
        default: present
      validate:
        description: Command that must succeed for the candidate, whose path takes the place of C(%s). It must change nothing.
        type: list
        elements: str
        default: []
      apply:
        description:
          - Command to run after the file was written or removed.
          - Where it fails, the former file is put back, and the command is run again for that.
        type: list
        elements: str
        default: []
"""

EXAMPLES = r"""
- name: Limits and kernel parameters are set
  steady.deploy.host_files:
    files:
      - path: /etc/security/limits.d/60-app.conf
        content: |
          app soft nofile 65536
      - path: /etc/sysctl.d/60-app.conf
        content: |
          net.core.somaxconn = 4096
        apply: [sysctl, -q, -p, /etc/sysctl.d/60-app.conf]
      - path: /etc/sudoers.d/app
        content: |
          app ALL=(root) NOPASSWD: /usr/bin/systemctl reload app
        mode: "0440"
        validate: [visudo, -cf, "%s"]
"""

RETURN = r"""
paths:
  description: The files that changed, or would change.
  returned: success
  type: list
  elements: str
"""

import os

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import SteadyError
from ansible_collections.steady.deploy.plugins.module_utils.core.runner import SubprocessRunner
from ansible_collections.steady.deploy.plugins.module_utils.host.files import bring_about, compare, parse, validate


def main():
    """Read the parameters, compare, validate, write, tell the result."""
    module = AnsibleModule(
        argument_spec={
            "files": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "path": {"type": "path", "required": True},
                    "content": {"type": "str"},
                    "mode": {"type": "str", "default": "0644"},
                    "owner": {"type": "str"},
                    "group": {"type": "str"},
                    "state": {"type": "str", "choices": ["present", "absent", "untouched"], "default": "present"},
                    "validate": {"type": "list", "elements": "str", "default": []},
                    "apply": {"type": "list", "elements": "str", "default": []},
                },
            },
        },
        supports_check_mode=True,
    )
    runner = SubprocessRunner(os.environ)
    try:
        changes = compare(parse(module.params["files"]))
        validate(changes, runner, module.tmpdir)
        if not module.check_mode:
            bring_about(changes, runner)
    except SteadyError as exc:
        module.fail_json(msg=exc.message, **exc.facts)
    except OSError as exc:
        module.fail_json(msg=f"{exc.filename}: {exc.strerror}")
    result = {"changed": bool(changes), "paths": [change.wanted.path for change in changes]}
    # A play's --diff shows what a module returns, even of a task that says `diff: false`.
    if module._diff:
        result["diff"] = [change.diff() for change in changes]
    module.exit_json(**result)


if __name__ == "__main__":
    main()
