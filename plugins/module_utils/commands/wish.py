# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the parameters of the module rollout to the release that is wished."""

from __future__ import annotations

import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.compose import split
from ansible_collections.steady.deploy.plugins.module_utils.compose.cli import DockerCli
from ansible_collections.steady.deploy.plugins.module_utils.compose.externals import check_externals
from ansible_collections.steady.deploy.plugins.module_utils.compose.images import check_reference, find_images
from ansible_collections.steady.deploy.plugins.module_utils.compose.lint import lint
from ansible_collections.steady.deploy.plugins.module_utils.compose.ports import check_size, parse_range
from ansible_collections.steady.deploy.plugins.module_utils.compose.read import read_app
from ansible_collections.steady.deploy.plugins.module_utils.compose.record import services_from
from ansible_collections.steady.deploy.plugins.module_utils.compose.services import services_of
from ansible_collections.steady.deploy.plugins.module_utils.compose.store import Store, file_hashes
from ansible_collections.steady.deploy.plugins.module_utils.compose.target import Target
from ansible_collections.steady.deploy.plugins.module_utils.core import journal as journals
from ansible_collections.steady.deploy.plugins.module_utils.core.errors import SpecError
from ansible_collections.steady.deploy.plugins.module_utils.core.progress import Tell
from ansible_collections.steady.deploy.plugins.module_utils.migrate.choose import refused_way_back
from ansible_collections.steady.deploy.plugins.module_utils.migrate.memory import Memory
from ansible_collections.steady.deploy.plugins.module_utils.probe.match import check_jmespath
from ansible_collections.steady.deploy.plugins.module_utils.rollout.spec import Wish

Params = t.Mapping[str, t.Any]


def wish_of(
    params: Params, cli: DockerCli, store: Store, served: str | None, pull: bool, tell: Tell
) -> tuple[Wish, Target | None, list[str]]:
    """What the parameters of the module rollout ask for: the wish, how Compose runs it (not for a rollback), and warnings.

    Images are pulled where ``pull`` is set. Raises SpecError and PreflightError.
    """
    if params["state"] == "previous":
        return _kept(params, store, served), None, []
    if params["release"]:
        raise SpecError("parameter `release` names a kept release to go back to: set `state: previous` with it")
    if not params["project_dir"]:
        raise SpecError("parameter `project_dir` is missing: give the folder on the host that holds the app's Compose file")
    model = read_app(cli, params["app"], params["project_dir"], params["files"], params["profiles"], params["env_files"])
    for name, reference in params["images"].items():
        if name not in model.get("services", {}):
            raise SpecError(f"parameter images: the compose file has no service {name!r}; it has {', '.join(model.get('services', {}))}")
        model["services"][name]["image"] = check_reference(reference, f"parameter images, service {name}")
    services = services_of(model, params["services"])
    warnings = lint(model, services)
    for service in services:
        check_reference(service.image, f"service {service.name}")
        if service.port is not None:
            check_size(service.name, service.replicas, parse_range(params["port_range"]))
        for number, gate in enumerate(service.gates, 1):
            if gate.jmespath is not None:
                check_jmespath(gate.jmespath, f"service {service.name}, gate {number}")
    check_externals(cli, model, params["env_files"])
    policies = {service.image: _policy(model["services"][service.name], params["pull"]) for service in services}
    images = find_images(cli, policies, pull, tell)
    files = file_hashes(split.files_of(model, services))
    release = split.release_id(model, services, {ref: image.id or ref for ref, image in images.items()}, files)
    wish = Wish(params["app"], release, services)
    return wish, Target(release, model, services, images, files), warnings


def _policy(service: t.Mapping[str, t.Any], parameter: str) -> str:
    """The parameter wins; ``policy`` leaves it to the compose file, where anything but always and never means missing."""
    said = str(service.get("pull_policy") or "missing") if parameter == "policy" else parameter
    return said if said in ("always", "never") else "missing"


def _kept(params: Params, store: Store, served: str | None) -> Wish:
    """The wish for a rollback: a release that is still on the host. Without a name, the complete one served last before ``served``."""
    history = [release for release in journals.served_before(journals.read(store.journal)) if store.record(release)]
    wanted = params["release"]
    if wanted is None:
        wanted = next((release for release in history if release != served), None)
        if wanted is None:
            raise SpecError(f"there is no release of {params['app']} to go back to: none but the served one is kept (keep_releases)")
    elif wanted not in history:
        kept = ", ".join(history) or "none"
        raise SpecError(f"release {wanted} of {params['app']} is not kept on this host, so it can't be gone back to; kept: {kept}")
    memory = Memory(store.migrations)
    for service, ids in memory.contracted().items():
        known = memory.knows(wanted)
        reason = refused_way_back(wanted, (known or {}).get(service), ids)
        if reason:
            raise SpecError(reason)
    return Wish(params["app"], wanted, services_from(store.record(wanted) or {}), jobs=False)
