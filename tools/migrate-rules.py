"""Write the table of lint rules in docs/migrate-rules.md, with the evidence from the corpus, between two markers.

With ``--check``: change nothing, and fail where the page is not as it would be written.
"""

from __future__ import annotations

import sys
import typing as t
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / ".lab"), str(ROOT / "tests")]

from integration.migrate_corpus.cases import Case, corpus  # noqa: E402 - found by the line above
from integration.migrate_corpus.postgresql import MODES  # noqa: E402

from ansible_collections.steady.deploy.plugins.module_utils.migrate.spec import MARIADB, POSTGRESQL  # noqa: E402
from ansible_collections.steady.deploy.plugins.plugin_utils.migrate_lint.rules import RULES  # noqa: E402
from ansible_collections.steady.deploy.plugins.plugin_utils.migrate_lint.verdict import Rule  # noqa: E402

PAGE = ROOT / "docs/migrate-rules.md"
BEGIN = "<!-- rules: written by tools/migrate-rules.py -->\n"
END = "<!-- end of rules -->\n"
TITLES = {POSTGRESQL: "PostgreSQL", MARIADB: "MariaDB and MySQL"}


def shown(case: Case) -> str:
    """What the server showed, in words."""
    if case.not_shown:
        return ""
    words = [max(case.shows["locks"].values(), key=MODES.index)] if "locks" in case.shows else []
    words += [f"`{case.shows['accepts']}`"] if "accepts" in case.shows else []
    words += [what for what in ("rewritten", "scanned") if what in case.shows]
    words += ["thousands of rows locked"] if "written" in case.shows else []
    words += ["old query fails"] if case.shows.get("breaks") else []
    return " + ".join(words)


def evidence(rule: Rule) -> str:
    """What all statements showed that meet the rule: how many they are, and each thing once."""
    cases = [case for case in corpus(rule.engine).cases if rule.id in case.big]
    # Where a statement meets several rules, or a migration has several statements, what is shown may be another one's doing.
    plain = [case for case in cases if len(case.sql) == 1]
    cases = [case for case in plain if len(case.big) == 1] or plain or cases
    found = list(dict.fromkeys(filter(None, map(shown, cases))))
    return f"{len(cases)}: {'; '.join(found)}" if found else str(len(cases) or "")


def rows(engine: str) -> t.Iterator[str]:
    """The table of a database, line by line."""
    yield f"### {TITLES[engine]}\n"
    yield "| rule | level | | why | safe way | lock to be expected | statements shown: evidence |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for (where, name), rule in RULES.items():
        if where == engine:
            kind = "by size, server" if rule.overruled else "by size" if rule.sized else "contract" if rule.contract else ""
            cells = (f"`{name}`", rule.level, kind, rule.why, rule.safe_way, rule.lock, evidence(rule))
            yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
    yield ""


def main(check: bool) -> int:
    """Write or check the page, and return the exit status."""
    text = PAGE.read_text()
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    table = "\n".join(line for engine in TITLES for line in rows(engine))
    wanted = f"{before}{BEGIN}\n{table}\n{END}{after}"
    if text == wanted:
        return 0
    if check:
        print("docs/migrate-rules.md is not as the rules and the corpus would have it: run 'make format'", file=sys.stderr)
        return 1
    PAGE.write_text(wanted)
    return 0


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
