# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A release that is a folder of the host: where its tool runs, and as whom."""

from __future__ import annotations

import os
import pwd
import shlex
import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.core.environment import joined
from ansible_collections.steady.deploy.plugins.module_utils.core.errors import PreflightError, SpecError
from ansible_collections.steady.deploy.plugins.module_utils.core.runner import Account, Completed, Runner
from ansible_collections.steady.deploy.plugins.module_utils.migrate.database.view import MARKS
from ansible_collections.steady.deploy.plugins.module_utils.migrate.spec import POSTGRESQL
from ansible_collections.steady.deploy.plugins.module_utils.migrate.wish import MigrateWish
from ansible_collections.steady.deploy.plugins.module_utils.probe.wording import show


class HostTool:
    """Runs argv in the release's folder. It is the Tool that a migration tool is asked with.

    ``env`` is the release's, on top of what ``runner`` gives every command; it is never among a command's arguments.
    """

    def __init__(self, runner: Runner, path: str, env: t.Mapping[str, str]) -> None:
        self._runner = runner
        self._path = path
        self._env = dict(env)

    def run(
        self, argv: t.Sequence[str], *, stdin: str | None = None, timeout: float | None = None, env: t.Mapping[str, str] | None = None
    ) -> Completed:
        """See Tool.run."""
        more = joined(self._env, env or {})
        return self._runner.run(argv, stdin=stdin, timeout=timeout, env={**self._env, **more}, cwd=self._path)


def release_path(path: str) -> str:
    """The release's own folder, also where a link to it is given. Raises SpecError where there is none."""
    if not os.path.isabs(path):
        raise SpecError(f"path must be a whole path, from / on, not {show(path)}")
    real = os.path.realpath(path)
    if not os.path.isdir(real):
        raise SpecError(f"path {path} is no folder on this host: unpack the release there first")
    return real


def kept_releases(folder: str) -> tuple[str, ...]:
    """The names of the releases in a folder: its folders, without links and what is hidden. Raises SpecError."""
    try:
        with os.scandir(folder) as entries:
            return tuple(sorted(one.name for one in entries if one.is_dir(follow_symlinks=False) and not one.name.startswith(".")))
    except OSError as exc:
        raise SpecError(f"releases {folder} can't be read: {exc.strerror}; name the folder that holds the releases") from None


def account_of(path: str, user: str | None) -> Account | None:
    """Who the tool runs as: ``user``, or else who owns the folder unless that is root. None is who runs this.

    Raises SpecError where there is no such user, PreflightError where one may not become it.
    """
    if user is None:
        owner = os.stat(path).st_uid
        if owner in (0, os.geteuid()):
            return None
        try:
            user = pwd.getpwuid(owner).pw_name
        except KeyError:
            raise SpecError(f"path {path} belongs to user number {owner}, whom this host does not know: set `user`") from None
    try:
        account = Account.named(user)
    except KeyError:
        raise SpecError(f"this host has no user {show(user)}: make it, or set `user` to whom the app runs as") from None
    if account.uid == os.geteuid():
        return None
    if os.geteuid() != 0:
        raise PreflightError(f"the migration tool is to run as {user}, which only root may do: set `become: true`")
    return account


def settings_of(wish: MigrateWish) -> dict[str, t.Any]:
    """The tool's settings. A client of MariaDB that the engine starts itself holds a mark: over a socket nothing else tells it."""
    settings = dict(wish.settings)
    if wish.tool == "sql" and wish.where.engine != POSTGRESQL:
        command, mark = settings["command"], f"--init-command={MARKS}"
        settings["command"] = f"{command} {shlex.quote(mark)}" if isinstance(command, str) else [*command, mark]
    return settings
