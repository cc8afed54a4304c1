#!/usr/bin/python
# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module steady.deploy.ready."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ready
short_description: Wait until readiness gates hold
version_added: 0.1.0
author:
  - steady.deploy contributors (@steady)
description:
  - Asks one or more readiness gates side by side until all of them hold at the same time, or fails with one sentence.
  - A gate holds after O(gates[].success_threshold) successes in a row, once it has then stayed ready for O(gates[].min_ready).
  - With O(container), the module fails at once when that container exits, restarts or is removed, instead of waiting
    for the deadline. The failure carries the container's last log lines.
  - These are the gates of M(steady.deploy.rollout) as a module of their own, for any playbook.
extends_documentation_fragment:
  - steady.deploy.attributes
attributes:
  check_mode:
    support: full
    details:
      - The gates are asked in check mode too, since asking changes nothing.
        A command of a gate of type V(exec) runs as well.
  diff_mode:
    support: N/A
    details:
      - The module changes nothing.
  idempotent:
    support: full
options:
  gates:
    description:
      - The gates, at least one. All of them must hold.
      - Times are seconds, or text such as V(500ms), V(2s) or V(1m30s).
    type: list
    elements: dict
    required: true
    suboptions:
      type:
        description:
          - V(http) sends one C(GET) request. Redirects are not followed. It speaks plain HTTP, without TLS.
          - V(tcp) connects. It fails as well when the peer hangs up at once, as Docker's proxy does in front of a
            published port behind which nothing listens.
          - V(fastcgi) asks PHP-FPM or another FastCGI responder, with no web server between.
          - V(exec) runs a command in O(container).
          - V(health) looks at the healthcheck of O(container) as Docker last judged it.
        type: str
        required: true
        choices: [http, tcp, fastcgi, exec, health]
      port:
        description:
          - The port to ask. With O(container) and without O(address), this is the port inside the container; where it is
            published, V(http) goes through the published port.
          - Required for V(http) and V(tcp), and for V(fastcgi) without O(gates[].socket).
        type: int
      path:
        description:
          - Path and query of the request, for V(http) and V(fastcgi).
        type: str
        default: /
      host:
        description:
          - The C(Host) header, for V(http) and V(fastcgi). By default address and port for V(http), V(localhost) for V(fastcgi).
        type: str
      headers:
        description:
          - Further headers of the request, for V(http) and V(fastcgi).
        type: dict
        default: {}
      status:
        description:
          - The status codes that count as success, for V(http) and V(fastcgi).
        type: list
        elements: int
        default: [200]
      expect_headers:
        description:
          - Headers that the answer must have with exactly these values, for V(http) and V(fastcgi).
        type: dict
        default: {}
      body:
        description:
          - Text that the body must contain, for V(http) and V(fastcgi). The first 1 MiB is searched.
        type: str
      jmespath:
        description:
          - A JMESPath expression that must be true for the JSON body, for V(http) and V(fastcgi).
            An empty text, list or mapping, C(false) and C(null) are not true.
          - Needs the Python package C(jmespath) on the managed host.
        type: str
      command:
        description:
          - The command of V(exec) as a list of words. It runs without a shell and succeeds with exit code 0.
          - A command that outlasts O(gates[].timeout) counts as failed, but Docker lets it go on in the container.
        type: list
        elements: str
        default: []
      script:
        description:
          - The script that V(fastcgi) runs, as an absolute path where PHP-FPM sees it, such as V(/app/public/index.php).
          - Without it O(gates[].path) is the script, which is right for PHP-FPM's own ping and status pages.
        type: str
        default: ''
      socket:
        description:
          - A unix socket on the managed host, as an absolute path, for V(fastcgi) in place of O(gates[].port).
        type: str
        default: ''
      success_threshold:
        description:
          - How many successes in a row make the gate ready.
        type: int
        default: 2
      interval:
        description:
          - Time from one attempt to the next.
        type: raw
        default: 0.2
      timeout:
        description:
          - Time that one attempt may take in all.
        type: raw
        default: 2.0
      deadline:
        description:
          - Time after which the module fails if the gate does not hold.
        type: raw
        default: 60.0
      min_ready:
        description:
          - Time that the gate must stay ready before it holds. A failure in that time takes all successes back.
        type: raw
        default: 0.0
  container:
    description:
      - Name or id of a container on the managed host to ask and to watch.
      - Required for gates of type V(exec) and V(health).
    type: str
  address:
    description:
      - Address or name to connect to. By default V(127.0.0.1), or with O(container) where that container can be reached.
    type: str
