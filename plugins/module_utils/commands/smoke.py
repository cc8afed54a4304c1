# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the module smoke does: from parameters to a result."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.core.clock import Clock
from ansible_collections.steady.deploy.plugins.module_utils.core.errors import SpecError
from ansible_collections.steady.deploy.plugins.module_utils.smoke.fetch import Fetch
from ansible_collections.steady.deploy.plugins.module_utils.smoke.parse import parse_scenarios
from ansible_collections.steady.deploy.plugins.module_utils.smoke.run import check, run

# The one service that there is outside a rollout.
_SERVICE = "url"


def try_scenarios(params: t.Mapping[str, t.Any], clock: Clock, fetch: Fetch, check_mode: bool) -> dict[str, t.Any]:
    """Run the scenarios, or say in check mode what they would ask. Raises what parse_scenarios and run raise."""
    scenarios = parse_scenarios(params["scenarios"])
    if not re.fullmatch(r"https?://[^/?#@\s]+/?", params["url"]):
        raise SpecError("parameter url is scheme, host and port, such as http://127.0.0.1:8080; paths belong into the scenarios' requests")
    names = [_SERVICE, *(scenario.service for scenario in scenarios if scenario.service)]
    services = {name: [params["url"]] for name in names}
    check(scenarios, services)
    if check_mode:
        return {
            "plan": [
                f"{scenario.name}, {step.name}: {step.request.method} {step.request.target}"
                for scenario in scenarios
                for step in scenario.steps
            ]
        }
    begun = clock.monotonic()
    results = run(scenarios, services, params["host"], clock, fetch)
    return {"smoke": results, "elapsed": round(clock.monotonic() - begun, 3)}


def shown(raw: t.Any) -> list[str]:
    """The scenarios of a module's parameters as its invocation may tell them: their names, nothing that could be a secret."""
    return [str(one.get("name", "")) if isinstance(one, t.Mapping) else "" for one in raw]
