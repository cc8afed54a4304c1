# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The migrations of one rollout: what they look at, what is told of them, and the step that applies them."""

from __future__ import annotations

import os
import tempfile
import typing as t
from dataclasses import replace

from ansible_collections.steady.deploy.plugins.module_utils.commands import pending
from ansible_collections.steady.deploy.plugins.module_utils.compose.cli import RELEASE_LABEL, DockerCli
from ansible_collections.steady.deploy.plugins.module_utils.compose.oneoff import OneOff
from ansible_collections.steady.deploy.plugins.module_utils.compose.store import Store
from ansible_collections.steady.deploy.plugins.module_utils.compose.target import Target
from ansible_collections.steady.deploy.plugins.module_utils.core.clock import Clock
from ansible_collections.steady.deploy.plugins.module_utils.core.errors import MigrateError
from ansible_collections.steady.deploy.plugins.module_utils.core.journal import Journal
from ansible_collections.steady.deploy.plugins.module_utils.core.runner import SubprocessRunner
from ansible_collections.steady.deploy.plugins.module_utils.migrate import choose
from ansible_collections.steady.deploy.plugins.module_utils.migrate.changed import schema_diff
from ansible_collections.steady.deploy.plugins.module_utils.migrate.database.access import RealDatabase
from ansible_collections.steady.deploy.plugins.module_utils.migrate.look import Looked, look
from ansible_collections.steady.deploy.plugins.module_utils.migrate.memory import Memory
from ansible_collections.steady.deploy.plugins.module_utils.migrate.run import Applied, Run
from ansible_collections.steady.deploy.plugins.module_utils.migrate.spec import CONTRACT, Migration
from ansible_collections.steady.deploy.plugins.module_utils.migrate.tools import adapter_of
from ansible_collections.steady.deploy.plugins.module_utils.migrate.wish import MigrateWish
from ansible_collections.steady.deploy.plugins.module_utils.rollout import steps as s
from ansible_collections.steady.deploy.plugins.module_utils.rollout.observed import Observed
from ansible_collections.steady.deploy.plugins.module_utils.rollout.spec import JOB, Options, Service, Wish

Json = dict[str, t.Any]


