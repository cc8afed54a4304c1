# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way back, the same for every strategy: from whatever is there to the release that was served. Pure."""

from __future__ import annotations

from ansible_collections.steady.deploy.plugins.module_utils.probe.wording import words
from ansible_collections.steady.deploy.plugins.module_utils.rollout import steps as s
from ansible_collections.steady.deploy.plugins.module_utils.rollout.observed import Observed
from ansible_collections.steady.deploy.plugins.module_utils.rollout.parts import drain, workers_and_singletons
from ansible_collections.steady.deploy.plugins.module_utils.rollout.spec import (
    SINGLETON,
    WEB,
    WORKER,
    Wish,
)
from ansible_collections.steady.deploy.plugins.module_utils.rollout.words import is_or_are

Step = s.Step


def restore(original: str | None, wish: Wish, observed: Observed, seen: bool = True) -> tuple[Step, ...]:
    """The steps back to ``original``, the release that was served before a rollout to ``wish`` failed.

    ``seen`` says that users may have reached the wished release, even where a shift to it was taken back.
    """
    failed = observed.release(wish.release)
    before = observed.release(original)
    steps: list[Step] = []
    # What a run by another strategy left behind: some of its replicas out of the edge, or requests held.
    partly = not observed.edge_matches and any(unit.at_edge for unit in before.of(WEB)) if before else False
    if observed.served != original or observed.mixed or partly:
        down = before.lacks(WEB) if before else ()
        if down:
            steps.append(Step(s.START, f"start {words(down)} of release {original}", original or "", down))
            steps.append(Step(s.GATE, f"wait until {words(down)} of release {original} {is_or_are(down)} ready", original or "", down))
        text = f"shift traffic back to release {original}" if original else "take the release out of the edge again"
        steps.append(Step(s.SHIFT, text, original or ""))
    if before:
        steps += workers_and_singletons(before, observed)
    if failed and original != wish.release:
        web = failed.runs(WEB)
        if web and (seen or observed.served == wish.release):
            steps.append(drain([(failed.id, name) for name in web]))
        if not failed.complete:
            steps.append(Step(s.REMOVE, f"remove release {failed.id}", failed.id))
        # Where there was a release before, it has the workers and singletons by now.
        elif left := web if before else failed.runs(WEB, WORKER, SINGLETON):
            steps.append(Step(s.STOP, f"stop release {failed.id}, keep it", failed.id, left))
    return tuple(steps)
