# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The community's schema: takes what its make-env writes, refuses what would not start, and tells no secret."""

from __future__ import annotations

import stat
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from ansible_collections.steady.deploy.plugins.module_utils.env.check import check
from ansible_collections.steady.deploy.plugins.module_utils.env.schema import parse_schema

COMMUNITY = Path(__file__).resolve().parents[3] / "examples/community"
SCHEMA = parse_schema(yaml.safe_load((COMMUNITY / "env.schema.yml").read_text()), "production")


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> dict[str, str]:
    """What make-env writes, and the version that a rollout adds."""
    file = tmp_path_factory.mktemp("env") / "made"
    subprocess.run([str(COMMUNITY / "make-env"), str(file)], check=True, capture_output=True)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    lines = [line for line in file.read_text().splitlines() if line and not line.startswith("#")]
    return {"COMMUNITY_VERSION": "v1", **dict(line.split("=", 1) for line in lines)}


def test_what_make_env_writes_is_taken(made):
    found = check(made, SCHEMA, "production")
    assert (found.violations, found.unknown) == ((), ())
    database, redis = urlsplit(made["DATABASE_URL"]), urlsplit(made["REDIS_URL"])
    assert (database.username, database.password, database.path[1:]) == tuple(
        made[f"POSTGRES_{name}"] for name in ("USER", "PASSWORD", "DB")
    )
    assert redis.password == made["REDIS_PASSWORD"] != database.password


def test_the_inventory_sets_what_the_app_needs(made):
    root = COMMUNITY.parents[1]
    inventory = yaml.safe_load((root / "inventories/community/group_vars/steady.yml").read_text())["app_env"]
    assert set(inventory) == {*made, "COMMUNITY_REGISTRY"}


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("APP_DEBUG", "true", "APP_DEBUG is 'true', which is forbidden in production: give another value"),
        ("DATABASE_URL", "postgresql://us:0123456789abcdef@db/x", "DATABASE_URL has a value that has a scheme not allowed in production"),
        ("DATABASE_URL", "postgresql+psycopg://us@db/x", "DATABASE_URL has a value that does not match"),
        ("POSTGRES_PASSWORD", "with/a/slash/0123456789", "POSTGRES_PASSWORD has a value that does not match"),
        ("POSTGRES_DB", "My-Community", "POSTGRES_DB is 'My-Community', which does not match"),
        ("REDIS_URL", "redis://redis:6379/0", "REDIS_URL has a value that does not match"),
        ("REDIS_PASSWORD", "", "REDIS_PASSWORD is empty: it is required"),
        ("POSTGRES_PASWORD", "x", "POSTGRES_PASWORD"),
    ],
)
def test_what_would_not_start_is_refused(made, name, value, said):
    (sentence,) = check({**made, name: value}, SCHEMA, "production").violations
    assert sentence.startswith(said)
    assert made["POSTGRES_PASSWORD"] not in sentence and "0123456789" not in sentence
