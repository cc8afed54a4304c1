#!/usr/bin/python
# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module steady.deploy.nginx_info."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nginx_info
short_description: What a host has of Nginx, and of what its vhosts need
version_added: 0.2.0
author:
  - steady.deploy contributors (@steady)
description:
  - Looks at the installed Nginx, at who else listens where it is to listen, and at certificates, in one call.
extends_documentation_fragment:
  - steady.deploy.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: N/A
    details:
      - The module changes nothing.
  idempotent:
    support: full
options:
  packages:
    description: Packages that are to be installed.
    type: list
    elements: str
    default: []
  listens:
    description: Where Nginx is to listen, as its directive C(listen) has it.
    type: list
    elements: str
    default: []
  logs:
    description: Paths of log files that are for Nginx to write and the group C(adm) to read.
    type: list
    elements: path
    default: []
  certificates:
    description: Names of certificates below O(certificates_dir).
    type: list
    elements: str
    default: []
  certificates_dir:
    description: The folder with a folder for each certificate, with C(fullchain.pem) and C(privkey.pem) in it.
    type: path
    default: /etc/steady/tls
  root:
    description: The folder of Nginx's configuration.
    type: path
    default: /etc/nginx
seealso:
  - module: steady.deploy.nginx_config
"""

EXAMPLES = r"""
- name: Nginx is looked at
  steady.deploy.nginx_info:
    listens: ["80", "443"]
  register: nginx
"""

RETURN = r"""
version:
  description: The version of Nginx, empty where there is none.
  returned: success
  type: str
  sample: 1.30.0
openssl:
  description: The version of OpenSSL it runs with.
  returned: success
  type: str
  sample: 3.5.4
user:
  description: The user of its workers.
  returned: success
  type: str
  sample: www-data
problem:
  description: What Nginx finds wrong with its configuration, empty where nothing.
  returned: success
  type: str
service:
  description: Whether Nginx's service runs, now and after a reboot.
  returned: success
  type: bool
missing_packages:
  description: Those of O(packages) that are not installed.
  returned: success
  type: list
  elements: str
vhosts_of_others:
  description: What is in C(sites-enabled), without the package's own vhost.
  returned: success
  type: list
  elements: str
example_vhost:
  description: Whether C(conf.d/default.conf) is there as it came with the package.
  returned: success
  type: bool
held:
  description: Programs other than Nginx that hold one of O(listens), by the place.
  returned: success
  type: dict
  sample: {port 80: apache2}
ipv6:
  description: Whether the host has IPv6.
  returned: success
  type: bool
unready_logs:
  description: Those of O(logs) that are not there yet, or not as they are to be.
  returned: success
  type: list
  elements: str
other_policy:
  description: Whether /usr/sbin/policy-rc.d, which says what an upgrade may do to a service, is somebody else's.
  returned: success
  type: bool
resolvers:
  description: The name servers of the host.
  returned: success
  type: list
  elements: str
  sample: [127.0.0.53]
certificates:
  description: For each of O(certificates) the files that are missing, and whether it names an OCSP responder.
  returned: success
  type: dict
  sample: {shop: {missing: [], ocsp: false}}
"""

import os

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.steady.deploy.plugins.module_utils.core.files import read_text
from ansible_collections.steady.deploy.plugins.module_utils.core.runner import SubprocessRunner
from ansible_collections.steady.deploy.plugins.module_utils.nginx import look


def main():
    """Look, and tell."""
    module = AnsibleModule(
        argument_spec={
            "packages": {"type": "list", "elements": "str", "default": []},
            "listens": {"type": "list", "elements": "str", "default": []},
            "logs": {"type": "list", "elements": "path", "default": []},
            "certificates": {"type": "list", "elements": "str", "default": []},
            "certificates_dir": {"type": "path", "default": "/etc/steady/tls"},
            "root": {"type": "path", "default": "/etc/nginx"},
        },
        supports_check_mode=True,
    )
    wish = module.params
    runner = SubprocessRunner({**os.environ, "LC_ALL": "C"})
    program = look.program(runner)
    module.exit_json(
        changed=False,
        **program,
        service=look.service(runner),
        missing_packages=look.missing_packages(runner, wish["packages"]) if wish["packages"] else [],
        vhosts_of_others=look.vhosts_of_others(wish["root"]),
        example_vhost=look.example_vhost(runner, wish["root"], lambda path: module.md5(path) if os.path.isfile(path) else None),
        held=look.held(runner, wish["listens"]),
        ipv6=look.ipv6(read_text("/proc/net/if_inet6") or ""),
        unready_logs=look.unready(wish["logs"], program["user"], "adm"),
        other_policy=look.other_policy(read_text("/usr/sbin/policy-rc.d")),
        resolvers=look.resolvers(read_text("/etc/resolv.conf") or ""),
        certificates=look.certificates(runner, wish["certificates_dir"], wish["certificates"]),
    )


if __name__ == "__main__":
    main()