class Migrations:
    """``approved`` is what the judge on the controller has let pass: by service ``digests`` and ``phases``, each by migration.

    It is empty before he has judged, and None where there is no judge.
    """

    def __init__(
        self,
        wish: Wish,
        target: Target | None,
        cli: DockerCli,
        store: Store,
        clock: Clock,
        runner: SubprocessRunner,
        owner: str,
        env_files: t.Sequence[str],
        journal: Journal,
        approved: Json | None,
        learns: bool,
        compares: bool,
    ) -> None:
        """``learns``: not in a check, which leaves everything as it is. ``compares`` the schema before and after, for a diff."""
        self._wish = wish
        self._target = target
        self._cli = cli
        self._store = store
        self._clock = clock
        self._runner = runner
        self._owner = f"{owner}, {wish.app} on {os.uname().nodename}"
        self._env_files = env_files
        self._journal = journal
        self._approved = approved
        self._learns = learns
        self._compares = compares
        self._memory = Memory(store.migrations)
        self._looks: dict[str, Looked] = {}
        self._served: str | None = None
        self.applied: list[Json] = []
        self.schemas: list[Json] = []
        # Which service's tool was asked what is pending, since when, and for how many seconds.
        self.asked: list[tuple[str, float, float]] = []
        self.warnings: list[str] = []

    def looked(self, observed: Observed, options: Options) -> Observed:
        """What was observed, and which jobs have contract migrations that wait.

        Where nobody is served yet and the accessories do not run, there is nobody to ask: the step does it then. Raises MigrateError.
        """
        self._served = observed.served
        mine = observed.release(self._wish.release)
        settled = observed.served == self._wish.release or bool(mine and mine.complete)
        jobs = self._jobs()
        if self._target is None or not jobs or (settled and not options.contract):
            return observed
        if observed.served is None and not all(accessory.running for accessory in observed.accessories):
            return observed
        missing = [image.reference for image in self._target.images.values() if not image.present]
        if any(job.image in missing for job in jobs):
            self.warnings.append("the release's image is not on the host yet, so its pending migrations can't be told")
            return observed
        contracted = self._memory.contracted()
        for job in jobs:
            found = self._looks[job.name] = self._look(job)
            self._fit(job.name, found, contracted.get(job.name, ()))
        waiting = tuple(
            name
            for name, found in self._looks.items()
            if not self._nobody(found)
            and any(one.phase == CONTRACT for one in choose.with_phases(found.migrations, self._of_judge(name, "phases")))
        )
        return replace(observed, contracts=waiting)

    def _fit(self, name: str, found: Looked, contracted: t.Sequence[str]) -> None:
        """Older code, rolled out as a new release. Raises MigrateError."""
        pending.check_fits(self._wish.release, f"service {name}", found, contracted, self._store.migrations)
        self.warnings += pending.strangers(f"service {name}", found)

    def unjudged(self) -> bool:
        """Whether there is something that nobody has judged yet. Raises MigrateError where nobody is there who could."""
        found = [name for name, look in self._looks.items() if look.migrations and not self._nobody(look)]
        if found and self._approved is None:
            raise pending.no_judge(f"service {found[0]}")
        return bool(found) and not self._approved

    def told(self) -> list[Json]:
        """What is pending and to be judged, for the judge and for people."""
        wishes = {job.name: t.cast(MigrateWish, job.migrate) for job in self._jobs()}
        return [pending.told(name, wishes[name], found) for name, found in self._looks.items() if not self._nobody(found)]

    def do(self, step: s.Step) -> None:
        """The step MIGRATE. Raises MigrateError; its facts tell what was and what was not applied."""
        job = next(service for service in self._wish.services if service.name == step.services[0])
        if not self._looks and not self._served:
            # All at once: what the first of them applies may leave rows that the next would take for users.
            self._looks = {one.name: self._late(one) for one in self._jobs()}
        found = self._looks.get(job.name)
        if found and not found.migrations:
            # Asked moments ago. Whatever another host does meanwhile, this release needs no more.
            return
        wish = t.cast(MigrateWish, job.migrate)
        tool, database = self._means(job, wish)
        run = Run(job.name, self._adapter(wish), tool, database, self._clock, wish.tries, self._journal.tell)
        nobody = found is not None and self._nobody(found)
        approved = None if nobody else self._of_judge(job.name, "digests")
        before = database.schema() if self._compares else ""
        try:
            done = run.apply(self._choice(job.name, step.point, nobody), approved, self._of_judge(job.name, "phases"), found)
        except MigrateError as exc:
            told = exc.facts.get("migration") or {}
            self.warnings += told.get("warnings", ())
            self._journal.write("migrated", service=job.name, **{"applied": [], **told})
            raise
        finally:
            tool.close()
            if self._compares:
                self._compare(wish.where.label, before, database)
        self._memory.learn(self._wish.release, job.name, done.pending, self._store.releases(), done.held_back)
        self._tell(job.name, str(step.point), done)

    def _late(self, job: Service) -> Looked:
        """A look at a database that could not be asked before the rollout. Raises MigrateError where its users may be hurt."""
        found = self._look(job, judged=False)
        self._fit(job.name, found, self._memory.contracted().get(job.name, ()))
        if found.migrations and not self._nobody(found):
            label = t.cast(MigrateWish, job.migrate).where.label
            raise MigrateError(
                f"service {job.name}: {label} is not empty, so it may have users, and nobody has judged what is pending, since "
                "it could not be asked before the rollout; the accessories are up now, so run again"
            )
        return found

    def _compare(self, label: str, before: str, database: RealDatabase) -> None:
        diffs, warnings = schema_diff(label, before, database)
        self.schemas += diffs
        self.warnings += warnings

    def _tell(self, name: str, phase: str, done: Applied) -> None:
        told = {"service": name, "phase": phase, "applied": [one.id for one in done.applied], "held_back": list(done.held_back)}
        self._journal.write("migrated", **told)
        self.applied.append({**told, **done.facts})
        self.warnings += done.warnings
        if done.held_back and phase == s.EXPAND:
            self.warnings.append(pending.waits(f"service {name}", done.held_back))

    def _choice(self, name: str, point: int | str, nobody: bool) -> t.Callable[[t.Sequence[Migration]], choose.Chosen]:
        if point == s.EXPAND:
            return lambda migrations: choose.before_shift(migrations, served=not nobody)

        def contract(migrations: t.Sequence[Migration]) -> choose.Chosen:
            others = [release for release in self._store.releases() if release != self._wish.release]
            chosen = choose.after_shift(migrations, self._memory.known_by(name, others))
            self._memory.contract(name, [one.id for one in chosen.apply])
            return chosen

        return contract

    def _nobody(self, found: Looked) -> bool:
        return not self._served and pending.nobody_is_there(found)

    def _look(self, job: Service, judged: bool = True) -> Looked:
        """``judged``: what is found may go to the judge."""
        wish = t.cast(MigrateWish, job.migrate)
        begun = self._clock.monotonic()
        tool, database = self._means(job, wish)
        try:
            found = look(self._adapter(wish), tool, database)
            # Once it is judged, nobody needs to know.
            if found.migrations and judged and not self._approved and not self._nobody(found):
                found = replace(found, answers=database.answers(found.migrations, self._learns))
        finally:
            tool.close()
            self.asked.append((job.name, begun, self._clock.monotonic() - begun))
        if self._learns:
            self._memory.learn(self._wish.release, job.name, found.pending, self._store.releases())
        return found

    def _means(self, job: Service, wish: MigrateWish) -> tuple[OneOff, RealDatabase]:
        target = t.cast(Target, self._target)
        where = wish.where
        if where.service:
            running = [
                state
                for state in self._cli.containers(self._wish.app)
                if state.service == where.service and state.running and not state.label(RELEASE_LABEL)
            ]
            if not running:
                raise MigrateError(f"service {job.name}: {where.label} does not run: look at `docker ps -a` and at its log")
            where = where.at(running[0].id)
        keep = pending.keeper(self._runner)
        database = RealDatabase(where, wish, self._owner, self._clock, self._runner, keep, self._journal.tell)
        # A check has nothing of its own on a host where nothing was rolled out yet.
        folder = self._store.folder if os.path.isdir(self._store.folder) else tempfile.gettempdir()
        tool = OneOff(self._cli, target, self._wish.app, job.name, self._env_files, folder, database.seen_at)
        return tool, database

    @staticmethod
    def _adapter(wish: MigrateWish) -> t.Any:
        return adapter_of(wish.tool, wish.settings, wish.where.engine)

    def _jobs(self) -> tuple[Service, ...]:
        return tuple(job for job in self._wish.of(JOB) if job.migrate) if self._wish.jobs else ()

    def _of_judge(self, name: str, what: str) -> Json:
        return pending.of_judge(self._approved, name, what)
