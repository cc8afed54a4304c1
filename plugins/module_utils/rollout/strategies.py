# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The strategies by name, and which of them an app is rolled out with."""

from __future__ import annotations

import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.probe.wording import words
from ansible_collections.steady.deploy.plugins.module_utils.rollout import blue_green, recreate, rolling
from ansible_collections.steady.deploy.plugins.module_utils.rollout.observed import Observed
from ansible_collections.steady.deploy.plugins.module_utils.rollout.restore import restore
from ansible_collections.steady.deploy.plugins.module_utils.rollout.spec import STRICTNESS, Options, Wish
from ansible_collections.steady.deploy.plugins.module_utils.rollout.steps import Step

Plan = t.Callable[[Wish, Observed, Options], tuple[Step, ...]]
WayBack = t.Callable[..., tuple[Step, ...]]

STRATEGIES: dict[str, Plan] = {
    "blue_green": blue_green.plan,
    "rolling": rolling.plan,
    "recreate": recreate.plan,
}
# The others go back as restore.restore does.
_WAYS_BACK: dict[str, WayBack] = {
    "rolling": rolling.restore,
    "recreate": recreate.restore,
}


def way_back(strategy: str) -> WayBack:
    """What plans the way back from a rollout by this strategy: called as ``restore.restore``."""
    return _WAYS_BACK.get(strategy, restore)


def choose(parameter: str, wish: Wish) -> tuple[str, str]:
    """The strategy for the whole release, and why in a few words.

    A release shifts as a whole, so the strictest that the parameter or a service asks for is used.
    """
    asked = [(parameter, "the app asks for it")]
    asked += [(service.strategy, f"service {service.name} asks for it") for service in wish.edge_services if service.strategy]
    chosen = max((name for name, _why in asked), key=STRICTNESS.index)
    why = next(why for name, why in asked if name == chosen)
    asking = [service.name for service in wish.edge_services if service.strategy and service.strategy != chosen]
    if asking:
        why += f"; a release shifts as a whole, so it counts for {words(asking)} too"
    return chosen, why
