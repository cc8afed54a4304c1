# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking a migration tool, and what all adapters make of its answers."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import MigrateError
from ansible_collections.steady.deploy.plugins.module_utils.core.logs import telling_line
from ansible_collections.steady.deploy.plugins.module_utils.core.runner import Completed
from ansible_collections.steady.deploy.plugins.module_utils.migrate.adapter import Tool
from ansible_collections.steady.deploy.plugins.module_utils.migrate.phases import outside
from ansible_collections.steady.deploy.plugins.module_utils.migrate.spec import POSTGRESQL, Outcome, Pending
from ansible_collections.steady.deploy.plugins.module_utils.probe.wording import one_line, words

NOTHING_LEFT = "nothing: it ran in a transaction"
# What drivers and servers say where nobody answers, and where the user is refused.
_UNREACHABLE = re.compile(
    r"connection refused|could not connect|can't connect|connection (?:to server )?.*(?:failed|timed out)|timeout expired|getaddrinfo"
    r"|could not translate host name|unknown mysql server host|no such host|gone away|no route to host|can't reach database"
    r"|SQLSTATE\[(?:HY000\] \[200[0-9]|08)",
    re.IGNORECASE,
)
_REFUSED = re.compile(r"access denied for user|password authentication failed|no pg_hba\.conf entry|authentication failed", re.IGNORECASE)
_MISSING = re.compile(r"unknown database|database \S+ does not exist", re.IGNORECASE)
# The name of an exception and what it says, as PHP's PDO, Python and Ruby print it.
_EXCEPTION = re.compile(r"(?:SQLSTATE\[|ERROR[ :]+|(?:[A-Z]\w*::)+[A-Z]\w*: |(?:\w+\.)*[A-Z]\w*(?:Error|Exception)\b.*?: )\S")
# SQLAlchemy's hint below an error; what Ruby names as the cause of any error where no Bundler is.
_NOISE = re.compile(r"\(Background on this error|LoadError: cannot load such file -- rails/commands")
# As a shell or Docker tells it, and as the parent process sees it.
_KILLED = (137, -9)


def ask(
    tool: Tool, argv: t.Sequence[str], *, stdin: str | None = None, env: t.Mapping[str, str] | None = None, timeout: float | None = None
) -> Completed:
    """Run the migration tool. Raises MigrateError where its program is missing; any other answer is for the caller to judge."""
    done = tool.run(argv, stdin=stdin, env=env, timeout=timeout)
    if done.rc in (126, 127) and not done.stdout.strip():
        said = one_line(done.stderr, 200) or argv[0]
        raise MigrateError(f"the release has no program {argv[0]} that could be run ({said}): set `command` of the migrations")
    return done


def told(done: Completed) -> str:
    """The line of what a tool printed that says most, '' where it printed nothing."""
    if done.rc in _KILLED:
        # Whatever it had printed by then is not why it ended.
        return "it was killed by SIGKILL, as the kernel does for want of memory"
    lines = [line.strip() for line in f"{done.stdout}\n{done.stderr}".splitlines() if not _NOISE.match(line.strip())]
    return telling_line([line for line in lines if _EXCEPTION.match(line)][-1:] or lines)


def no_answer(name: str, done: Completed) -> MigrateError:
    """The error for an answer that the adapter can't use, in words for what usually is behind it."""
    said, printed = told(done), f"{done.stdout}\n{done.stderr}"
    if _REFUSED.search(printed):
        return MigrateError(
            f"{name} is refused by the database: {said}: check the user and the password in the release's environment", rc=done.rc
        )
    if _MISSING.search(printed):
        return MigrateError(f"{name} finds no database: {said}: make it, or check its name in the release's environment", rc=done.rc)
    if _UNREACHABLE.search(printed):
        return MigrateError(
            f"{name} can't reach the database: {said}: check that it runs and what the release's environment says of it", rc=done.rc
        )
    if done.rc == 124:
        return MigrateError(f"{name} gave no answer in time: {said}: see whether something holds locks in the database", rc=done.rc)
    said = f"says: {said}" if said else "printed nothing"
    return MigrateError(f"{name} ended with exit code {done.rc} and {said}: run it by hand in the release to see more", rc=done.rc)


def read(tool: Tool, paths: t.Sequence[str]) -> dict[str, str]:
    """The text of each of these files of the release, by path, with one command. Raises MigrateError for one that can't be read."""
    if not paths:
        return {}
    done = tool.run(["tail", "-n", "+1", "-v", "--", *paths])
    if done.rc:
        said = one_line(done.stderr, 200)
        raise MigrateError(f"the file of a migration can't be read in the release: {said}: set `folder` to where the migrations are")
    texts: dict[str, str] = {}
    rest = "\n" + done.stdout
    for path, after in zip(paths, [*paths[1:], None]):
        dummy, dummy, rest = rest.partition(f"\n==> {path} <==\n")
        text, found, follows = rest.partition(f"\n==> {after} <==\n") if after is not None else (rest, "", "")
        texts[path] = text
        rest = found + follows
    return texts


def check_ids(ids: t.Sequence[str], pending: Pending) -> None:
    """Raise MigrateError unless these migrations are pending and in the order in which the tool applies them."""
    strange = [each for each in ids if each not in pending.pending]
    if strange:
        raise MigrateError(f"migration {strange[0]} is not pending: ask again what is")
    if list(ids) != [each for each in pending.pending if each in ids]:
        raise MigrateError(f"migrations {words(ids)} are not in the order in which they are applied: {words(pending.pending)}")


def check_prefix(ids: t.Sequence[str], pending: Pending) -> None:
    """Raise MigrateError unless these are the first ones that are pending: for tools that apply in order only."""
    check_ids(ids, pending)
    if tuple(ids) != pending.pending[: len(ids)]:
        skipped = next(each for each in pending.pending if each not in ids)
        raise MigrateError(f"migration {ids[-1]} can't be applied before {skipped}, which is in front of it: apply that one first")


def left_behind(engine: str, text: str) -> str:
    """What a migration that failed leaves behind, by its engine and the text of its file."""
    if engine != POSTGRESQL:
        return "possibly a part of it: MariaDB commits each DDL statement by itself"
    if outside(text):
        return "possibly a part of it: it runs outside of a transaction"
    return NOTHING_LEFT


def conclude(name: str, ids: t.Sequence[str], done: Completed, pending: t.Callable[[], Pending], left: t.Callable[[str], str]) -> Outcome:
    """How applying went, by what is pending now. ``done`` is the last command; ``left`` tells of an id what it left behind.

    Raises MigrateError where the tool can't be asked any more: then nobody knows.
    """
    try:
        now = pending().pending
    except MigrateError as exc:
        said = told(done) or f"exit code {done.rc}"
        raise MigrateError(f"nobody knows how much of {words(ids)} is applied: {name} ended with {said}, and then: {exc.message}") from None
    failed = next((each for each in ids if each in now), None)
    applied = tuple(each for each in ids if each not in now)
    if failed is None:
        return Outcome(applied)
    reason = told(done) if done.rc else f"{name} reported no failure, but it is still pending: {told(done)}"
    try:
        behind = left(failed)
    except MigrateError:
        # Its file can't be read to see whether it asked for no transaction.
        behind = "possibly a part of it"
    return Outcome(applied, failed, reason or f"exit code {done.rc}", behind)
