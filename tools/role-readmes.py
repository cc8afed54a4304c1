"""Write the table of variables in each role's README from its meta/argument_specs.yml, between two markers.

With ``--check``: change nothing, and fail where a README is not as it would be written.
"""

from __future__ import annotations

import json
import re
import sys
import typing as t
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
BEGIN = "<!-- variables: written by tools/role-readmes.py -->"
END = "<!-- end of variables -->"


def plain(text: str | list[str]) -> str:
    """A description as Markdown in one line: Ansible's semantic markup becomes code or emphasis."""
    joined = " ".join(text) if isinstance(text, list) else text
    joined = re.sub(r"O\((?:[\w.]+#role:\w+:)?([^)]*)\)", r"`\1`", joined)
    joined = re.sub(r"[CVERP]\(([^)]*)\)", r"`\1`", joined)
    joined = re.sub(r"[BI]\(([^)]*)\)", r"*\1*", joined)
    joined = re.sub(r"[UL]\(([^),]*)(?:,\s*([^)]*))?\)", lambda found: f"[{found[1]}]({found[2] or found[1]})", joined)
    return re.sub(r"\s+", " ", joined).strip().replace("|", "\\|")


def shown(option: dict[str, t.Any]) -> str:
    """The default of an option, as it would stand in YAML."""
    if option.get("required"):
        return "*required*"
    if "default" not in option or option["default"] is None:
        return ""
    value = option["default"]
    text = value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)
    return f"`{text}`".replace("|", "\\|") if len(text) <= 60 else "see `defaults/main.yml`"


def kind(option: dict[str, t.Any]) -> str:
    """The type of an option, or what it may be."""
    if option.get("choices"):
        return " or ".join(f"`{choice}`" for choice in option["choices"])
    elements = option.get("elements")
    return f"{option.get('type', 'str')} of {elements}" if elements else str(option.get("type", "str"))


def rows(options: dict[str, dict[str, t.Any]], before: str = "") -> t.Iterator[str]:
    """One row for each option, its own options below it."""
    for name, option in options.items():
        path = f"{before}{name}"
        yield f"| `{path}` | {kind(option)} | {shown(option)} | {plain(option.get('description', ''))} |"
        if option.get("options"):
            yield from rows(option["options"], path + ("[]." if option.get("type") == "list" else "."))


def table(spec: dict[str, t.Any]) -> str:
    """The tables of all entry points of a role."""
    parts = []
    for name, entry_point in spec["argument_specs"].items():
        options = entry_point.get("options") or {}
        if not options:
            continue
        if name != "main":
            parts.append(f"With `tasks_from: {name}`: {plain(entry_point['short_description'])}.")
        parts.append("\n".join(["| variable | type | default | what |", "| --- | --- | --- | --- |", *rows(options)]))
    return "\n\n".join(parts)


def written(role: Path) -> str:
    """The README of a role as it is to be. Raises ValueError where it has no place for the table."""
    for name in ("README.md", "meta/argument_specs.yml"):
        if not (role / name).is_file():
            raise ValueError(f"{role.name}: {name} is missing")
    readme = (role / "README.md").read_text(encoding="utf-8")
    if readme.count(BEGIN) != 1 or readme.count(END) != 1:
        raise ValueError(f"{role.name}: README.md needs the lines '{BEGIN}' and '{END}', once each: the table goes between them")
    spec = yaml.safe_load((role / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))
    head, tail = readme.split(BEGIN)[0], readme.split(END)[1]
    return f"{head}{BEGIN}\n\n{table(spec)}\n\n{END}{tail}"


def main(check: bool) -> int:
    """Write or check all READMEs, and return the exit status."""
    wrong = 0
    for role in sorted(path for path in (ROOT / "roles").iterdir() if path.is_dir()):
        try:
            text = written(role)
        except ValueError as error:
            print(f"role-readmes: {error}", file=sys.stderr)
            wrong += 1
            continue
        readme = role / "README.md"
        if text == readme.read_text(encoding="utf-8"):
            continue
        if check:
            print(f"role-readmes: {role.name}: README.md is not what tools/role-readmes.py writes: run it", file=sys.stderr)
            wrong += 1
        else:
            readme.write_text(text, encoding="utf-8")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
