# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The community's own scenarios: readable, and their posts can be told from everybody else's and are removed again."""

from __future__ import annotations

from pathlib import Path

import yaml

from ansible_collections.steady.deploy.plugins.module_utils.smoke.parse import parse_scenarios
from ansible_collections.steady.deploy.plugins.module_utils.smoke.run import check

COMMUNITY = Path(__file__).resolve().parents[3] / "examples/community"


def test_the_scenarios_fit_the_app():
    services = yaml.safe_load((COMMUNITY / "compose.yml").read_text())["services"]
    web = [name for name, service in services.items() if service["x-steady"]["kind"] == "web"]
    scenarios = parse_scenarios(yaml.safe_load((COMMUNITY / "smoke.yml").read_text()))
    check(scenarios, web)
    assert [scenario.name for scenario in scenarios] == ["page", "post"]
    steps = [step for scenario in scenarios for step in scenario.steps]
    posted = [step.request.content for step in steps if step.request.target == "/posts"]
    removed = [step for step in steps if step.request.method == "DELETE"]
    assert posted and all(content["reference"].startswith("smoke-${run}") for content in posted)
    assert len(removed) == len(posted)
