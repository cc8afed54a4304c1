# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guard: watches a migration from a connection of its own, and ends what makes others wait too long."""

from __future__ import annotations

import threading
import time
import typing as t
from dataclasses import dataclass, replace

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import MigrateError
from ansible_collections.steady.deploy.plugins.module_utils.core.progress import Tell, untold
from ansible_collections.steady.deploy.plugins.module_utils.migrate.database.dialect import Row
from ansible_collections.steady.deploy.plugins.module_utils.migrate.database.judge import Act, Judge
from ansible_collections.steady.deploy.plugins.module_utils.migrate.database.limits import Limits
from ansible_collections.steady.deploy.plugins.module_utils.migrate.database.session import Asks, Opens
from ansible_collections.steady.deploy.plugins.module_utils.migrate.database.view import Held, Signs, View, view
from ansible_collections.steady.deploy.plugins.module_utils.migrate.spec import MARIADB

# Seconds.
LOOKS_EVERY = 0.1
_COMES_BACK = 1.0

NAME = "steady.deploy guard"
# So often a tool has a connection, or its container runs while somebody waits too long, and none in the database is known for the
# tool's, until that is more than a moment's matter.
_STRANGE = 5
_BLIND = (
    "the guard of the migration can't tell the tool's connections to the database from those of others, so it ended nothing: let the "
    "tool connect straight to the server, by TCP, and a MariaDB resolve no names (skip_name_resolve)"
)
# Errors that say that one may not: insufficient_privilege; ER_SPECIFIC_ACCESS_DENIED, ER_KILL_DENIED.
_DENIED = {"42501", "1227", "1095"}
# The statement or the connection had ended before it could be ended: ER_NO_SUCH_THREAD, ER_NO_SUCH_QUERY.
_GONE = {"1094", "1957"}


@dataclass(frozen=True)
class Watched:
    """What a guard saw: the longest that others waited, in seconds, how many did; a sentence for each statement it ended, for each
    that it only reports, and for each thing it could not do.
    """

    longest: float = 0.0
    waited: int = 0
    ended: tuple[str, ...] = ()
    reports: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


class Guard:
    """Watches while it is entered. ``signs`` may be set anew for each container of the tool; they have addresses while one runs."""

    def __init__(
        self,
        opens: Opens,
        engine: str,
        limits: Limits,
        signs: Signs,
        tell: Tell = untold,
        held: t.Callable[[], Held] | None = None,
    ) -> None:
        """``held`` tells the connections of a tool on the host, as they are now."""
        self._opens = opens
        self._engine = engine
        self._judge = Judge(limits)
        self._tell = tell
        self.signs = signs
        self._held = held
        self._strange = 0
        self._known = False
        self._session: Asks | None = None
        self._without: set[str] = set()
        self._over = threading.Event()
        self._keys: set[str] = set()
        self._ended: list[str] = []
        self._reports: list[str] = []
        self._warnings: list[str] = []

    def __enter__(self) -> Guard:
        """Raises MigrateError where the database can't be asked."""
        self._session = self._opens(NAME)
        self._thread = threading.Thread(target=self._watch, name="migration guard", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_exc: t.Any) -> None:
        self._over.set()
        self._thread.join()
        if self._session is not None:
            self._session.close()

    def watched(self) -> Watched:
        """What it has seen so far."""
        judge = self._judge
        warnings = [*self._warnings, *([_BLIND] if self._strange >= _STRANGE and not self._known else [])]
        return Watched(round(judge.longest, 2), len(judge.waited), tuple(self._ended), tuple(self._reports), tuple(warnings))

    def _watch(self) -> None:
        while not self._over.is_set():
            begun = time.monotonic()
            if self._session is None:
                self._again()
            else:
                try:
                    self._look(self._session)
                except MigrateError as exc:
                    self._warn(f"the guard of the migration does not see it for a while: {exc.message}")
                    self._session.close()
                    self._session = None
            pause = LOOKS_EVERY if self._session is not None else _COMES_BACK
            self._over.wait(max(0.0, begun + pause - time.monotonic()))

    def _again(self) -> None:
        try:
            self._session = self._opens(NAME)
        except MigrateError:
            # It has warned already, and tries once more.
            pass

    def _look(self, session: Asks) -> None:
        held = self._held() if self._held else Held()
        way = self._view(session, held)
        answers: dict[str, list[Row]] = {}
        for what, sql in way.questions().items():
            if what in self._without:
                continue
            try:
                answers[what] = session.query(sql)
            except MigrateError as exc:
                if exc.facts.get("code") not in _DENIED or what == "connections":
                    raise
                self._without.add(what)
                self._warn(way.missing)
        if self._held:
            # While the question was on its way a port may have got another owner.
            held = held.still(self._held())
            way = self._view(session, held)
        seen = way.seen(answers)
        acts, reports = self._judge.look(time.monotonic(), seen)
        self._known = self._known or seen.known
        if not seen.known and (held.all or held.hidden or (self.signs.addresses and self._judge.late)):
            self._strange += 1
            if self._strange == _STRANGE and not self._known:
                self._tell("guard", "warns", detail=_BLIND)
        for why in reports:
            self._reports.append(why)
            self._tell("guard", "reports", detail=why)
        for act in acts:
            self._end(session, way, act)

    def _view(self, session: Asks, held: Held) -> View:
        return view(self._engine, replace(self.signs, sockets=held.database), session.literal)

    def _end(self, session: Asks, way: View, act: Act) -> None:
        try:
            ended = session.query(way.end(act.own))
        except MigrateError as exc:
            if exc.facts.get("code") in _DENIED:
                if act.own.key not in self._keys:
                    self._keys.add(act.own.key)
                    self._warn(f"the guard may not end the migration's statement ({exc.facts['said']}), though {act.why}")
            elif exc.facts.get("code") not in _GONE:
                raise
            return
        # PostgreSQL answers with a row where there was something to end, MariaDB with an error where there was not.
        # It may take a moment to end, and is told once.
        if (self._engine == MARIADB or ended == [["t"]]) and act.own.key not in self._keys:
            self._keys.add(act.own.key)
            self._ended.append(act.why)
            self._tell("guard", "ended", detail=act.why)

    def _warn(self, sentence: str) -> None:
        if sentence not in self._warnings:
            self._warnings.append(sentence)
            self._tell("guard", "warns", detail=sentence)
