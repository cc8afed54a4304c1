# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the user is told of a rollout. No value of the app's environment is ever part of it."""

from __future__ import annotations

import hashlib
import json
import typing as t
from dataclasses import asdict

from ansible_collections.steady.deploy.plugins.module_utils.compose.backend import Target
from ansible_collections.steady.deploy.plugins.module_utils.compose.split import section
from ansible_collections.steady.deploy.plugins.module_utils.compose.store import Store
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
    }


def diff_of(store: Store, served: str | None, wish: Wish, target: Target | None, steps: t.Sequence[Step]) -> Json:
    """Before and after as Ansible shows them with --diff: per service its image, kind and hashes of configuration and environment."""
    before = _kept(store, served)
    if not steps:
        after = before
    elif target is None:
        after = _kept(store, wish.release)
    else:
        services = {
            service.name: _shown(
                section(target.model["services"][service.name], target.images[service.image].pin), service.kind, service.replicas
            )
            for service in target.services
            if service.kind != ACCESSORY
        }
        after = {"release": wish.release, "services": services}
    return {"before_header": f"{wish.app} served", "after_header": f"{wish.app} wanted", "before": _text(before), "after": _text(after)}


def _kept(store: Store, release: str | None) -> Json:
    if release is None:
        return {"release": None, "services": {}}
    try:
        document = json.loads(read_text(store.compose_file(release)) or "{}")
    except (OSError, ValueError):
        document = {}
    services = {
        name: _shown(made, (made.get("labels") or {}).get("steady.kind", ""), (made.get("deploy") or {}).get("replicas", 1))
        for name, made in document.get("services", {}).items()
    }
    return {"release": release, "services": services}


def _shown(made: Json, kind: str, replicas: int) -> Json:
    """One service for a person's eye: names of its variables, never their values."""
    environment = made.get("environment") or {}
    skipped = ("environment", "image", "labels", "ports", "deploy", "configs", "secrets", "volumes")
    rest = {key: value for key, value in made.items() if key not in skipped}
    return {
        "image": made.get("image"),
        "kind": kind,
        "replicas": replicas,
        "environment": {"variables": sorted(environment), "hash": _hash(environment)},
        "configuration_hash": _hash(rest),
    }


def _hash(value: t.Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:12]


def _text(value: Json) -> str:
    return json.dumps(value, indent=2, sort_keys=True) + "\n"
