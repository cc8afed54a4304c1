# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Placeholders for upstreams that a vhost names and no rollout has given replicas yet. The file itself belongs to rollouts."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.edge.base import Served, Upstream
from ansible_collections.steady.deploy.plugins.module_utils.edge.upstream_file import render, upstream_name


def completed(text: str | None, app: str, services: t.Sequence[str], written: str) -> str:
    """The app's upstream file with all of these services in it, otherwise as it is. ``written`` is a moment for people."""
    if text is None:
        return render(Served(app, None, tuple(Upstream(service, ()) for service in services)), written)
    there = set(re.findall(r"(?m)^upstream (\S+) \{", text))
    missing = tuple(Upstream(service, ()) for service in services if upstream_name(app, service) not in there)
    # Of a file of its own only the upstreams: what else is in it the app has.
    blocks = re.findall(r"(?ms)^upstream .*?^\}\n", render(Served(app, None, missing), written)) if missing else []
    return text + "".join(f"\n{block}" for block in blocks)
