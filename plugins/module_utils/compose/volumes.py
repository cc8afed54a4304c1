# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The named volumes of an app: made once, with the labels Compose would give them, and shared by all its releases."""

from __future__ import annotations

import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.compose import split
from ansible_collections.steady.deploy.plugins.module_utils.core.runner import Runner, checked


def make_volumes(runner: Runner, app: str, model: dict[str, t.Any]) -> None:
    """Make those that are missing. Raises CommandError."""
    for name, entry in split.volumes_of(model).items():
        if runner.run(["docker", "volume", "inspect", name]).rc != 0:
            argv = ["docker", "volume", "create", "--driver", entry.get("driver") or "local"]
            argv += [part for key, value in (entry.get("driver_opts") or {}).items() for part in ("--opt", f"{key}={value}")]
            argv += ["--label", f"com.docker.compose.project={app}", "--label", f"com.docker.compose.volume={entry['key']}", name]
            checked(runner.run(argv), f"can't create volume {name}")
