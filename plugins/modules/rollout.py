#!/usr/bin/python
# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module steady.deploy.rollout."""

from __future__ import annotations

DOCUMENTATION = r"""
module: rollout
short_description: Bring a Compose app to a release without a failed request
version_added: 0.1.0
author:
  - steady.deploy contributors (@steady)
description:
  - Runs a whole new release of an app beside the old one, waits until it is ready, runs its jobs, shifts the traffic of
    the edge (Nginx on the host) to it, lets what is in flight finish, hands workers and singletons over, and stops the
    old release, which is kept for a rollback.
  - A failure at any step undoes the rollout. The old release serves all the time.
  - A rerun after a crash looks at what is there and finishes or undoes.
  - When nothing differs (same images by content, same configuration, same environment), nothing is touched.
requirements:
  - Docker Engine and Docker Compose 2.24 or later on the host
  - Nginx on the host; 1.27.4 or later with C(keepalive_min_timeout) for the promise of no failed request
extends_documentation_fragment:
  - steady.deploy.attributes
attributes:
  action:
    description: Has an action plugin of the same name, so that a part of it runs on the controller.
    support: full
  async:
    description: Supports being used with the C(async) keyword.
    support: partial
    details:
      - Without live progress and without O(report).
  check_mode:
    support: full
    details:
      - Returns the exact plan. Images are not pulled; where a registry can't tell an image's content beforehand,
        RV(release) is provisional.
  diff_mode:
    support: full
    details:
      - Shows images, kinds, replicas, and which settings and variables of the environment changed, never a value of them.
  idempotent:
    support: partial
    details:
      - With O(state=previous) and without O(release), each run goes back to the release served before.
options:
  app:
    description:
      - The app's name. It becomes the Compose project of accessories, and the start of each release project's name.
    type: str
    required: true
  state:
    description:
      - V(present) brings the app to the release that its Compose files and images describe.
      - V(previous) goes back to a kept release by a shift, without a rebuild and without running jobs.
    type: str
    choices: [present, previous]
    default: present
  release:
    description: The kept release to go back to with O(state=previous). Without it, the complete one served last before the current.
    type: str
  project_dir:
    description: The folder on the host with the app's Compose files.
    type: path
  files:
    description: The Compose files within O(project_dir), in order. Without any, the first of Compose's own default names.
    type: list
    elements: str
    default: []
  profiles:
    description: Compose profiles to turn on.
    type: list
    elements: str
    default: []
  env_files:
    description: Files with variables for the interpolation of the Compose files, within O(project_dir) or by their whole path.
    type: list
    elements: path
    default: []
  images:
    description: Images (tag or digest) by service, instead of those in the Compose files.
    type: dict
    default: {}
  services:
    description:
      - What the app's services are, by name. It wins over C(x-steady) in the Compose files, which has the same keys.
      - C(kind) is one of V(web), V(worker), V(singleton), V(accessory) and V(job).
      - C(port) is the container port that the edge sends traffic to, for kind V(web).
      - C(gates) is a list of gates as M(steady.deploy.ready) takes them. Without one, the container's healthcheck is the gate.
      - C(migrate), for kind V(job), says which migration tool and which database; the engine then brings its migrations about
        instead of running the job's command.
    type: dict
    default: {}
  strategy:
    description:
      - How releases follow each other. V(blue_green) runs the whole new release beside the old one. V(rolling) replaces the
        replicas that the edge asks in batches, as each service's C(deploy.update_config) says, for hosts without room for two.
        V(recreate) stops the old release before the new one starts, for what can't overlap, and the edge holds requests meanwhile.
      - A service may ask for a stricter one with C(x-steady.strategy). A release shifts as a whole, so the strictest counts.
    type: str
    choices: [blue_green, rolling, recreate]
    default: blue_green
  pull:
    description:
      - When to ask a registry for images. V(policy) does as each service's C(pull_policy) says, which is V(missing) unless set.
    type: str
    choices: [policy, always, missing, never]
    default: policy
  keep_releases:
    description: How many releases besides the served one are kept, stopped, for a rollback.
    type: int
    default: 1
  update_accessories:
    description: Whether accessories whose own definition changed are recreated. They are down while that happens.
    type: bool
    default: false
  drain_timeout:
    description: Seconds that requests in flight to the old release may take to finish after the shift.
    type: float
    default: 30
  stream_drain_timeout:
    description: Seconds after the shift until WebSockets and event streams of the old release are cut.
    type: float
    default: 10
  start_parallel:
    description: How many containers are started side by side.
    type: int
    default: 4
  hold_timeout:
    description:
      - Seconds that the edge holds a request at most while the strategy V(recreate) changes releases. Keep it below the
        patience of clients and of proxies in front, and above what the new release takes to start.
    type: float
    default: 30
  watch:
    description:
      - Seconds after the shift in which a container of the new release that exits, restarts or becomes unhealthy
        undoes the rollout.
    type: float
    default: 2
  job_timeout:
    description: Seconds that a job may take.
    type: float
    default: 3600
  contract:
    description:
      - Whether migrations that take away what only older releases need are applied at the end of the rollout. That is refused
        while a release is kept that may need it.
    type: bool
    default: false
  approved:
    description: What the judge of migrations on the controller has let pass. The action plugin sets it.
    type: dict
  lock_wait:
    description: Seconds to wait for another run of the same app to end.
    type: float
    default: 0
  port_range:
    description: The ports on the host's loopback address that releases are given.
    type: str
    default: 20000-29999
  edge:
    description: Where users' requests reach the app.
    type: dict
    default: {}
    suboptions:
      url:
        description: Asked on the host to verify a shift through the real vhost.
        type: str
        default: http://127.0.0.1/
      host:
        description: The host name in these requests.
        type: str
      upstream_file:
        description: The edge's file for the app. Without it, V(/etc/nginx/steady/<app>.conf).
        type: path
      access_log:
        description:
          - The edge's access log as the role nginx writes it, one JSON object per line. Where it is missing, O(limits) can't be
            watched, which is a warning.
        type: path
        default: /var/log/nginx/access.json
  limits:
    description:
      - What the new release may do to users from the shift to the end of O(watch), as the edge's access log has it. More undoes
        the rollout. Bounds count as broken only where chance hardly explains it, so a few failures among few requests do not.
    type: dict
    default: {}
    suboptions:
      error_ratio:
        description: The share of 5xx answers, 0 to 1, on top of the share that the release before had.
        type: float
        default: 0.05
      p95:
        description: Seconds within which 95 of 100 requests must be answered. Without it, only O(limits.slowdown) counts.
        type: float
      slowdown:
        description: How many times the 95th percentile of the release before the new one may take. It must last for 5 seconds.
        type: float
        default: 5
      slow:
        description: Seconds. A 95th percentile below it is never too slow by O(limits.slowdown).
        type: float
        default: 0.3
      requests:
        description: So many requests must be answered before there is a verdict.
        type: int
        default: 20
  hooks:
    description:
      - Commands that run at points of the rollout, in this order where several have the same point. None runs where nothing is to
        be done.
      - They know of the rollout by C(STEADY_APP), C(STEADY_RELEASE), C(STEADY_PREVIOUS) and C(STEADY_POINT) in their environment.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: What it is called in the plan and in errors. Each has its own.
        type: str
        required: true
      point:
        description:
          - V(before) anything is done, V(before_shift) when the new release is ready and no user has seen it, V(after_shift) when
            users are served by it and the old release still runs, V(after) everything, and V(undone) after a rollout that was undone.
        type: str
        required: true
        choices: [before, before_shift, after_shift, after, undone]
      command:
        description: The program with its arguments, as a list, or as one text that is split into words. No shell is between.
        type: raw
        required: true
      service:
        description:
          - Run it in a running container of this service of the new release, or of this accessory. With O(hooks[].point=undone) in
            one of the release gone back to. Without it, the command runs on the host.
        type: str
      timeout:
        description: Seconds it may take, or a text such as V(1m30s). Then it is killed with everything it started.
        type: raw
        default: 60
      undoes:
        description:
          - Whether its failure undoes the rollout. Where not, and at the points V(after) and V(undone), it is told as a warning.
        type: bool
        default: true
  smoke:
    description:
      - Smoke tests, as M(steady.deploy.smoke) takes them under O(steady.deploy.smoke#module:scenarios). They run on each replica of
        the new release before users see it, and again through the edge after the shift. One that does not hold undoes the rollout.
      - Not with O(state=previous), since an older release may lack what they ask.
    type: list
    elements: dict
    default: []
  notify:
    description:
      - Whom to tell of the rollout's start, its success, or that it was undone or failed, by an HTTP POST from the host.
      - The body is JSON with C(event), which is V(started), V(succeeded), V(undone) or V(failed), and with C(app), C(release),
        C(previous), C(host), C(at), C(message) and C(seconds) since the start.
      - What does not arrive is a warning. Nothing is sent where nothing is to be done.
    type: dict
    default: {}
    suboptions:
      url:
        description: Where to. Warnings tell its scheme and host, and nothing else of it.
        type: str
      headers:
        description: Headers to send, a token for instance.
        type: dict
        default: {}
      timeout:
        description: Seconds an answer is waited for.
        type: float
        default: 3
  progress:
    description:
      - Whether lines tell what goes on while the rollout runs. They are written to standard error, and never with C(no_log),
        C(async) or in check mode.
    type: bool
    default: true
  report:
    description:
      - A file on the controller, relative to the playbook, for a picture of the rollout as one HTML page that needs nothing else.
      - It is written when the rollout has ended well or badly. Where nothing had to be done it is left as it is, and so it is
        in check mode and with C(async).
    type: path
  state_dir:
    description: Where the host keeps what it knows of apps.
    type: path
    default: /var/lib/steady
seealso:
  - module: steady.deploy.rollout_info
  - module: steady.deploy.ready
"""

