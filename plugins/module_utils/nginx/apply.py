# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bringing about Nginx's configuration: compared, tried in a copy, written, tested, reloaded, and put back where that fails."""

from __future__ import annotations

import os
import time
import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.core.clock import Clock
from ansible_collections.steady.deploy.plugins.module_utils.core.errors import EdgeError, SpecError, SteadyError
from ansible_collections.steady.deploy.plugins.module_utils.core.files import read_text
from ansible_collections.steady.deploy.plugins.module_utils.core.runner import Runner
from ansible_collections.steady.deploy.plugins.module_utils.nginx import tree
from ansible_collections.steady.deploy.plugins.module_utils.nginx.running import Running
from ansible_collections.steady.deploy.plugins.module_utils.nginx.upstreams import completed


def wanted(params: t.Mapping[str, t.Any], now: float) -> tuple[tree.Change, ...]:
    """What has to change for the module's parameters. Raises SpecError for a name that leads elsewhere."""
    root = params["root"]
    for name in (*params["files"], *params["absent"]):
        if os.path.isabs(name) or ".." in name.split("/") or not name:
            raise SpecError(f"'{name}' is not the name of a file below {root}.")
    written = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))
    upstreams = {}
    for app, services in params["upstreams"].items():
        name = f"steady/{app}.conf"
        upstreams[name] = completed(read_text(os.path.join(root, name)), app, services, written)
    return tree.compare(root, {**upstreams, **params["files"]}, params["absent"])


def bring_about(params: t.Mapping[str, t.Any], runner: Runner, running: Running, clock: Clock, check: bool) -> dict[str, t.Any]:
    """Do it, and return the module's result. Raises SteadyError, with all files as they were before."""
    root = params["root"]
    changes = wanted(params, clock.now())
    result = {
        "changed": bool(changes),
        "reloaded": False,
        "paths": [os.path.join(root, change.name) for change in changes],
        "diff": [tree.diff(root, change) for change in changes],
    }
    if check and not os.path.isfile(os.path.join(root, "nginx.conf")):
        # A host without Nginx has nothing to try them with.
        return result
    if changes:
        tree.attempt(runner, root, changes)
    if check:
        return result
    reloaded = False
    try:
        tree.put(root, changes)
        configuration = running.test()
        master = running.master(configuration)
        if master and (changes or running.stale(master, (os.path.join(root, name) for name in params["files"]))):
            reloaded = True
            running.reload(master, configuration)
    except (SteadyError, OSError) as exc:
        what = exc.message if isinstance(exc, SteadyError) else f"{exc.filename}: {exc.strerror}"
        raise EdgeError(f"{what}; {_undo(root, changes, running, reloaded)}") from exc
    return {**result, "changed": bool(changes) or reloaded, "reloaded": reloaded}


def _undo(root: str, changes: t.Sequence[tree.Change], running: Running, reloaded: bool) -> str:
    """Put the former files back; what became of that, as the end of a sentence."""
    try:
        tree.put_back(root, changes)
        configuration = running.test()
        master = running.master(configuration)
        if reloaded and master:
            running.reload(master, configuration)
    except (SteadyError, OSError) as exc:
        return f"the former files could not be put back: {exc}"
    return "the former files were put back and are served"
