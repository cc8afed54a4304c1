"""Render the role php_fpm's files as Ansible does, with its own templates, defaults and variables: a program of its own.

Reads a JSON list of cases from standard input: the role's `variables`, and the lines of `look.sh`. Prints a list with
the `files` and the `refusals` of each.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import init_plugin_loader
from ansible.template import Templar, trust_as_template

ROLE = Path(__file__).resolve().parents[2] / "roles/php_fpm"


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
            "__php_fpm_look": {"stdout_lines": case["look"]},
            "inventory_hostname": "web1",
            "ansible_managed": "Ansible managed",
            "ansible_facts": {"memtotal_mb": 2048},
            "ansible_search_path": [str(ROLE)],
        }
        templar = Templar(loader=loader, variables=known)
        refusals = templar.template(trust_as_template("{{ __php_fpm_refusals }}"))
        files = [] if refusals else templar.template(trust_as_template("{{ __php_fpm_files }}"))
        answers.append({"files": files, "refusals": refusals})
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
