"""Check that every role says the same in defaults/main.yml, meta/argument_specs.yml and its README.

For each role: its variables start with the role's name, each default is a documented option with the same
value, each option that is not required has a default, and the README names each option.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
MISSING = object()


def load(path: Path) -> dict[str, Any]:
    """Return the mapping in a YAML file. Raises ValueError with the file's name for anything else."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is not YAML: {error}") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ValueError(f"{path} must hold a mapping")
    return content


def templated(value: object) -> bool:
    """Whether a default is computed by Jinja, so that the spec can only describe it in words."""
    return isinstance(value, str) and "{{" in value


def check_role(role: Path) -> list[str]:
    """Return one sentence per contradiction in a role."""
    specs_file = role / "meta" / "argument_specs.yml"
    defaults_file = role / "defaults" / "main.yml"
    if not specs_file.is_file():
        return [f"{role.name}: meta/argument_specs.yml is missing"]
    entry_points = load(specs_file).get("argument_specs") or {}
    defaults = load(defaults_file) if defaults_file.is_file() else {}
    if "main" not in entry_points:
        return [f"{role.name}: meta/argument_specs.yml has no entry point 'main'"]

    options: dict[str, dict[str, Any]] = {}
    for entry_point in entry_points.values():
        options.update(entry_point.get("options") or {})

    found = []
    for name in sorted(set(defaults) | set(options)):
        if not name.startswith(f"{role.name}_"):
            found.append(f"{role.name}: the public variable {name} must start with '{role.name}_'")
    for name in sorted(set(defaults) - set(options)):
        found.append(f"{role.name}: {name} is in defaults/main.yml but not in meta/argument_specs.yml")
    for name, option in sorted(options.items()):
        default, documented = defaults.get(name, MISSING), option.get("default", MISSING)
        if option.get("required"):
            if default is not MISSING:
                found.append(f"{role.name}: {name} is required and has a default all the same")
            continue
        if default is MISSING:
            found.append(f"{role.name}: {name} is optional in meta/argument_specs.yml but not in defaults/main.yml")
        elif documented is MISSING:
            if default not in (None, "", [], {}) and not templated(default):
                found.append(f"{role.name}: {name} has the default {default!r}, meta/argument_specs.yml does not say so")
        elif not templated(default) and (default != documented or isinstance(default, bool) != isinstance(documented, bool)):
            found.append(f"{role.name}: {name} is {default!r} in defaults/main.yml but {documented!r} in meta/argument_specs.yml")

    readme = role / "README.md"
    if not readme.is_file():
        found.append(f"{role.name}: README.md is missing")
    else:
        text = readme.read_text(encoding="utf-8")
        found.extend(f"{role.name}: README.md does not name {name}" for name in sorted(options) if name not in text)
    return found


def main(roles_dir: Path = ROOT / "roles") -> int:
    """Check all roles, print what is wrong, and return the exit status."""
    roles = sorted(path for path in roles_dir.glob("*") if path.is_dir())
    if not roles:
        print(f"check-role-specs: no roles in {roles_dir}", file=sys.stderr)
        return 1
    try:
        found = [sentence for role in roles for sentence in check_role(role)]
    except ValueError as error:
        found = [str(error)]
    for sentence in found:
        print(f"check-role-specs: {sentence}", file=sys.stderr)
    print(f"check-role-specs: {len(roles)} roles, {len(found)} contradictions")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(*(Path(argument) for argument in sys.argv[1:])))
