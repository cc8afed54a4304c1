# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parameters that can't work, told before anything is looked at. Raises SpecError."""

from __future__ import annotations

import os
import re
import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import SpecError
from ansible_collections.steady.deploy.plugins.module_utils.probe.wording import show

_APP = re.compile(r"[a-z][a-z0-9-]{0,39}")
_DAY = 86400.0
# Seconds.
_TIMES = {
    "drain_timeout": (0.0, _DAY),
    "stream_drain_timeout": (0.0, _DAY),
    "hold_timeout": (0.0, _DAY),
    "watch": (0.0, _DAY),
    "job_timeout": (0.1, 7 * _DAY),
    "lock_wait": (0.0, _DAY),
}
_NUMBERS = {"keep_releases": (0, 1000), "start_parallel": (1, 100), "journal_entries": (0, 1_000_000)}


def check_params(params: t.Mapping[str, t.Any]) -> None:
    """What rollout and rollout_info are given: the app's name, the folders, and all numbers among the parameters."""
    app = params["app"]
    if not _APP.fullmatch(app):
        raise SpecError(
            f"app {show(app)} is no name for an app: use lower-case letters, digits and hyphens, a letter first, 40 characters at most"
        )
    for name, (low, high) in _TIMES.items():
        # Not a number is neither below nor above anything.
        if name in params and not low <= params[name] <= high:
            raise SpecError(f"{name} must lie between {low:g} and {high:g} seconds, not {params[name]:g}")
    for name, (least, most) in _NUMBERS.items():
        if name in params and not least <= params[name] <= most:
            raise SpecError(f"{name} must lie between {least} and {most}, not {params[name]}")
    for name in ("state_dir", "project_dir"):
        if params.get(name) and not os.path.isabs(params[name]):
            raise SpecError(f"{name} must be a whole path, from / on, not {show(params[name])}")
    _check_state_dir(os.path.normpath(params["state_dir"]))


def _check_state_dir(path: str) -> None:
    while not os.path.lexists(path):
        path = os.path.dirname(path)
    if not os.path.isdir(path):
        raise SpecError(f"state_dir can't be used: {path} is not a folder")
