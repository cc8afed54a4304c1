"""Files nobody would write, through the real Compose: each ends in a plan or in one sentence. Few, since each asks Compose."""

from __future__ import annotations

import copy
import os
import typing as t
from pathlib import Path
from unittest import mock

import pytest
import yaml
from fuzz import stand
from fuzz.stand import SECRET, answer
from fuzz.test_models import BUDGET, anything, check
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.steady.deploy.plugins.module_utils.core.runner import Completed, SubprocessRunner

COMPOSE = """
x-app: &app
  image: shop/app:${TAG:-1}
  restart: unless-stopped
  env_file: [{path: app.env, required: false}]
  environment: &env {TOKEN: "${TOKEN:?is not set}", INLINE: s3cr3t-Of-The-App}
services:
  web:
    <<: *app
    ports: ["8000"]
    depends_on: {db: {condition: service_started}, migrate: {condition: service_completed_successfully}}
    healthcheck: {test: [CMD, "true"], interval: 5s}
    deploy: {replicas: 2, resources: {reservations: {memory: 16M}}}
    networks: [front, back]
  worker: {<<: *app, command: work "a b", x-steady: {kind: worker}, networks: {back: {aliases: [w]}}}
  migrate: {<<: *app, command: [migrate], networks: [back]}
  db: {image: db:1, volumes: ["db:/data"], networks: [back], secrets: [password]}
networks: {front: , back: {internal: true}}
volumes: {db: }
secrets: {password: {environment: TOKEN}}
"""
ENV = f"TAG=2\nTOKEN={SECRET}\nOTHER='{SECRET}'\n"
ODD = st.sampled_from(
    ["\t", "'", '"', "{", "}", "[", ":", "- ", "*x", "&x ", "$", "${", "${X", "${X:?no}", "!reset ", "\x00", "\r", "=", "é", "%", "\\"]
)


def places(node: t.Any, path: tuple = ()) -> t.Iterator[tuple]:
    """The path of every value in a document."""
    if path:
        yield path
    if isinstance(node, dict):
        for key, value in node.items():
            yield from places(value, (*path, key))
    elif isinstance(node, list):
        for number, value in enumerate(node):
            yield from places(value, (*path, number))


DOCUMENT = yaml.safe_load(COMPOSE)


@st.composite
def documents(draw: st.DrawFn) -> str:
    """The file with one or two values replaced by anything, or taken away."""
    document = copy.deepcopy(DOCUMENT)
    for dummy in range(draw(st.integers(1, 2))):
        *path, last = draw(st.sampled_from(sorted(places(document), key=str)))
        parent = document
        for key in path:
            parent = parent[key]
        if draw(st.booleans()):
            parent[last] = draw(anything)
        else:
            del parent[last]
    return yaml.safe_dump(document, allow_unicode=True)


@st.composite
def damaged(draw: st.DrawFn, text: str) -> str:
    """A text with something odd put in, or a part cut out."""
    at = draw(st.integers(0, len(text)))
    return text[:at] + draw(ODD) + text[at + draw(st.integers(0, 5)) :]


class Docker(stand.Docker):
    """Reads the app with the real Compose; everything else is answered as before."""

    def run(self, argv: t.Sequence[str], **options: t.Any) -> Completed:
        return SubprocessRunner(os.environ).run(argv, **options) if "config" in argv else super().run(argv, **options)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Path]:
    with mock.patch.object(stand, "Docker", Docker):
        yield tmp_path_factory.mktemp("shop")


def given_files(folder: Path, compose: str, env: str) -> tuple[dict[str, t.Any] | None, str]:
    (folder / "compose.yml").write_bytes(compose.encode("utf-8", "replace"))
    for name in ("prod.env", "app.env"):
        (folder / name).write_bytes(env.encode("utf-8", "replace"))
    return answer(None, folder, env_files=["prod.env"])


def test_the_file_without_a_change_is_planned(folder: Path) -> None:
    result, error = given_files(folder, COMPOSE, ENV)
    assert result and set(result["kinds"]) == {"web", "worker", "migrate", "db"}, error


@given(documents())
@settings(BUDGET, max_examples=30)
def test_any_document_is_planned_or_refused(folder: Path, compose: str) -> None:
    check(given_files(folder, compose, ENV))


@given(damaged(COMPOSE))
@settings(BUDGET, max_examples=15)
def test_any_damage_to_the_file_is_told(folder: Path, compose: str) -> None:
    check(given_files(folder, compose, ENV))


@given(damaged(ENV))
@settings(BUDGET, max_examples=25)
def test_any_damage_to_the_environment_is_told_without_it(folder: Path, env: str) -> None:
    check(given_files(folder, COMPOSE, env))
