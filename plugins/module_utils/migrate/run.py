# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Applying migrations: under the database's lock, watched by the guard, tried again where a lock was not to be had in time."""

from __future__ import annotations

import random
import typing as t
from dataclasses import dataclass, field

from ansible_collections.steady.deploy.plugins.module_utils.core.clock import Clock
from ansible_collections.steady.deploy.plugins.module_utils.core.errors import MigrateError
from ansible_collections.steady.deploy.plugins.module_utils.core.progress import Tell, untold
from ansible_collections.steady.deploy.plugins.module_utils.migrate import indexes
from ansible_collections.steady.deploy.plugins.module_utils.migrate.adapter import Adapter, Tool
from ansible_collections.steady.deploy.plugins.module_utils.migrate.choose import Chosen, digest, with_phases
from ansible_collections.steady.deploy.plugins.module_utils.migrate.database.attempts import delays, is_lock_timeout
from ansible_collections.steady.deploy.plugins.module_utils.migrate.database.guard import Watched
from ansible_collections.steady.deploy.plugins.module_utils.migrate.look import Database, Lock, Looked, Watch
from ansible_collections.steady.deploy.plugins.module_utils.migrate.spec import Migration, Outcome, Pending
from ansible_collections.steady.deploy.plugins.module_utils.migrate.statements import bare
from ansible_collections.steady.deploy.plugins.module_utils.probe.wording import words

# Chooses, of what is pending, what is to be applied now. Raises MigrateError.
Choose = t.Callable[[t.Sequence[Migration]], Chosen]