EXAMPLES = r"""
- name: Bring the hotel to version 2
  steady.deploy.rollout:
    app: hotel
    project_dir: /srv/hotel
    images:
      web: registry.example.com/hotel/web:v2
      app: registry.example.com/hotel/app:v2
    edge:
      host: hotel.example.com

- name: Say in the play what an app's services are
  steady.deploy.rollout:
    app: shop
    project_dir: /srv/shop
    services:
      api:
        kind: web
        port: 8000
        gates:
          - {type: http, path: /readyz}
      mailer: {kind: worker}
      cron: {kind: singleton}
      postgres: {kind: accessory}

- name: Go back to the release before
  steady.deploy.rollout:
    app: hotel
    state: previous
    edge:
      host: hotel.example.com
"""

RETURN = r"""
release:
  description: The id of the wished release.
  returned: always
  type: str
previous:
  description: The release that was served before, or null.
  returned: always
  type: str
kinds:
  description: The kind of each service, and where it comes from.
  returned: always
  type: dict
strategy:
  description: The strategy of this rollout, and why it is this one.
  returned: always
  type: str
plan:
  description: The steps, one line each. Empty when nothing differs.
  returned: always
  type: list
  elements: str
migrations:
  description:
    - Of each service with migrations what is pending, with its SQL, what the C(server) says of each statement, the tables' sizes
      and the judge's C(verdicts). Empty where nothing is served yet, or nothing is to be migrated.
  returned: always
  type: list
  elements: dict
migrated:
  description: What was applied, with what was C(held_back), how long others had to wait behind it, and which backup there is.
  returned: outside check mode
  type: list
  elements: dict
migration:
  description: Which migration C(failed), its C(reason), what was C(applied) and C(not_applied), and what it C(left) behind.
  returned: when a migration failed
  type: dict
timeline:
  description:
    - The steps done, with C(action), C(text), C(services), C(after) and C(seconds), and C(failed) with the reason where one failed.
    - Pulled images come before the rollout begins, with a negative C(after). C(look) is the question what is to be migrated.
  returned: outside check mode
  type: list
  elements: dict
gates:
  description: Each gate that was held, with its last answers.
  returned: outside check mode
  type: list
  elements: dict
drained:
  description: What was in flight to the old release. Counts of requests and streams that finished and that were cut, and C(seconds).
  returned: when there was an old release
  type: dict
watched:
  description:
    - What users were answered by the new release since the shift. C(requests), C(failed), C(p50) and C(p95) in seconds, the
      same of the release before under C(before), and a C(verdict), which says where there were too few requests for one.
  returned: when traffic was shifted
  type: dict
traffic:
  description:
    - What the edge answered per C(second) since the rollout began and C(release). C(requests), C(failed), C(p50), C(p95).
  returned: outside check mode
  type: list
  elements: dict
smoke:
  description: Each step of the smoke tests, at which C(point), what was asked and answered, the failed one last.
  returned: outside check mode
  type: list
  elements: dict
held:
  description:
    - How the strategy V(recreate) held requests. C(requests) that were held, C(longest_seconds) that one waited, and how many
      C(failed) to be held until a release was ready, because O(hold_timeout) had passed.
  returned: when requests were held
  type: dict
undone:
  description: Whether the way back to the release served before was gone to its end.
  returned: on failure of a rollout that had begun
  type: bool
logs:
  description: The last lines of the container that failed.
  returned: when a container failed
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.steady.deploy.plugins.module_utils.commands.answer import answer
from ansible_collections.steady.deploy.plugins.module_utils.commands.rollout import roll_out
from ansible_collections.steady.deploy.plugins.module_utils.commands.smoke import shown
from ansible_collections.steady.deploy.plugins.module_utils.core.clock import SystemClock


def main():
    """Read the parameters, roll out, tell the result."""
    module = AnsibleModule(
        argument_spec={
            "app": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "previous"], "default": "present"},
            "release": {"type": "str"},
            "project_dir": {"type": "path"},
            "files": {"type": "list", "elements": "str", "default": []},
            "profiles": {"type": "list", "elements": "str", "default": []},
            "env_files": {"type": "list", "elements": "path", "default": []},
            "images": {"type": "dict", "default": {}},
            "services": {"type": "dict", "default": {}},
            "strategy": {"type": "str", "choices": ["blue_green", "rolling", "recreate"], "default": "blue_green"},
            "pull": {"type": "str", "choices": ["policy", "always", "missing", "never"], "default": "policy"},
            "keep_releases": {"type": "int", "default": 1},
            "update_accessories": {"type": "bool", "default": False},
            "drain_timeout": {"type": "float", "default": 30},
            "stream_drain_timeout": {"type": "float", "default": 10},
            "start_parallel": {"type": "int", "default": 4},
            "hold_timeout": {"type": "float", "default": 30},
            "watch": {"type": "float", "default": 2},
            "job_timeout": {"type": "float", "default": 3600},
            "contract": {"type": "bool", "default": False},
            "approved": {"type": "dict"},
            "lock_wait": {"type": "float", "default": 0},
            "port_range": {"type": "str", "default": "20000-29999"},
            "edge": {
                "type": "dict",
                "default": {},
                "apply_defaults": True,
                "options": {
                    "url": {"type": "str", "default": "http://127.0.0.1/"},
                    "host": {"type": "str"},
                    "upstream_file": {"type": "path"},
                    "access_log": {"type": "path", "default": "/var/log/nginx/access.json"},
                },
            },
            "limits": {
                "type": "dict",
                "default": {},
                "apply_defaults": True,
                "options": {
                    "error_ratio": {"type": "float", "default": 0.05},
                    "p95": {"type": "float"},
                    "slowdown": {"type": "float", "default": 5},
                    "slow": {"type": "float", "default": 0.3},
                    "requests": {"type": "int", "default": 20},
                },
            },
            "hooks": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "name": {"type": "str", "required": True},
                    "point": {"type": "str", "required": True, "choices": ["before", "before_shift", "after_shift", "after", "undone"]},
                    "command": {"type": "raw", "required": True},
                    "service": {"type": "str"},
                    "timeout": {"type": "raw", "default": 60},
                    "undoes": {"type": "bool", "default": True},
                },
            },
            "smoke": {"type": "list", "elements": "dict", "default": []},
            "notify": {
                "type": "dict",
                "default": {},
                "apply_defaults": True,
                "options": {
                    "url": {"type": "str", "no_log": True},
                    "headers": {"type": "dict", "default": {}, "no_log": True},
                    "timeout": {"type": "float", "default": 3},
                },
            },
            "progress": {"type": "bool", "default": True},
            "report": {"type": "path"},
            "state_dir": {"type": "path", "default": "/var/lib/steady"},
        },
        supports_check_mode=True,
    )
    # What the invocation tells of smoke tests holds neither header values nor bodies.
    invocation = {"module_args": {**module.params, "smoke": shown(module.params["smoke"])}}
    answer(module, lambda: roll_out(module.params, SystemClock(), "ansible", module.check_mode, module._diff), invocation=invocation)


if __name__ == "__main__":
    main()
