# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The community's compose file as the real Compose resolves it: planned without a parameter and without a warning."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from ansible_collections.steady.deploy.plugins.module_utils.compose import split
from ansible_collections.steady.deploy.plugins.module_utils.compose.cli import DockerCli
from ansible_collections.steady.deploy.plugins.module_utils.compose.lint import lint
from ansible_collections.steady.deploy.plugins.module_utils.compose.read import Json, read_app
from ansible_collections.steady.deploy.plugins.module_utils.compose.services import services_of
from ansible_collections.steady.deploy.plugins.module_utils.core.runner import SubprocessRunner

COMMUNITY = Path(__file__).resolve().parents[2] / "examples/community"
APP = "community"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Json:
    env = tmp_path_factory.mktemp("community") / "env"
    subprocess.run([str(COMMUNITY / "make-env"), str(env)], check=True, capture_output=True)
    with env.open("a") as file:
        file.write(f"COMMUNITY_REGISTRY=registry.example:5000/\nCOMMUNITY_VERSION=v7\nCOMMUNITY_ENV_FILE={env}\n")
    return read_app(DockerCli(SubprocessRunner(os.environ)), APP, str(COMMUNITY), ["compose.yml"], [], [str(env)])


def test_the_community_needs_no_parameter(model: Json) -> None:
    services = {one.name: one for one in services_of(model, {})}
    assert {name: (one.kind, one.why) for name, one in services.items()} == {
        "bot": ("worker", "x-steady"),
        "migrate": ("job", "x-steady"),
        "postgres": ("accessory", "x-steady"),
        "redis": ("accessory", "x-steady"),
        "web": ("web", "x-steady"),
    }
    assert lint(model, tuple(services.values())) == []
    web = services["web"]
    assert (web.image, web.port, web.replicas) == ("registry.example:5000/community/app:v7", 8000, 2)
    assert [(gate.type, gate.port, gate.path) for gate in web.gates] == [("http", 8000, "/readyz")]
    # A release is ready only with its schema, so the migration comes before it starts.
    assert services["migrate"].before_start
    assert [gate.type for gate in services["bot"].gates] == ["health"]
    assert (services["bot"].stop_timeout, web.stop_timeout) == (60, 30)


def test_every_service_is_hardened(model: Json) -> None:
    for name, service in model["services"].items():
        assert service["read_only"] and service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["deploy"]["resources"]["limits"]["memory"], name


def test_accessories_get_their_own_secrets_only(model: Json) -> None:
    assert set(model["services"]["postgres"]["environment"]) == {"POSTGRES_USER", "POSTGRES_PASSWORD", "POSTGRES_DB"}
    assert set(model["services"]["redis"]["environment"]) == {"REDIS_PASSWORD"}


def test_compose_takes_both_projects(model: Json, tmp_path: Path) -> None:
    services = services_of(model, {})
    pins = {one.image: one.image for one in services}
    documents = {
        "base": split.base_document(model, services, APP),
        "release": split.release_document(model, services, APP, "0123456789ab", pins, {"web": (20000, 20001)}, {}),
    }
    for part, document in documents.items():
        file = tmp_path / f"{part}.json"
        file.write_text(json.dumps(document))
        argv = ["docker", "compose", "-f", str(file), "config", "--services"]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert set(done.stdout.split()) == ({"postgres", "redis"} if part == "base" else {"web", "bot", "migrate"})