seealso:
  - module: ansible.builtin.wait_for
  - module: ansible.builtin.uri
"""

EXAMPLES = r"""
- name: Wait until the app answers three times in a row and says that its database is there
  steady.deploy.ready:
    gates:
      - type: http
        port: 8080
        path: /readyz
        host: hotel.example.com
        body: '"database":"ok"'
        success_threshold: 3
        deadline: 90s

- name: Ask PHP-FPM in a container directly, and Redis by a command, until both have been ready for five seconds
  steady.deploy.ready:
    container: hotel-app-1
    gates:
      - type: fastcgi
        port: 9000
        path: /ping
        body: pong
        min_ready: 5s
      - type: exec
        command: [php, artisan, about]
        timeout: 10s
        min_ready: 5s

- name: Wait for the container's own healthcheck
  steady.deploy.ready:
    container: hotel-mariadb-1
    gates:
      - type: health
        deadline: 2m
"""

RETURN = r"""
gates:
  description: What became of each gate, in the order of O(gates).
  returned: success, and when a gate did not hold
  type: list
  elements: dict
  contains:
    service:
      description: The Compose service of the container, empty where there is none.
      type: str
      sample: app
    container:
      description: The name of the container, empty where there is none.
      type: str
      sample: hotel-app-1
    type:
      description: The type of the gate.
      type: str
      sample: http
    gate:
      description: The gate in a few words.
      type: str
      sample: http :8080/readyz
    held:
      description: Whether the gate held at the end.
      type: bool
      sample: true
    after:
      description: The seconds after which the gate held, V(null) if it did not.
      type: float
      sample: 4.513
    asked:
      description: How many answers came.
      type: int
      sample: 9
    answers:
      description: The last answers, up to five, the newest last.
      type: list
      elements: dict
      contains:
        after:
          description: Seconds since the beginning.
          type: float
          sample: 4.513
        ok:
          description: Whether the answer was a success.
          type: bool
          sample: true
        detail:
          description: The answer on one line.
          type: str
          sample: HTTP 200 OK
elapsed:
  description: How long the module waited, in seconds.
  returned: success, and when a gate did not hold
  type: float
  sample: 4.52
service:
  description: The Compose service of the container that failed, empty where there is none.
  returned: when a gate did not hold
  type: str
  sample: app
container:
  description: The name of the container that failed, empty where there is none.
  returned: when a gate did not hold
  type: str
  sample: hotel-app-1
logs:
  description: The last log lines of the container that failed, up to 20.
  returned: when a gate did not hold
  type: list
  elements: str
  sample: ["PDOException: connection refused"]
"""

import os

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.steady.deploy.plugins.module_utils.core.clock import SystemClock
from ansible_collections.steady.deploy.plugins.module_utils.core.errors import SteadyError
from ansible_collections.steady.deploy.plugins.module_utils.core.runner import SubprocessRunner
from ansible_collections.steady.deploy.plugins.module_utils.probe.options import gate_argument_spec
from ansible_collections.steady.deploy.plugins.module_utils.probe.ready import hold_ready
from ansible_collections.steady.deploy.plugins.module_utils.probe.real import real_probes


def main():
    """Read the parameters, hold the gates, tell the result."""
    module = AnsibleModule(
        argument_spec={
            "gates": {"type": "list", "elements": "dict", "required": True, "options": gate_argument_spec()},
            "container": {"type": "str"},
            "address": {"type": "str"},
        },
        supports_check_mode=True,
    )
    runner = SubprocessRunner(os.environ)
    try:
        result = hold_ready(
            module.params["gates"],
            module.params["address"],
            module.params["container"],
            runner,
            SystemClock(),
            real_probes(runner),
        )
    except SteadyError as exc:
        module.fail_json(msg=exc.message, **exc.facts)
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
