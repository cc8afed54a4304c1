# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one exception tree of the engine.

    SteadyError                anything a user is told about
    ├── SpecError              the wish itself can't work: compose file or parameters
    ├── PreflightError         the host can't take the release now
    ├── LockedError            another run holds the app
    ├── CommandError           a command failed; carries cmd, rc, stdout, stderr
    ├── GateError              a gate did not hold; carries the last answers and log lines
    ├── EdgeError              the edge can't be switched or does not serve what it should
    ├── MigrateError           a migration tool or its database can't do what is asked, or must not
    └── Breakdown              the rollout itself can't go on: a signal, a full disk, a fault of its own

Each message is one sentence or two: what happened, where, and what to do next.
"""

from __future__ import annotations

import typing as t

# Characters that one reads in one go.
_LIMIT = 600


class SteadyError(Exception):
    """An error that is told to the user as it is. ``facts`` become keys of the module's result."""

    def __init__(self, message: str, **facts: t.Any) -> None:
        self.message = _readable(message)
        super().__init__(self.message)
        self.facts = facts


class SpecError(SteadyError):
    """The compose file or the parameters ask for something that can't work."""


class PreflightError(SteadyError):
    """The host can't take the release as it is now."""


class LockedError(SteadyError):
    """Another run holds the lock of the app."""


class CommandError(SteadyError):
    """A command failed."""

    def __init__(self, message: str, cmd: t.Sequence[str], rc: int, stdout: str, stderr: str, **facts: t.Any) -> None:
        super().__init__(message, cmd=list(cmd), rc=rc, stdout=stdout, stderr=stderr, **facts)
        self.rc = rc
        self.stderr = stderr


class GateError(SteadyError):
    """A gate did not hold."""


class EdgeError(SteadyError):
    """The edge can't be switched, or does not serve what it should."""


class MigrateError(SteadyError):
    """A migration tool, or the database it works on, can't do what is asked or must not."""


class Breakdown(SteadyError):
    """The rollout itself can't go on. It is undone, whatever the app's own wishes for a failure are."""


def _readable(message: str) -> str:
    """One line that a terminal shows as it is, whatever name or path of the user's is quoted in it."""
    if not message.isprintable():
        message = "".join(char for char in " ".join(message.split()) if char.isprintable())
    return message if len(message) <= _LIMIT else message[: _LIMIT - 3] + "..."
