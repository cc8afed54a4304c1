# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the module rollout_info does: look, and touch nothing."""

from __future__ import annotations

import os
import typing as t
from dataclasses import asdict

from ansible_collections.steady.deploy.plugins.module_utils.commands.check import check_params
from ansible_collections.steady.deploy.plugins.module_utils.compose.cli import KIND_LABEL, RELEASE_LABEL, DockerCli
from ansible_collections.steady.deploy.plugins.module_utils.compose.store import Store
from ansible_collections.steady.deploy.plugins.module_utils.core import journal as journals
from ansible_collections.steady.deploy.plugins.module_utils.core.clock import Clock
from ansible_collections.steady.deploy.plugins.module_utils.core.lock import holder
from ansible_collections.steady.deploy.plugins.module_utils.core.runner import SubprocessRunner
from ansible_collections.steady.deploy.plugins.module_utils.edge.nginx import NginxEdge


def look(params: t.Mapping[str, t.Any], clock: Clock) -> dict[str, t.Any]:
    """The result of rollout_info. Raises SteadyError: a bad parameter, Docker or the edge's file can't be read."""
    check_params(params)
    app = params["app"]
    runner = SubprocessRunner(os.environ)
    cli = DockerCli(runner)
    cli.versions()
    store = Store(params["state_dir"], app)
    entries = [entry for entry in journals.read(store.journal) if entry["event"] != journals.PROGRESS]
    history = journals.served_before(entries)
    served = NginxEdge(runner, clock, app, upstream_file=params["upstream_file"]).served()
    containers = cli.containers(app)
    ids = [release for release in history if store.record(release)]
    ids += [release for release in store.releases() if release not in ids]
    held = holder(store.lock)
    return {
        "app": app,
        "served": served.release,
        "releases": [_release(store, release, release in history, served.release) for release in ids],
        "containers": [
            {
                "name": state.name,
                "service": state.service,
                "kind": state.label(KIND_LABEL),
                "release": state.label(RELEASE_LABEL) or None,
                "status": state.status,
                "health": state.health or None,
                "restarts": state.restarts,
                "ports": [host for _inside, host in state.ports],
            }
            for state in sorted(containers, key=lambda state: state.name)
        ],
        "lock": asdict(held) if held else None,
        "unfinished": journals.unfinished(entries) and held is None,
        "journal": entries[-params["journal_entries"] :] if params["journal_entries"] else [],
    }


def _release(store: Store, release: str, complete: bool, served: str | None) -> dict[str, t.Any]:
    record = store.record(release) or {}
    return {
        "id": release,
        "created": record.get("created"),
        "complete": complete,
        "served": release == served,
        "images": {name: image.get("reference") for name, image in (record.get("images") or {}).items()},
        "pins": {name: image.get("pin") for name, image in (record.get("images") or {}).items()},
        "ports": record.get("ports") or {},
    }
