# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hotel's own scenarios: readable, and their bookings can be told from everybody else's."""

from __future__ import annotations

from pathlib import Path

import yaml

from ansible_collections.steady.deploy.plugins.module_utils.smoke.parse import parse_scenarios
from ansible_collections.steady.deploy.plugins.module_utils.smoke.run import check

HOTEL = Path(__file__).resolve().parents[3] / "examples/hotel"


def test_the_scenarios_fit_the_app():
    services = yaml.safe_load((HOTEL / "compose.yml").read_text())["services"]
    web = [name for name, service in services.items() if service.get("x-steady", {}).get("kind") == "web" and "port" in service["x-steady"]]
    scenarios = parse_scenarios(yaml.safe_load((HOTEL / "smoke.yml").read_text()))
    check(scenarios, web)
    assert [scenario.name for scenario in scenarios] == ["page", "booking", "mail"]
    booked = [step.request.content for scenario in scenarios for step in scenario.steps if step.request.target == "/bookings"]
    assert booked and all(content["reference"].startswith("smoke-${run}") for content in booked)
