"""The command rollout in check mode against a Docker that answers from a model: fast enough for thousands of models."""

from __future__ import annotations

import hashlib
import importlib
import json
import typing as t
from contextlib import ExitStack
from pathlib import Path
from unittest import mock

import yaml

from ansible_collections.steady.deploy.plugins.module_utils.commands import rollout as command
from ansible_collections.steady.deploy.plugins.module_utils.core.clock import SystemClock
from ansible_collections.steady.deploy.plugins.module_utils.core.errors import SteadyError
from ansible_collections.steady.deploy.plugins.module_utils.core.runner import Completed
from ansible_collections.steady.deploy.plugins.module_utils.edge.base import Served

APP = "shop"
# In the environment of every model. No answer may show it.
SECRET = "s3cr3t-Of-The-App"
_TYPES = {"list": [], "dict": {}}


def defaults(options: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """What Ansible fills in, from a module's documentation."""
    found = {}
    for name, option in options.items():
        if "suboptions" in option and option["type"] == "dict":
            found[name] = defaults(option["suboptions"])
        else:
            default = option.get("default")
            found[name] = float(default) if option.get("type") == "float" and default is not None else default
    return found


OPTIONS = yaml.safe_load(importlib.import_module("ansible_collections.steady.deploy.plugins.modules.rollout").DOCUMENTATION)["options"]


class Docker:
    """Answers as Docker and Compose do, with ``model`` as the app."""

    def __init__(self, model: t.Any) -> None:
        self._model = json.dumps(model)

    def run(self, argv: t.Sequence[str], **_options: t.Any) -> Completed:
        return Completed(tuple(argv), *self._answer(list(argv)))

    def _answer(self, argv: list[str]) -> tuple[int, str, str]:
        if "config" in argv:
            return 0, self._model, ""
        if argv[1:3] == ["image", "inspect"]:
            return 0, json.dumps([{"Id": "sha256:" + hashlib.sha256(name.encode()).hexdigest()} for name in argv[3:]]), ""
        if argv[1] == "version":
            return 0, "26.1.5\n", ""
        if argv[1:3] == ["compose", "version"]:
            return 0, "2.26.1\n", ""
        if argv[1] == "info":
            return 0, "/var/lib\n", ""
        return 0, "", ""


class Edge:
    """An edge that serves nothing yet."""

    def __init__(self, *_args: t.Any, **_options: t.Any) -> None:
        pass

    def preflight(self) -> list[str]:
        return []

    def served(self) -> Served:
        return Served(APP, None)

    def __getattr__(self, name: str) -> t.Any:
        return lambda *_args, **_options: None


def answer(model: t.Any, folder: Path, **params: t.Any) -> tuple[dict[str, t.Any] | None, str]:
    """The plan's result and no error, or none and the error's sentence. Whatever else is raised comes out."""
    whole = {**defaults(OPTIONS), "app": APP, "project_dir": str(folder), "state_dir": str(folder / "state"), **params}
    with ExitStack() as stack:
        stack.enter_context(mock.patch.object(command, "SubprocessRunner", lambda *_args: Docker(model)))
        stack.enter_context(mock.patch.object(command, "NginxEdge", Edge))
        try:
            return command.roll_out(whole, SystemClock(), "fuzz", check_mode=True), ""
        except SteadyError as exc:
            return None, exc.message
