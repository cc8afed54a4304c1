"""What a role makes of variables: its templates rendered by Ansible itself, with its own defaults and variables.

As a program it reads from standard input what `rendered` sends, since Ansible's plugin loader is set up once per process.
"""

from __future__ import annotations

import json
import subprocess
import sys
import typing as t
from pathlib import Path

ROLES = Path(__file__).resolve().parents[2] / "roles"


def rendered(role: str, cases: t.Sequence[t.Mapping[str, t.Any]], **expressions: str) -> list[dict[str, t.Any]]:
    """For each case, a mapping of variables: the value of each expression. Raises RuntimeError with what Ansible said."""
    order = json.dumps({"role": role, "cases": list(cases), "expressions": expressions})
    done = subprocess.run([sys.executable, __file__], input=order, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    return json.loads(done.stdout)


def nginx(cases: t.Sequence[t.Mapping[str, t.Any]]) -> list[dict[str, t.Any]]:
    """The `files` and the `upstreams` that the role nginx gives its module."""
    files = "{{ lookup('ansible.builtin.template', 'files.yml.j2') | from_yaml }}"
    return rendered("nginx", cases, files=files, upstreams="{{ __nginx_upstreams | from_json }}")


def main() -> None:
    """Render all cases."""
    from ansible.parsing.dataloader import DataLoader
    from ansible.plugins.loader import init_plugin_loader
    from ansible.template import Templar, trust_as_template

    order = json.load(sys.stdin)
    init_plugin_loader([])
    loader = DataLoader()
    folder = ROLES / order["role"]
    own: dict[str, t.Any] = {"ansible_managed": "Ansible managed", "inventory_hostname": "web1", "ansible_search_path": [str(folder)]}
    for name in ("defaults", "vars"):
        own.update(loader.load_from_file(str(folder / name / "main.yml"), trusted_as_template=True))
    answers = []
    for case in order["cases"]:
        templar = Templar(loader=loader, variables={**own, **case})
        answers.append({name: templar.template(trust_as_template(text)) for name, text in order["expressions"].items()})
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
