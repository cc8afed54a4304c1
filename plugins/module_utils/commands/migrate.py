# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module migrate: the migrations of a release that is a folder of the host, from parameters to result."""

from __future__ import annotations

import contextlib
import os
import typing as t
import uuid

from ansible_collections.steady.deploy.plugins.module_utils.commands import pending
from ansible_collections.steady.deploy.plugins.module_utils.commands.check import check_params
from ansible_collections.steady.deploy.plugins.module_utils.commands.file_release import FileRelease
from ansible_collections.steady.deploy.plugins.module_utils.commands.interrupt import interruptible
from ansible_collections.steady.deploy.plugins.module_utils.compose.store import Store
from ansible_collections.steady.deploy.plugins.module_utils.core.clock import Clock
from ansible_collections.steady.deploy.plugins.module_utils.core.journal import Journal
from ansible_collections.steady.deploy.plugins.module_utils.core.lock import Lock
from ansible_collections.steady.deploy.plugins.module_utils.core.progress import Tell, untold
from ansible_collections.steady.deploy.plugins.module_utils.core.runner import SubprocessRunner
from ansible_collections.steady.deploy.plugins.module_utils.migrate import host
from ansible_collections.steady.deploy.plugins.module_utils.migrate.database.access import RealDatabase
from ansible_collections.steady.deploy.plugins.module_utils.migrate.memory import Memory
from ansible_collections.steady.deploy.plugins.module_utils.migrate.sockets import Sockets
from ansible_collections.steady.deploy.plugins.module_utils.migrate.tools import adapter_of
from ansible_collections.steady.deploy.plugins.module_utils.migrate.wish import FIELDS, wish_of
from ansible_collections.steady.deploy.plugins.module_utils.smoke.veil import MASK, SHORTEST, is_secret

Json = dict[str, t.Any]
Params = t.Mapping[str, t.Any]


def migrate(params: Params, clock: Clock, owner: str, check_mode: bool, diff: bool) -> Json:
    """Bring about the migrations of a release, or tell in check mode what would be. Returns the module's result; raises SteadyError."""
    app = params["app"]
    check_params({"app": app, "state_dir": params["state_dir"]})
    wish = wish_of({key: params[key] for key in FIELDS if params[key] is not None}, by_login=True)
    path = host.release_path(params["path"])
    kept = host.kept_releases(params["releases"] or os.path.dirname(path))
    account = host.account_of(path, params["user"])
    store = Store(params["state_dir"], app)
    tell: Tell = untold
    journal: Journal | None = None
    keep_open: tuple[int, ...] = ()
    with contextlib.ExitStack() as stack:
        if not check_mode:
            store.make()
            lock = stack.enter_context(Lock(store.lock, owner, clock, wish.lock_wait))
            stack.enter_context(interruptible())
            keep_open = (lock.fd,)
            journal = Journal(store.journal, uuid.uuid4().hex[:8], clock, lambda dummy: lock.beat())
            journal.trim()
            tell = journal.tell
        ours, tools = SubprocessRunner(os.environ, keep_open), SubprocessRunner(os.environ, keep_open, account)
        held = Sockets(lambda: tools.running).held
        label = f"{owner}, {app} on {os.uname().nodename}"
        release = FileRelease(
            app,
            os.path.basename(path),
            [name for name in kept if name != os.path.basename(path)],
            wish,
            adapter_of(wish.tool, host.settings_of(wish), wish.where.engine),
            host.HostTool(tools, path, {name: str(value) for name, value in params["env"].items()}),
            RealDatabase(wish.where, wish, label, clock, ours, pending.keeper(ours, tools), tell, held),
            Memory(store.migrations),
            clock,
            journal,
        )
        return release.migrate(params["approved"], params["contract"], check_mode, diff)


def plain_values(params: Params) -> set[str]:
    """Values of the environment that are nobody's secret: masked, they would make holes in the names of migrations."""
    env = {name: str(value) for name, value in params["env"].items()}
    secrets = {value for name, value in env.items() if _secret(name, value)}
    # One value may be there under two names.
    return {*env.values()} - secrets - {params["database"].get("password")}


def shown(params: Params) -> Json:
    """The parameters as the module's invocation may tell them: of the environment the names."""
    database = {**params["database"], **({"password": MASK} if params["database"].get("password") else {})}
    return {**params, "env": dict.fromkeys(params["env"], MASK), "database": database}


def _secret(name: str, value: str) -> bool:
    # An address of a database has its password in the middle.
    return len(value) >= SHORTEST and (is_secret(name) or "pwd" in name.lower() or ("://" in value and "@" in value))
