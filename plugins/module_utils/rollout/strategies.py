# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The strategies by name."""

from __future__ import annotations

import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.rollout import blue_green
from ansible_collections.steady.deploy.plugins.module_utils.rollout.observed import Observed
from ansible_collections.steady.deploy.plugins.module_utils.rollout.spec import Options, Wish
from ansible_collections.steady.deploy.plugins.module_utils.rollout.steps import Step

Plan = t.Callable[[Wish, Observed, Options], "tuple[Step, ...]"]

STRATEGIES: dict[str, Plan] = {
    "blue_green": blue_green.plan,
}
