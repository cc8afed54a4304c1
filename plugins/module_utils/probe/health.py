# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The health probe: the container's own healthcheck, as Docker last judged it."""

from __future__ import annotations

from ansible_collections.steady.deploy.plugins.module_utils.probe.base import Answer, Target
from ansible_collections.steady.deploy.plugins.module_utils.probe.gate import Gate


class HealthProbe:
    """Ready while Docker says healthy. The verdict comes with the target, so nothing is asked."""

    def probe(self, target: Target, gate: Gate) -> Answer:
        """See Probe.probe."""
        if not target.health:
            return Answer(False, "the container has no healthcheck")
        return Answer(target.health == "healthy", f"health {target.health}")
