#!/usr/bin/python
# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module steady.deploy.smoke."""

from __future__ import annotations

DOCUMENTATION = r"""
module: smoke
short_description: Try an app with scenarios of requests
version_added: 0.1.0
author:
  - steady.deploy contributors (@steady)
description:
  - Sends the requests of one or more scenarios and checks each answer, or fails with one sentence that shows the request,
    the answer and what was expected of it.
  - These are the smoke tests of M(steady.deploy.rollout) as a module of their own, for any playbook.
  - Within the scenarios C(${name}) stands for a value that an earlier step captured, and C($${) for the characters C(${).
    C(${run}) is a text that is new for each scenario each time it runs. Ansible's own C({{ ... }}) is filled in before.
  - A text of C(json), or a value expected of C(jmespath), that is nothing but one such name becomes the value itself, so that
    a number stays a number. In C(path) and C(url) values are percent-encoded, except one at the beginning, which is a link
    from the app.
  - Each scenario has cookies of its own. They are kept and sent back as a browser does it, without a look at C(Secure).
  - Neither header values nor request bodies are ever shown. What is sent as a secret, by the name of its header or field, is
    masked in answers as well, and so is what a step captures from a header or a cookie.
extends_documentation_fragment:
  - steady.deploy.attributes
attributes:
  check_mode:
    support: full
    details:
      - Requests may change data of the app, so none is sent. The scenarios are checked, and RV(plan) says what would be asked.
  diff_mode:
    support: N/A
    details:
      - The module changes nothing on the managed host.
  idempotent:
    support: N/A
    details:
      - The module changes nothing on the managed host. What requests do is the app's affair.
options:
  url:
    description:
      - Where the requests go, as scheme, host and port. The managed host must reach it.
    type: str
    required: true
  host:
    description:
      - The name to ask in, sent as C(Host) header and in TLS. By default the host of O(url).
      - Links and redirects to this name lead to O(url) as well, whatever their scheme and port.
    type: str
  validate_certs:
    description:
      - Whether certificates are checked.
    type: bool
    default: true
  scenarios:
    description:
      - The scenarios, at least one. They run one after the other, and the first step that does not hold ends the module.
      - A scenario has C(name), by which messages call it, and C(steps). C(service) names the edge service that is asked in a
        rollout, by default the first one; this module asks O(url) alone.
      - A step has C(name) and C(request), and may have C(expect), C(capture) and C(wait), each a mapping.
      - C(request) has either C(path), which starts with C(/), or C(url), an absolute one. C(method) is C(GET) by default, and
        C(POST) where there is a body. C(headers) is a mapping of names to values. The body is one of C(json) (any data),
        C(form) (a mapping of fields) and C(body) (a text). C(timeout) is the time that one request may take in all, by
        default 5 seconds. With C(follow=true) up to 10 redirects are followed.
      - C(expect) is what the answer must be; all that is given must hold. C(status) is a code or a list of codes, without it
        any from 200 to 299 is good. C(headers) is a mapping of names to exact values or to a mapping with C(regex). C(body) is a
        text that the body contains, C(regex) a Python regular expression that is found in it. C(jmespath) is an expression
        that must be true for the JSON body, or a mapping of expressions to the values that they must give. It needs the
        Python package C(jmespath) on the managed host. The first 1 MiB of a body is looked at.
      - C(capture) takes values out of the answer. It maps names to one of C(jmespath) (an expression), C(regex) (its first
        group), C(header) (a name) and C(cookie) (a name). A value that is not there fails the step.
      - C(wait) repeats the request until the answer is as expected, for C(timeout) at most, every C(interval), by default
        0.5 seconds. This is how to wait for a mail to arrive or for a job to be done. It is meant for requests that change
        nothing.
      - Times are seconds, or text such as V(500ms), V(2s) or V(1m30s).
    type: list
    elements: dict
    required: true
seealso:
  - module: steady.deploy.ready
  - module: ansible.builtin.uri
"""

