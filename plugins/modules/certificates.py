#!/usr/bin/python
# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module steady.deploy.certificates."""

from __future__ import annotations

DOCUMENTATION = r"""
module: certificates
short_description: TLS certificates of a host, and their renewal
version_added: 0.1.0
author:
  - steady.deploy contributors (@steady)
description:
  - Brings a host to the certificates that are wanted. They come from a CA by ACME (with certbot), sign themselves, or are given.
  - Each certificate is C(/etc/steady/tls/NAME/fullchain.pem) with its key C(/etc/steady/tls/NAME/privkey.pem). Both change in one
    step, after the new pair was checked. A running Nginx that uses it is tested, reloaded, and asked for the certificate it serves.
    Whatever fails on the way, the old pair is back and served.
  - Installs the command C(steady-tls), which renews by itself what this module was told. The role P(steady.deploy.tls#role) brings
    the timer that calls it, and the packages.
  - Certificates that are not listed stay as they are, and are renewed on.
extends_documentation_fragment:
  - steady.deploy.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
    details:
      - A certificate that is due for renewal is renewed.
options:
  certificates:
    description:
      - The certificates.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description:
          - Its name here, which is the folder's as well.
        type: str
        required: true
      state:
        description:
          - V(absent) removes the files, and ends the renewal. The certificate is not revoked. With O(issue=false) one that Nginx
            still uses is left for later, with O(issue=true) that is an error.
        type: str
        choices: [present, absent]
        default: present
      names:
        description:
          - The host names it is for. Needed when present.
        type: list
        elements: str
        default: []
      source:
        description:
          - V(acme) orders it from O(acme.directory). V(self_signed) lets it sign itself. V(files) takes the pair that is given.
        type: str
        choices: [acme, self_signed, files]
        default: acme
      dns_hook:
        description:
          - For V(acme), the path of a program that answers challenges over DNS. It is called with C(auth) before and C(cleanup) after
            each challenge, with the domain in the environment variable C(CERTBOT_DOMAIN) and the text for the TXT record
            C(_acme-challenge) of it in C(CERTBOT_VALIDATION). After C(auth) the record must be visible to the CA.
        type: str
      certificate:
        description:
          - For V(files), the chain as PEM text, the host's own certificate first.
        type: str
      key:
        description:
          - For V(files), the private key as PEM text.
        type: str
      certificate_file:
        description:
          - For V(files), the path of the chain on the managed host. The renewal takes a new pair over from there.
        type: path
      key_file:
        description:
          - For V(files), the path of the private key on the managed host.
        type: path
      ca:
        description:
          - For V(files), PEM text of the CA the chain must lead to. By default one that the managed host trusts.
        type: str
      served_at:
        description:
          - Where Nginx is asked which certificate it serves, as HOST:PORT. Empty where it can't be asked.
        type: str
        default: "127.0.0.1:443"
  issue:
    description:
      - Whether certificates are ordered from a CA. Without it what is not issued yet gets a self-signed certificate,
        so that Nginx can start and answer the CA.
    type: bool
    default: true
  acme:
    description:
      - How certificates are ordered.
    type: dict
    suboptions:
      directory:
        description:
          - V(letsencrypt), V(letsencrypt-staging), or the URL of a CA's ACME directory.
        type: str
        default: letsencrypt
      email:
        description:
          - The account's e-mail address. Empty for none.
        type: str
      ca:
        description:
          - PEM text of the CA that signed the directory's own certificate, where the managed host does not trust it.
        type: str
      eab_kid:
        description:
          - Key id of an external account binding, where the CA wants one.
        type: str
      eab_hmac_key:
        description:
          - HMAC key of the external account binding.
        type: str
      probe:
        description:
          - Whether it is tried first that each name leads to this host, so that nothing is ordered in vain. Switch it off only
            where a host can't reach itself by its own names, behind NAT for instance.
        type: bool
        default: true
"""

EXAMPLES = r"""
- name: The shop has its certificate
  steady.deploy.certificates:
    certificates:
      - name: shop
        names: [shop.example.com, www.shop.example.com]
    acme:
      email: ops@example.com

- name: The shop has the certificate that was bought for it
  steady.deploy.certificates:
    certificates:
      - name: shop
        names: [shop.example.com]
        source: files
        certificate: "{{ lookup('ansible.builtin.file', 'shop.pem') }}"
        key: "{{ vault_shop_key }}"
"""

RETURN = r"""
certificates:
  description: What was done, or in check mode would be done, about each certificate that is present.
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: The certificate's name.
      type: str
      sample: shop
    step:
      description: One of V(keep), V(self_sign), V(order), V(install), or V(make) where openssl is not there to look.
      type: str
      sample: order
    reason:
      description: Why. Empty for V(keep).
      type: str
      sample: there is none yet
settled:
  description: Whether a run with O(issue) would find nothing to do. Never V(true) in check mode.
  returned: success
  type: bool
failures:
  description: One sentence for each certificate that could not be had.
  returned: failure
  type: list
  elements: str
  sample: ["certificate 'shop': the challenge failed for shop.example.com: no such host (dns)"]
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import SteadyError
from ansible_collections.steady.deploy.plugins.module_utils.tls import program
from ansible_collections.steady.deploy.plugins.module_utils.tls.apply import apply
from ansible_collections.steady.deploy.plugins.module_utils.tls.host import Paths


def main():
    """Read the parameters, bring the certificates, tell the result."""
    module = AnsibleModule(
        argument_spec={
            "certificates": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "name": {"type": "str", "required": True},
                    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
                    "names": {"type": "list", "elements": "str", "default": []},
                    "source": {"type": "str", "choices": ["acme", "self_signed", "files"], "default": "acme"},
                    "dns_hook": {"type": "str"},
                    "certificate": {"type": "str"},
                    "key": {"type": "str", "no_log": True},
                    "certificate_file": {"type": "path"},
                    "key_file": {"type": "path", "no_log": False},
                    "ca": {"type": "str"},
                    "served_at": {"type": "str", "default": "127.0.0.1:443"},
                },
            },
            "issue": {"type": "bool", "default": True},
            "acme": {
                "type": "dict",
                "options": {
                    "directory": {"type": "str", "default": "letsencrypt"},
                    "email": {"type": "str"},
                    "ca": {"type": "str"},
                    "eab_kid": {"type": "str"},
                    "eab_hmac_key": {"type": "str", "no_log": True},
                    "probe": {"type": "bool", "default": True},
                },
            },
        },
        supports_check_mode=True,
    )
    paths = Paths()
    try:
        # The program renews by these same tools, and comes along by being named here.
        result = apply(module.params, paths, program.real_tools(paths), module.check_mode)
    except SteadyError as exc:
        module.fail_json(msg=exc.message, **exc.facts)
    except OSError as exc:
        module.fail_json(msg=f"{exc.filename or 'the disk'}: {exc.strerror or exc}")
    if result.pop("failed", False):
        module.fail_json(**result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
