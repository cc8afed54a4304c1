"""The tables of bad.yml and shapes.yml as Markdown, for the docs: `python tests/inputs/tables.py`."""

from __future__ import annotations

from pathlib import Path

import yaml

HERE = Path(__file__).parent
TITLES = {
    "files": "The compose file can't be read",
    "services": "What the services are",
    "gates": "Gates",
    "parameters": "Parameters",
    "host": "Images and the host",
    "edge": "The edge",
}


def cell(text: str) -> str:
    """A text that stays in its cell."""
    return text.replace("|", "\\|").replace("{any}", "…").replace("{number}", "…")


def answers() -> str:
    """Every wrong input with its sentence, a table for each part."""
    table = yaml.safe_load((HERE / "bad.yml").read_text())
    del table["good"]
    parts = []
    for part, cases in table.items():
        rows = [f"| {case['id'].replace('-', ' ')} | {cell(case['says'])} |" for case in cases]
        parts.append("\n".join([f"### {TITLES[part]}", "", "| given | the answer |", "| --- | --- |", *rows]))
    return "\n\n".join(parts)


def shapes() -> str:
    """Every shape with what becomes of it."""
    rows = ["| shape | what becomes of it |", "| --- | --- |"]
    for shape in yaml.safe_load((HERE / "shapes.yml").read_text()):
        if "says" in shape:
            outcome = f"refused: {cell(shape['says'])}"
        else:
            kinds: dict[str, list[str]] = {}
            for name, kind in shape["kinds"].items():
                kinds.setdefault(kind, []).append(f"`{name}`")
            outcome = "; ".join(f"{kind}: {', '.join(names)}" for kind, names in kinds.items()) + f". {shape['steps']} steps"
        rows.append(f"| {cell(shape['after'])} | {outcome} |")
    return "\n".join(rows)


if __name__ == "__main__":
    print(answers())
    print()
    print(shapes())
