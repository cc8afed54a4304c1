"""Which strategy an app is rolled out with, and why."""

from __future__ import annotations

from dataclasses import replace

import pytest
from unit.rollout.worlds import WISH

from ansible_collections.steady.deploy.plugins.module_utils.rollout.strategies import choose


def asking(**strategies):
    return replace(WISH, services=tuple(replace(one, strategy=strategies.get(one.name, "")) for one in WISH.services))


@pytest.mark.parametrize(
    ("parameter", "services", "chosen", "why"),
    [
        ("blue_green", {}, "blue_green", "the app asks for it"),
        ("blue_green", {"ws": "rolling"}, "rolling", "service ws asks for it"),
        ("rolling", {"ws": "blue_green"}, "rolling", "the app asks for it; a release shifts as a whole, so it counts for ws too"),
        (
            "rolling",
            {"web": "recreate", "ws": "rolling"},
            "recreate",
            "service web asks for it; a release shifts as a whole, so it counts for ws too",
        ),
    ],
)
def test_the_strictest_counts(parameter, services, chosen, why):
    assert choose(parameter, asking(**services)) == (chosen, why)
