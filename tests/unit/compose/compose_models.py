"""What the compose tests share: recorded output of Compose, a small model to bend, and a Docker that answers from a table."""

from __future__ import annotations

import copy
import json
import typing as t
from pathlib import Path

from ansible_collections.steady.deploy.plugins.module_utils.compose.services import services_of
from ansible_collections.steady.deploy.plugins.module_utils.core.runner import Completed

FIXTURES = Path(__file__).parent / "fixtures"


def recorded(app: str) -> dict[str, t.Any]:
    """The app's model as ``read_app`` makes it of what Compose 2.26 printed."""
    model = json.loads((FIXTURES / "2.26" / f"{app}.json").read_text())
    raw = json.loads((FIXTURES / "2.26" / f"{app}.raw.json").read_text())
    for name, service in raw["services"].items():
        if "x-steady" in service:
            model["services"][name]["x-steady"] = service["x-steady"]
    return model


SHOP_SAID = {"mailer": {"kind": "worker"}}


def shop() -> tuple[dict[str, t.Any], tuple]:
    """The small recorded app and its services."""
    model = recorded("shop")
    return model, services_of(model, SHOP_SAID)


def model_of(**services: dict[str, t.Any]) -> dict[str, t.Any]:
    """A model with these services, each with an image."""
    return {"services": {name: {"image": f"{name}:1", **copy.deepcopy(raw)} for name, raw in services.items()}}


class DockerTable:
    """A runner that answers by the first entry whose words all are in the command; every command is kept."""

    def __init__(self, *answers: tuple[str, int, str, str]) -> None:
        self.answers = answers
        self.ran: list[str] = []

    def run(self, argv: t.Sequence[str], **_options: t.Any) -> Completed:
        text = " ".join(argv)
        self.ran.append(text)
        for words, rc, stdout, stderr in self.answers:
            if all(word in argv for word in words.split()):
                return Completed(tuple(argv), rc, stdout, stderr)
        raise AssertionError(f"nobody expected: {text}")
