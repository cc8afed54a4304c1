# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a container can't pass its gates any more, whatever they would answer. Pure."""

from __future__ import annotations

from ansible_collections.steady.deploy.plugins.module_utils.core.container import ContainerState
from ansible_collections.steady.deploy.plugins.module_utils.probe.wording import plural


def verdict(before: ContainerState, now: ContainerState | None, health_gate: bool, fresh: bool) -> str:
    """What ended the container's chance (``exited with code 1``), or an empty text while it still has one.

    ``before`` is the container when the polling began. With ``fresh`` it had only just been created
    then, so that every restart counts, an earlier one too.
    """
    if now is None:
        return "was removed"
    memory = " (killed, out of memory)" if now.oom_killed else ""
    if now.status in ("exited", "dead"):
        return f"exited with code {now.exit_code}{memory}"
    if now.status == "restarting":
        return f"crashed with code {now.exit_code}{memory} and is restarting"
    counted = now.restarts - (0 if fresh else before.restarts)
    if counted > 0:
        return f"restarted {plural(counted, 'time')}{memory}"
    if now.started_at != before.started_at:
        return "was restarted"
    if now.status == "created":
        return "was created but never started"
    if not now.running:
        return f"is {now.status}"
    if health_gate and not now.health:
        return "has no healthcheck for its health gate to look at"
    if health_gate and now.health == "unhealthy":
        return "is unhealthy"
    return ""
