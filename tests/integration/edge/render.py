"""Render the role nginx's files as Ansible does, with its own templates, defaults and variables: a program of its own.

Reads a JSON list of cases from standard input, each with the role's `variables`, the `host` as steady.deploy.nginx_info
tells of it, and whether it has `ipv6`. Prints a list with the `files` and the `upstreams` of each.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import init_plugin_loader
from ansible.template import Templar, trust_as_template

ROLE = Path(__file__).resolve().parents[3] / "roles/nginx"


def main() -> None:
    """Render all cases."""
    init_plugin_loader([])
    loader = DataLoader()
    role = {}
    for name in ("defaults", "vars"):
        role.update(loader.load_from_file(str(ROLE / name / "main.yml"), trusted_as_template=True))
    answers = []
    for case in json.load(sys.stdin):
        known = {
            **role,
            **case["variables"],
            "__nginx_host": case["host"],
            "ansible_facts": {"lo": {"ipv6": []} if case["ipv6"] else {}},
            "ansible_search_path": [str(ROLE)],
        }
        templar = Templar(loader=loader, variables=known)
        answers.append(
            {
                "files": templar.template(trust_as_template("{{ lookup('ansible.builtin.template', 'files.yml.j2') | from_yaml }}")),
                "upstreams": templar.template(trust_as_template("{{ __nginx_upstreams | from_json }}")),
            }
        )
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
