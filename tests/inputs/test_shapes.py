"""Compose files as public projects write them: planned rightly, or refused with the right sentence (shapes.yml)."""

from __future__ import annotations

import json
import os
import re
import subprocess
import typing as t
from pathlib import Path

import pytest
import yaml
from inputs.stand import Edge, run_module, tag_images

from ansible_collections.steady.deploy.plugins.module_utils.compose import split
from ansible_collections.steady.deploy.plugins.module_utils.compose.cli import DockerCli
from ansible_collections.steady.deploy.plugins.module_utils.compose.read import read_app
from ansible_collections.steady.deploy.plugins.module_utils.compose.services import services_of
from ansible_collections.steady.deploy.plugins.module_utils.core.runner import SubprocessRunner

APP = "shop"
TEXT = (Path(__file__).parent / "shapes.yml").read_text()
SHAPES = yaml.safe_load(TEXT)
PLANNED = [shape for shape in SHAPES if "says" not in shape]
# Written by us, or decided by us for each release.
OURS = (
    "labels",
    "deploy",
    "ports",
    "image",
    "networks",
    "configs",
    "secrets",
    "depends_on",
    "container_name",
    "build",
    "profiles",
    "scale",
)
DROPPED = (*OURS, "links", "restart", "pull_policy", "develop", "x-steady")


@pytest.fixture(scope="module", autouse=True)
def images() -> None:
    tag_images(*sorted(set(re.findall(r"steady-inputs/[a-z-]+:[0-9a-z]+", TEXT.replace("${TAG:?needed}", "7")))))


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Edge]:
    made = Edge(tmp_path_factory.mktemp("edge"), APP)
    yield made
    made.close()


def write(shape: t.Mapping[str, t.Any], folder: Path) -> None:
    for name, content in shape["files"].items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)


def test_there_are_enough() -> None:
    assert len(SHAPES) >= 20
    assert len({shape["id"] for shape in SHAPES}) == len(SHAPES)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape["id"])
def test_a_shape_is_planned_or_refused(shape: dict[str, t.Any], edge: Edge, tmp_path: Path) -> None:
    folder = tmp_path / APP
    folder.mkdir()
    write(shape, folder)
    params = {"app": APP, "project_dir": str(folder), "state_dir": str(tmp_path / "state"), **shape.get("params", {})}
    params["edge"] = {"url": edge.url, "upstream_file": str(edge.file)}
    done = run_module("rollout", params, True, {"PATH": f"{edge.program.parent}:{os.environ['PATH']}"})
    if "says" in shape:
        assert done.get("msg") == shape["says"].replace("{dir}", str(folder)), done
    else:
        assert not done.get("failed"), done["msg"]
        assert {name: kind.split()[0] for name, kind in done["kinds"].items()} == shape["kinds"]
        assert len(done["plan"]) == shape["steps"], done["plan"]
        assert "hunter2" not in json.dumps({key: value for key, value in done.items() if key != "invocation"})


@pytest.mark.parametrize("shape", PLANNED, ids=lambda shape: shape["id"])
def test_compose_takes_the_projects_and_reads_the_same_in_them(shape: dict[str, t.Any], tmp_path: Path) -> None:
    """What runs in a release is what the compose file says: the documents are read again by Compose and compared."""
    write(shape, tmp_path)
    cli = DockerCli(SubprocessRunner(os.environ))
    params = shape.get("params", {})
    model = read_app(cli, APP, str(tmp_path), params.get("files", []), params.get("profiles", []), [])
    services = services_of(model, params.get("services", {}))
    ports = {one.name: tuple(range(20000, 20000 + one.replicas)) for one in services if one.port is not None}
    pins = {one.image: one.image for one in services}
    documents = {"base": split.base_document(model, services, APP)}
    documents["release"] = split.release_document(model, services, APP, "0123456789ab", pins, ports, {})
    kinds = {one.name: one.kind for one in services}
    for part, document in documents.items():
        names = {name for name, kind in kinds.items() if (kind == "accessory") == (part == "base")}
        if not names:
            continue
        (tmp_path / f"{part}.json").write_text(json.dumps(document))
        argv = ["docker", "compose", "-f", str(tmp_path / f"{part}.json"), "config", "--format", "json"]
        done = subprocess.run(argv, capture_output=True, text=True, check=False, cwd="/")
        assert done.returncode == 0, done.stderr
        read = json.loads(done.stdout)
        assert set(read["services"]) == names
        for name in names:
            assert said(read["services"][name]) == said(model["services"][name]), name
            assert {one["source"] for one in read["services"][name].get("secrets", ())} == {
                one["source"] for one in model["services"][name].get("secrets", ())
            }
        for port in (port for one in read["services"].values() for port in one.get("ports", ())):
            assert part == "base" or port["host_ip"] == "127.0.0.1"


def said(section: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """What a service says of itself, without what the engine decides."""
    kept = {key: value for key, value in section.items() if key not in DROPPED and value not in (None, [], {})}
    if section.get("command") == [] or section.get("entrypoint") == []:
        kept.update({key: section[key] for key in ("command", "entrypoint") if section.get(key) == []})
    if "environment" in kept:
        kept["environment"] = {key: value for key, value in kept["environment"].items() if value is not None}
    labels = {key: value for key, value in (section.get("labels") or {}).items() if not key.startswith("steady.")}
    return {**kept, "labels": labels}
