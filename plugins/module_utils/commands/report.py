# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the user is told of a rollout. No value of the app's environment is ever part of it."""

from __future__ import annotations

import json
import typing as t
from dataclasses import asdict

from ansible_collections.steady.deploy.plugins.module_utils.compose.cli import KIND_LABEL
from ansible_collections.steady.deploy.plugins.module_utils.compose.split import section
from ansible_collections.steady.deploy.plugins.module_utils.compose.store import Store
from ansible_collections.steady.deploy.plugins.module_utils.compose.target import Target
from ansible_collections.steady.deploy.plugins.module_utils.core.files import read_text
from ansible_collections.steady.deploy.plugins.module_utils.rollout.executor import Executor
from ansible_collections.steady.deploy.plugins.module_utils.rollout.spec import ACCESSORY, Wish
from ansible_collections.steady.deploy.plugins.module_utils.rollout.steps import Step

Json = dict[str, t.Any]


def outcome_of(executor: Executor) -> Json:
    """What a rollout did, for the module's result."""
    return {
        "timeline": executor.timeline,
        "gates": executor.gates,
        "drained": asdict(executor.drained) if executor.drained else {},
        "held": asdict(executor.held) if executor.held else {},
    }


def diff_of(store: Store, served: str | None, wish: Wish, target: Target | None, steps: t.Sequence[Step]) -> Json:
    """Before and after as Ansible shows them with --diff: per service its image and kind, and which parts and variables changed."""
    before = _kept(store, served)
    if not steps:
        after = before
    elif target is None:
        after = _kept(store, wish.release)
    else:
        sections = {
            service.name: {
                **section(target.model["services"][service.name], target.images[service.image].pin),
                "kind": service.kind,
                "replicas": service.replicas,
            }
            for service in target.services
            if service.kind != ACCESSORY
        }
        after = {"release": wish.release, "services": sections}
    return {
        "before_header": f"{wish.app} served",
        "after_header": f"{wish.app} wanted",
        "before": _text(before, before),
        "after": _text(after, before),
    }


def _kept(store: Store, release: str | None) -> Json:
    """A release that is on the host: its services' sections as they run."""
    if release is None:
        return {"release": None, "services": {}}
    try:
        document = json.loads(read_text(store.compose_file(release)) or "{}")
    except (OSError, ValueError):
        document = {}
    sections = {
        name: {
            **made,
            "kind": (made.get("labels") or {}).get(KIND_LABEL, ""),
            "replicas": (made.get("deploy") or {}).get("replicas", 1),
        }
        for name, made in document.get("services", {}).items()
    }
    return {"release": release, "services": sections}


def _text(side: Json, before: Json) -> str:
    services = {name: _shown(made, before["services"].get(name) or made) for name, made in side["services"].items()}
    return json.dumps({"release": side["release"], "services": services}, indent=2, sort_keys=True) + "\n"


def _shown(made: Json, before: Json) -> Json:
    """One service for a person's eye: names of its variables and settings, with a mark where they changed, never their values."""
    apart = ("image", "kind", "replicas", "environment")
    # Written by us, and other for every release.
    ours = ("labels", "ports", "deploy", "configs", "secrets", "volumes")
    return {
        "image": made.get("image"),
        "kind": made["kind"],
        "replicas": made["replicas"],
        "environment": _marked(made.get("environment") or {}, before.get("environment") or {}),
        "settings": _marked(_without(made, apart + ours), _without(before, apart + ours)),
    }


def _without(made: Json, keys: t.Sequence[str]) -> Json:
    return {key: value for key, value in made.items() if key not in keys}


def _marked(now: Json, before: Json) -> list[str]:
    return [f"{name} (changed)" if name in before and before[name] != value else name for name, value in sorted(now.items())]
