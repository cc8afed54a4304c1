# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An answer of a module that has migrations pending: judged here, on the controller, and gone on with once nothing is blocked."""

from __future__ import annotations

import typing as t

from ansible_collections.steady.deploy.plugins.plugin_utils import judging

Json = dict[str, t.Any]


def judged(done: Json, again: t.Callable[[Json], Json], diff: bool) -> Json:
    """What becomes of the answer ``done``. ``again`` runs the module with what the judge lets pass; ``diff``: his words are shown."""
    verdict = judging.judge(done["migrations"])
    if done.pop("to_judge", False) and not verdict.refusal:
        done = again(verdict.approved)
    for told in done.get("migrations", []):
        told["verdicts"] = verdict.verdicts.get(told["service"], [])
    if verdict.refusal and not done.get("failed"):
        done.update(failed=True, changed=False, msg=verdict.refusal)
    warnings = [*done.get("warnings", []), *verdict.warnings]
    shown = done.get("diff")
    if diff and verdict.text:
        told = {"header": "migrations", "prepared": verdict.text}
        shown = [*(shown if isinstance(shown, list) else [shown] if shown else []), told]
    return {**done, **({"warnings": warnings} if warnings else {}), **({"diff": shown} if shown is not None else {})}
