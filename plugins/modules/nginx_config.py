#!/usr/bin/python
# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module steady.deploy.nginx_config."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nginx_config
short_description: Bring Nginx's configuration about as a whole, and into force
version_added: 0.2.0
author:
  - steady.deploy contributors (@steady)
description:
  - Compares a set of files below C(/etc/nginx), tries the changes together in a copy of the whole configuration, writes
    them, tests again, reloads, and waits until new workers have taken over.
  - Where any of that fails, all files are put back and the former configuration goes on being served.
  - An Nginx that does not run is not started.
extends_documentation_fragment:
  - steady.deploy.attributes
attributes:
  check_mode:
    support: full
    details:
      - The changes are tried in a copy in check mode too, where the host has Nginx.
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  files:
    description: The text of each file, by its name below O(root). They belong to root and everybody may read them.
    type: dict
    default: {}
  absent:
    description: Names of files below O(root) that are not to be there.
    type: list
    elements: str
    default: []
  upstreams:
    description:
      - For each app the services that its vhost passes requests to.
      - The file C(steady/APP.conf) belongs to rollouts. Services that are missing in it get a placeholder without
        replicas, so that the vhost is valid before the first rollout.
    type: dict
    default: {}
  root:
    description: The folder of Nginx's configuration.
    type: path
    default: /etc/nginx
seealso:
  - module: steady.deploy.nginx_info
"""

EXAMPLES = r"""
- name: The maintenance vhost is served
  steady.deploy.nginx_config:
    files:
      conf.d/maintenance.conf: |
        server {
            listen 8080;
            return 503;
        }
    absent: [conf.d/default.conf]
"""

RETURN = r"""
paths:
  description: The files that changed, or would change.
  returned: success
  type: list
  elements: str
reloaded:
  description: Whether new workers have taken over.
  returned: success
  type: bool
"""

import os

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.steady.deploy.plugins.module_utils.core.clock import SystemClock
from ansible_collections.steady.deploy.plugins.module_utils.core.errors import SteadyError
from ansible_collections.steady.deploy.plugins.module_utils.core.runner import SubprocessRunner
from ansible_collections.steady.deploy.plugins.module_utils.edge.proc import Proc
from ansible_collections.steady.deploy.plugins.module_utils.nginx.apply import bring_about
from ansible_collections.steady.deploy.plugins.module_utils.nginx.running import Running


def main():
    """Read the parameters, bring it about, tell the result."""
    module = AnsibleModule(
        argument_spec={
            "files": {"type": "dict", "default": {}},
            "absent": {"type": "list", "elements": "str", "default": []},
            "upstreams": {"type": "dict", "default": {}},
            "root": {"type": "path", "default": "/etc/nginx"},
        },
        supports_check_mode=True,
    )
    runner, clock = SubprocessRunner(os.environ), SystemClock()
    running = Running(runner, Proc(), clock)
    try:
        result = bring_about(module.params, runner, running, clock, module.check_mode)
    except SteadyError as exc:
        module.fail_json(msg=exc.message, **exc.facts)
    except OSError as exc:
        module.fail_json(msg=f"{exc.filename}: {exc.strerror}")
    module.exit_json(**result)


if __name__ == "__main__":
    main()
