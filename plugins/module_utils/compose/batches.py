# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From Compose's `deploy.update_config` and `rollback_config` to how a service's replicas are replaced. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import SpecError
from ansible_collections.steady.deploy.plugins.module_utils.probe.duration import seconds
from ansible_collections.steady.deploy.plugins.module_utils.rollout.spec import Batches
from ansible_collections.steady.deploy.plugins.module_utils.rollout.steps import CONTINUE, FAILURE_ACTIONS, PAUSE

_ORDERS = ("start-first", "stop-first")


def batches_of(service: str, section: str, raw: t.Any) -> Batches:
    """What ``section`` of a service's ``deploy`` says, as ``docker compose config`` prints it; what it leaves out has our default.

    Raises SpecError for a value that Compose lets through and nothing can be done with.
    """
    raw = raw or {}
    where = f"service {service}: `deploy.{section}"
    order = raw.get("order") or _ORDERS[0]
    if order not in _ORDERS:
        raise SpecError(f"{where}.order` is one of {', '.join(_ORDERS)}, not {order!r}")
    # The way back has nowhere else to go back to.
    actions = FAILURE_ACTIONS if section == "update_config" else (PAUSE, CONTINUE)
    action = raw.get("failure_action") or Batches.failure_action
    if raw.get("failure_action") and action not in actions:
        raise SpecError(f"{where}.failure_action` is one of {', '.join(actions)}, not {action!r}")
    parallelism = raw.get("parallelism")
    count = Batches.parallelism if parallelism is None else int(parallelism)
    if count < 0:
        raise SpecError(f"{where}.parallelism` is a number of replicas, or 0 for all of them, not {count}")
    ratio = float(raw.get("max_failure_ratio") or 0.0)
    if not 0 <= ratio <= 1:
        raise SpecError(f"{where}.max_failure_ratio` is a share from 0 to 1, not {ratio:g}")
    return Batches(count, seconds(raw.get("delay")) or 0.0, order, action, seconds(raw.get("monitor")) or 0.0, ratio)
