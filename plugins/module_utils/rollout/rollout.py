# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One rollout: observe, plan, execute; and on failure the way back."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ansible_collections.steady.deploy.plugins.module_utils.core import journal as journals
from ansible_collections.steady.deploy.plugins.module_utils.core.errors import SteadyError
from ansible_collections.steady.deploy.plugins.module_utils.core.journal import Journal
from ansible_collections.steady.deploy.plugins.module_utils.edge.base import Edge
from ansible_collections.steady.deploy.plugins.module_utils.rollout.backend import Backend
from ansible_collections.steady.deploy.plugins.module_utils.rollout.executor import Executor
from ansible_collections.steady.deploy.plugins.module_utils.rollout.mixture import shares_of
from ansible_collections.steady.deploy.plugins.module_utils.rollout.observed import Accessory, Observed
from ansible_collections.steady.deploy.plugins.module_utils.rollout.parts import hooks
from ansible_collections.steady.deploy.plugins.module_utils.rollout.spec import UNDONE, Options, Wish
from ansible_collections.steady.deploy.plugins.module_utils.rollout.steps import Step
from ansible_collections.steady.deploy.plugins.module_utils.rollout.strategies import STRATEGIES, way_back


class Rollout:
    """Brings one app to one release."""

    def __init__(
        self, wish: Wish, options: Options, backend: Backend, edge: Edge, journal: Journal, executor: Executor, journal_path: str
    ) -> None:
        self._wish = wish
        self._options = options
        self._backend = backend
        self._edge = edge
        self._journal = journal
        self._executor = executor
        self._journal_path = journal_path
        self._unwritten: str | None = None
        self.held_back: list[str] = []

    def observe(self) -> Observed:
        """Look at the host and the edge."""
        entries = journals.read(self._journal_path)
        history = journals.served_before(entries)
        unfinished = journals.unfinished(entries)
        served = self._edge.served()
        if served.release and not history and not unfinished:
            # The journal was lost. What users are served came by a rollout that ended well, and is kept to go back to.
            history = [served.release]
            self._unwritten = served.release
        releases, accessories, missing = self._backend.observe(history)
        if not self._options.update_accessories:
            self.held_back = [
                f"accessory {accessory.service} is not as the compose file has it and was left as it runs: "
                "recreate it with `update_accessories`, which takes it down for a moment"
                for accessory in accessories
                if accessory.exists and not accessory.current
            ]
        matches = (served.release is None or served.ports() == self._backend.ports(served.release)) and not self._edge.holding()
        return Observed(
            served=served.release,
            releases=releases,
            accessories=tuple(
                accessory if self._options.update_accessories or accessory.current else _kept(accessory) for accessory in accessories
            ),
            unfinished=unfinished,
            images_missing=missing,
            history=tuple(history),
            edge_matches=matches,
            shares=shares_of(served, self._backend.states),
        )

    def plan(self, observed: Observed) -> tuple[Step, ...]:
        """The steps from what is there to the wish."""
        return STRATEGIES[self._options.strategy](self._wish, observed, self._options)

    def run(self, observed: Observed, steps: t.Sequence[Step]) -> None:
        """Do the steps. Raises the error that stopped them, after the way back was gone; its facts say how that went.

        Raises also what failed behind the rollout: then the new release serves, as wished.
        """
        if not steps:
            return
        original = self._original(observed)
        if self._unwritten:
            # Else the next run would not know it for a whole one, and remove it.
            self._journal.write("closed", release=self._unwritten, outcome="ok")
        self._journal.write("opened", release=self._wish.release, before=original, steps=[step.text for step in steps])
        try:
            self._executor.run(steps)
        except SteadyError as exc:
            if exc.facts.get("paused"):
                self._pause(exc)
            else:
                self._undo(original, exc)
            raise
        self._journal.write("closed", release=self._wish.release, outcome="ok")
        self._journal.trim()
        if self._executor.late:
            late = self._executor.late
            late.facts["undone"] = False
            late.message += f". Release {self._wish.release} serves; the next run with `contract` tries again"
            raise late

    def _original(self, observed: Observed) -> str | None:
        """The release to go back to: the served one, unless that is what a rollout cut short left half-done beside a whole one."""
        served = observed.release(observed.served)
        if observed.unfinished and not (served and served.complete and not observed.mixed):
            before = observed.release(journals.started_from(journals.read(self._journal_path)))
            if before and before.complete:
                return before.id
        return observed.served

    def _pause(self, failure: SteadyError) -> None:
        """Leave everything as it is: the journal stays open, so that the next run goes on, whichever way."""
        self._journal.write("paused", release=self._wish.release, error=failure.message)
        failure.facts["undone"] = False
        failure.message += (
            ". Paused there, as failure_action says: users reach replicas of both releases; run the play again to go on, "
            "or with `state: previous` to go back"
        )

    def _undo(self, original: str | None, failure: SteadyError) -> None:
        """Go back to the release that was served. What is there is observed anew, so it does not matter how far the rollout came."""
        self._executor.forget()
        # A full disk may be what the rollout failed of: the way back is gone all the same.
        self._journal.lenient = True
        self._journal.write("undo", release=self._wish.release, before=original, error=failure.message)
        failure.facts["undone"] = False
        try:
            back = way_back(self._options.strategy)
            self._executor.run(back(original, self._wish, self.observe(), self._executor.shift_tried))
            self._executor.run(hooks(self._options, UNDONE, self._wish, rolls_back=False))
        except Exception as exc:  # noqa: BLE001
            # Whatever it is, it must not hide what the rollout failed of.
            reason = exc.message if isinstance(exc, SteadyError) else f"unexpected {type(exc).__name__}: {exc}"
            self._journal.write("undo_failed", release=original, error=reason)
            failure.message += f". The way back failed too: {reason}; run the play again once that is mended"
            return
        self._journal.write("closed", release=original, outcome="undone")
        failure.facts["undone"] = True
        failure.message += f". Undone: release {original} serves as before" if original else ". Undone: nothing is served, as before"


def _kept(accessory: Accessory) -> Accessory:
    """A changed accessory that must not be recreated: the plan leaves it alone."""
    return replace(accessory, current=True)