@dataclass(frozen=True)
class Applied:
    """What was done of what was ``pending`` before. ``facts`` of the guard, the backup and the tries are told as they are."""

    pending: Pending
    applied: tuple[Migration, ...] = ()
    held_back: tuple[str, ...] = ()
    facts: t.Mapping[str, t.Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


class Run:
    """Brings the migrations of one job about."""

    def __init__(
        self,
        name: str,
        adapter: Adapter,
        tool: Tool,
        database: Database,
        clock: Clock,
        tries: int,
        tell: Tell = untold,
        kind: str = "service",
    ) -> None:
        """``name`` is the service's, or that of what else has migrations by its ``kind``: what sentences call it."""
        self._name = name
        self._called = f"{kind} {name}"
        self._adapter = adapter
        self._tool = tool
        self._database = database
        self._clock = clock
        self._tries = tries
        self._tell = tell

    def apply(
        self, choose: Choose, approved: t.Mapping[str, str] | None, phases: t.Mapping[str, str], looked: Looked | None = None
    ) -> Applied:
        """Apply what ``choose`` picks of what is pending now.

        ``approved`` has the digest of each migration that was judged; it is None where nobody is there yet whom one could hurt.
        ``phases`` are the judge's word on migrations that say none themselves. ``looked``: what the same run has seen already.
        Raises MigrateError: its facts have what was applied.
        """
        if looked is None:
            pending = self._adapter.pending(self._tool)
            if not pending.pending:
                self._fit(pending)
                return Applied(pending)
        self._database.check()
        with self._database.lock() as lock:
            # Another host may have been quicker.
            pending = self._adapter.pending(self._tool)
            self._fit(pending)
            migrations = self._migrations(pending.pending, looked)
            strange = [one.id for one in migrations if approved is not None and approved.get(one.id) != digest(one)]
            if strange:
                raise MigrateError(
                    f"{self._called}: migration {strange[0]} is not what was judged: its SQL has changed meanwhile; run again"
                )
            chosen = choose(with_phases(migrations, phases))
            held = tuple(one.id for one in chosen.held_back)
            if not chosen.apply:
                return Applied(pending, held_back=held)
            self._refuse_taken_for_made(chosen.apply)
            facts: dict[str, t.Any] = {"backup": self._database.backup()}
            with self._database.guard() as guard:
                try:
                    self._all(chosen.apply, lock, guard, facts)
                    invalid = self._database.invalid_indexes()
                except MigrateError as exc:
                    watched = guard.watched()
                    warned = {"warnings": [*watched.warnings, *watched.reports]}
                    exc.facts["migration"] = {**facts, **exc.facts.get("migration", {}), **_seen(watched), **warned}
                    raise
                watched = guard.watched()
            facts.update(_seen(watched))
            warnings = [*watched.warnings, *watched.reports, *indexes.remedies(invalid)]
            return Applied(pending, chosen.apply, held, facts, tuple(warnings))

    def _fit(self, pending: Pending) -> None:
        if pending.drift:
            raise MigrateError(
                f"{self._called}: the database does not fit the release's migrations: {pending.drift[0]}", drift=list(pending.drift)
            )

    def _refuse_taken_for_made(self, migrations: t.Sequence[Migration]) -> None:
        found = indexes.taken_for_made(migrations, self._database.invalid_indexes())
        if found:
            one, (name, table) = found
            raise MigrateError(
                f"{self._called}: migration {one} creates index {name}, and an invalid one of that name is left of an earlier try on table "
                f"{table}: {indexes.dropped(name)}, then run again"
            )

    def _migrations(self, ids: t.Sequence[str], looked: Looked | None) -> tuple[Migration, ...]:
        """These, as they were seen where they were: the code of a release does not change."""
        seen = {one.id: one for one in looked.migrations} if looked else {}
        if all(each in seen for each in ids):
            return tuple(seen[each] for each in ids)
        return self._adapter.migrations(self._tool, ids)

    def _all(self, migrations: t.Sequence[Migration], lock: Lock, guard: Watch, facts: dict[str, t.Any]) -> None:
        """Apply these, and try again those that did not get their lock."""
        done: list[str] = []
        pauses = delays(self._tries, 1.0, random.Random())
        facts.update(tries=0, applied=done)
        while True:
            left = [one for one in migrations if one.id not in done]
            ended = len(guard.watched().ended)
            facts["tries"] += 1
            self._tell("migrate", self._name, {"left": len(left)})
            concurrently = any(indexes.is_concurrent(text) for one in left for text in one.statements or ())
            outcome = self._try([one.id for one in left], self._database.environment(concurrently), lock, done)
            if outcome.failed is None:
                return
            failed = next(one for one in left if one.id == outcome.failed)
            cancelled = guard.watched().ended[ended:]
            pause = next(pauses, None) if is_lock_timeout(outcome.reason, bool(cancelled)) else None
            if pause is None or not _whole(failed, outcome):
                raise self._failed(outcome, done, [one.id for one in left if one.id not in done], cancelled, facts["tries"])
            self._tell("migrate", self._name, {"pause": round(pause, 1)}, again=outcome.reason)
            self._clock.sleep(pause)

    def _try(self, ids: t.Sequence[str], env: t.Mapping[str, str], lock: Lock, done: list[str]) -> Outcome:
        """Apply these, and add to what is ``done``. Once the lock is lost, no further command of the tool is begun."""
        try:
            outcome = self._adapter.apply(_With(self._tool, env, lock), ids)
            lock.check()
        except MigrateError:
            try:
                lock.check()
            except MigrateError as lost:
                raise MigrateError(f"{lost.message}. {self._ask(ids, done)}") from None
            raise
        done += outcome.applied
        return outcome

    def _ask(self, ids: t.Sequence[str], done: list[str]) -> str:
        """What of these is applied, where the adapter did not come to tell; it is added to what is ``done``."""
        try:
            now = self._adapter.pending(self._tool)
        except MigrateError as exc:
            return f"Nobody knows how much of {words(ids)} is applied: {exc.message}"
        if now.drift:
            return f"Nobody knows how much of {words(ids)} is applied: {now.drift[0]}"
        done += [each for each in ids if each not in now.pending]
        return _applied(done, [each for each in ids if each in now.pending])

    def _failed(
        self, outcome: Outcome, done: t.Sequence[str], missing: t.Sequence[str], cancelled: t.Sequence[str], tries: int
    ) -> MigrateError:
        why = f" (the guard: {cancelled[-1]})" if cancelled else ""
        tried = f" after {tries} tries" if tries > 1 else ""
        return MigrateError(
            f"migration {outcome.failed} of {self._called} failed{tried}: {outcome.reason}{why}. "
            f"{_applied(done, missing)}; what it left: {outcome.left}. {self._invalid()}Mend the migration, then run again",
            migration={"failed": outcome.failed, "reason": outcome.reason, "left": outcome.left, "not_applied": list(missing)},
        )

    def _invalid(self) -> str:
        try:
            return "".join(f"{told[0].upper()}{told[1:]}. " for told in indexes.remedies(self._database.invalid_indexes()))
        except MigrateError:
            # What failed says more than that the database can't be asked now.
            return ""


def _applied(done: t.Sequence[str], missing: t.Sequence[str]) -> str:
    return f"Applied: {words(done) if done else 'none'}; not applied: {words(missing) if missing else 'none'}"


def _seen(watched: Watched) -> dict[str, t.Any]:
    return {"longest_wait": watched.longest, "waited": watched.waited, "ended": list(watched.ended)}


def _whole(failed: Migration, outcome: Outcome) -> bool:
    """Whether trying again begins where the failed try began: it ran in a transaction, or has one statement that does all or nothing."""
    if outcome.final:
        return False
    statements = bare(failed.statements or ())
    return outcome.left.startswith("nothing") or (len(statements) == 1 and not indexes.is_concurrent(statements[0]))


class _With:
    """A tool with more in its environment, which begins nothing without the ``lock``."""

    def __init__(self, tool: Tool, env: t.Mapping[str, str], lock: Lock) -> None:
        self._tool = tool
        self._env = env
        self._lock = lock

    def run(self, argv: t.Sequence[str], *, stdin: str | None = None, timeout: float | None = None, env: t.Any = None) -> t.Any:
        """See Tool.run. Raises MigrateError where the lock was lost."""
        self._lock.check()
        return self._tool.run(argv, stdin=stdin, timeout=timeout, env={**self._env, **(env or {})})
