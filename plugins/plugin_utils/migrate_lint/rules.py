# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All rules, by database and id, and the levels a user gives them."""

from __future__ import annotations

import difflib
import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import SpecError
from ansible_collections.steady.deploy.plugins.module_utils.migrate.spec import ENGINES
from ansible_collections.steady.deploy.plugins.plugin_utils.migrate_lint import rules_mariadb, rules_postgresql
from ansible_collections.steady.deploy.plugins.plugin_utils.migrate_lint.verdict import BLOCK, LEVELS, WARN, Rule

# On either database.
_BOTH = (
    ("unparsable", WARN, "This statement can't be read, so nobody can say what it does.", "Look at it yourself, and write down a waiver."),
    (
        "opaque",
        WARN,
        "What this does is not told by its text, so it can't be judged.",
        "Try it on a copy of the database, and write down a waiver.",
    ),
    (
        "unknown-phase",
        BLOCK,
        "Not all of it can be read, and it does not say when it may run: it may break the code that runs now.",
        "Say in its name, its folder or a comment ('steady: expand') whether it is expand or contract.",
    ),
    ("waiver-without-reason", BLOCK, "A waiver has to say why.", "Write 'steady: allow RULE: REASON'."),
    ("unused-waiver", WARN, "Nothing in this migration meets the rule that is waived.", "Remove the waiver, or correct the rule's name."),
)

RULES: t.Mapping[tuple[str, str], Rule] = {
    (rule.engine, rule.id): rule
    for rule in (
        *rules_postgresql.RULES,
        *rules_mariadb.RULES,
        *(Rule(name, engine, level, why, safe) for name, level, why, safe in _BOTH for engine in ENGINES),
    )
}
IDS = frozenset(name for dummy, name in RULES)


def check_levels(levels: t.Mapping[str, t.Any]) -> dict[str, str]:
    """The levels as given. Raises SpecError for a rule or a level that does not exist."""
    for rule, level in levels.items():
        if rule not in IDS:
            raise SpecError(f"There is no lint rule {rule!r}{near(str(rule))}. docs/migrate-rules.md lists all rules.")
        if level not in LEVELS:
            raise SpecError(f"The lint rule {rule} can't have the level {level!r}: say block, warn or allow.")
    return dict(levels)


def near(rule: str) -> str:
    """A question for somebody who mistyped a rule's name, or nothing."""
    found = difflib.get_close_matches(rule, sorted(IDS), 1)
    return f": did you mean {found[0]}?" if found else ""