EXAMPLES = r"""
- name: Try the app as a user does
  steady.deploy.smoke:
    url: http://127.0.0.1/
    host: hotel.example.com
    scenarios:
      - name: page
        steps:
          - name: page
            request: {path: /}
            expect: {status: 200, headers: {Content-Type: {regex: ^text/html}}}
            capture:
              stylesheet: {regex: 'href="(/assets/[^"]+\.css)"'}
          - name: stylesheet
            request: {path: "${stylesheet}"}
            expect: {headers: {Content-Type: text/css}}
      - name: booking
        steps:
          - name: book
            request: {path: /bookings, json: {reference: "smoke-${run}", email: "smoke-${run}@example.com"}}
            expect: {status: 201, jmespath: {status: booked}}
            capture: {id: {jmespath: id}}
          - name: mail
            request: {path: "/mails?to=smoke-${run}@example.com"}
            expect: {jmespath: "mails[?contains(subject, 'smoke-${run}')]"}
            wait: {timeout: 10s}
          - name: cancel
            request: {method: DELETE, path: "/bookings/${id}"}
            expect: {jmespath: {status: cancelled, id: "${id}"}}

- name: Log in, with cookies kept and the token of the form sent back
  steady.deploy.smoke:
    url: https://hotel.example.com
    scenarios:
      - name: login
        steps:
          - name: form
            request: {path: /login}
            capture: {token: {regex: 'name="_token" value="([^"]+)"'}}
          - name: login
            request:
              path: /login
              form: {_token: "${token}", user: smoke, password: "{{ vault_smoke_password }}"}
              follow: true
            expect: {body: "Welcome"}
"""

RETURN = r"""
smoke:
  description: The steps that were asked, in order. When a step did not hold, it is the last.
  returned: when requests were sent
  type: list
  elements: dict
  contains:
    scenario:
      description: The name of the scenario.
      type: str
      sample: booking
    step:
      description: The name of the step.
      type: str
      sample: cancel
    service:
      description: The edge service in a rollout, V(url) here.
      type: str
      sample: url
    request:
      description: Method and URL of the last request, secrets masked.
      type: str
      sample: DELETE http://127.0.0.1/bookings/17
    status:
      description: The status of the last answer, V(null) where there was none.
      type: int
      sample: 200
    attempts:
      description: How often the request was sent.
      type: int
      sample: 1
    seconds:
      description: How long the step took, in seconds.
      type: float
      sample: 0.034
    ok:
      description: Whether the answer was as expected.
      type: bool
      sample: true
    detail:
      description: The last answer on one line, and what was expected where the step did not hold.
      type: str
      sample: HTTP 200 OK
plan:
  description: What would be asked, a line for each step.
  returned: in check mode
  type: list
  elements: str
  sample: ["booking, book: POST /bookings", "booking, cancel: DELETE /bookings/${id}"]
elapsed:
  description: How long the scenarios took, in seconds.
  returned: when all held
  type: float
  sample: 1.204
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.steady.deploy.plugins.module_utils.commands.smoke import shown, try_scenarios
from ansible_collections.steady.deploy.plugins.module_utils.core.clock import SystemClock
from ansible_collections.steady.deploy.plugins.module_utils.core.errors import SteadyError
from ansible_collections.steady.deploy.plugins.module_utils.smoke.fetch import HttpFetch


def main():
    """Read the parameters, run the scenarios, tell the result."""
    module = AnsibleModule(
        argument_spec={
            "url": {"type": "str", "required": True},
            "host": {"type": "str"},
            "validate_certs": {"type": "bool", "default": True},
            "scenarios": {"type": "list", "elements": "dict", "required": True},
        },
        supports_check_mode=True,
    )
    # What the invocation tells of the scenarios holds neither header values nor bodies.
    told = {"invocation": {"module_args": {**module.params, "scenarios": shown(module.params["scenarios"])}}}
    try:
        result = try_scenarios(module.params, SystemClock(), HttpFetch(module.params["validate_certs"]), module.check_mode)
    except SteadyError as exc:
        module.fail_json(msg=exc.message, **told, **exc.facts)
    module.exit_json(changed=False, **told, **result)


if __name__ == "__main__":
    main()
