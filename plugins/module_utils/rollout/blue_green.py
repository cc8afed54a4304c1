# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The strategy ``blue_green``: a whole release beside the old one, then one shift. Pure: data in, steps out.

``plan`` leads from whatever is there to the wished release, so a first rollout, a rollback, a rerun after a crash
and a run that finds nothing to do are all the same function.
"""

from __future__ import annotations

from ansible_collections.steady.deploy.plugins.module_utils.rollout import steps as s
from ansible_collections.steady.deploy.plugins.module_utils.rollout.observed import Observed
from ansible_collections.steady.deploy.plugins.module_utils.rollout.parts import finish, hooked, release_up, shift
from ansible_collections.steady.deploy.plugins.module_utils.rollout.spec import (
    Options,
    Wish,
)

Step = s.Step


def plan(wish: Wish, observed: Observed, options: Options) -> tuple[Step, ...]:
    """The steps from what is there to ``wish``. Empty when nothing differs."""
    steps = release_up(wish, observed, options) + shift(wish, observed, options) + finish(wish, observed, options)
    return hooked(steps, wish, options)
