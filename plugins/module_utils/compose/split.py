# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One Compose file becomes two projects: the base with accessories, and one project per release. Pure.

Both are written as JSON, which every Compose reads as YAML. Values stay as ``docker compose config`` printed
them: there ``$`` is already doubled, so reading them again changes nothing.
"""

from __future__ import annotations

import copy
import hashlib
import json
import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.compose.cli import APP_LABEL, DEFINITION_LABEL, KIND_LABEL, RELEASE_LABEL
from ansible_collections.steady.deploy.plugins.module_utils.rollout.spec import ACCESSORY, WEB, Service

Json = dict[str, t.Any]
# Not part of what runs: read by us, by the build, or by a start order that the engine keeps itself.
_DROPPED = ("x-steady", "build", "depends_on", "profiles", "pull_policy", "container_name", "scale")


def release_id(model: Json, services: t.Sequence[Service], image_ids: t.Mapping[str, str], file_hashes: t.Mapping[str, str]) -> str:
    """The id of a release: 12 hex digits over images by content, resolved configuration and environment.

    ``image_ids`` maps references to image ids, ``file_hashes`` maps paths of configs and secrets to their content.
    """
    replaced = [service for service in services if service.kind != ACCESSORY]
    sections = {service.name: section(model["services"][service.name], image_ids.get(service.image, service.image)) for service in replaced}
    for service in replaced:
        sections[service.name]["replicas"] = service.replicas
    files = {
        kind: {name: [entry, file_hashes.get(entry.get("file", ""))] for name, entry in _used(model, kind, sections).items()}
        for kind in ("configs", "secrets")
    }
    return digest([sections, files, _networks(model, sections)])[:12]


def definition(model: Json, service: Service) -> str:
    """What an accessory is, as a short hash: it changes only when the accessory's own section does."""
    return digest(section(model["services"][service.name], service.image))[:12]


def base_document(model: Json, services: t.Sequence[Service], app: str) -> Json:
    """The base project: accessories, the networks between them, and the volumes, which outlive everything."""
    sections: Json = {}
    accessories = [service for service in services if service.kind == ACCESSORY]
    names = {service.name for service in accessories}
    for service in accessories:
        raw = model["services"][service.name]
        made = section(raw, service.image)
        _unlink(made, names)
        made["labels"] = {**made.get("labels", {}), APP_LABEL: app, KIND_LABEL: ACCESSORY, DEFINITION_LABEL: definition(model, service)}
        waits = {name: how for name, how in (raw.get("depends_on") or {}).items() if name in names}
        if waits:
            made["depends_on"] = waits
        if "container_name" in raw:
            made["container_name"] = raw["container_name"]
        if service.replicas != 1:
            made["deploy"] = {**made.get("deploy", {}), "replicas": service.replicas}
        sections[service.name] = made
    return _document(model, app, sections, private=False)


def release_document(
    model: Json,
    services: t.Sequence[Service],
    app: str,
    release: str,
    image_pins: t.Mapping[str, str],
    ports: t.Mapping[str, t.Sequence[int]],
    file_copies: t.Mapping[str, str],
) -> Json:
    """The release project: everything but accessories, in networks of its own, images pinned, ports on loopback.

    ``image_pins`` maps references to digests or ids, ``file_copies`` maps paths of configs and secrets to the
    release's own copies.
    """
    sections: Json = {}
    for service in services:
        if service.kind == ACCESSORY:
            continue
        made = section(model["services"][service.name], image_pins.get(service.image, service.image))
        made["labels"] = {**made.get("labels", {}), APP_LABEL: app, RELEASE_LABEL: release, KIND_LABEL: service.kind}
        made["deploy"] = {**made.get("deploy", {}), "replicas": service.replicas}
        made.pop("ports", None)
        _unlink(made, {service.name for service in services if service.kind != ACCESSORY})
        if service.kind == WEB and service.port is not None:
            numbers = ports[service.name]
            published = str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]}-{numbers[-1]}"
            made["ports"] = [{"mode": "ingress", "host_ip": "127.0.0.1", "target": service.port, "published": published, "protocol": "tcp"}]
        sections[service.name] = made
    document = _document(model, f"{app}-{release}", sections, private=True)
    for kind in ("configs", "secrets"):
        for entry in document.get(kind, {}).values():
            if entry.get("file") in file_copies:
                entry["file"] = file_copies[entry["file"]]
    return document


def oneoff_document(model: Json, services: t.Sequence[Service], project: str, name: str, image_pins: t.Mapping[str, str]) -> Json:
    """A project for commands in containers of one service: its own section, in the networks in which the accessories are."""
    reference = next(service.image for service in services if service.name == name)
    made = section(model["services"][name], image_pins.get(reference, reference))
    _unlink(made, ())
    for key in ("ports", "healthcheck"):
        made.pop(key, None)
    made["restart"] = "no"
    networks = model.get("networks") or {}
    base = base_document(model, services, project)["networks"]
    shared = [key for key in made.get("networks") or () if key in base or (networks.get(key) or {}).get("external")]
    if shared:
        made["networks"] = dict.fromkeys(shared)
    document = _document(model, project, {name: made}, private=not shared)
    for key in shared:
        document["networks"][key] = {"name": (networks.get(key) or {}).get("name") or key, "external": True}
    return document


def section(raw: Json, image: str) -> Json:
    """One service's section as it runs: cleaned of what only we or a build read, with ``image`` in its place."""
    made = {key: copy.deepcopy(value) for key, value in raw.items() if key not in _DROPPED and _says_something(key, value)}
    made["image"] = image
    if made.get("restart") == "always":
        # The same while it runs; but after a reboot `always` would also start what a rollout has stopped,
        # and a singleton would run twice.
        made["restart"] = "unless-stopped"
    if "environment" in made:
        made["environment"] = {key: value for key, value in made["environment"].items() if value is not None}
    deploy = {key: value for key, value in made.pop("deploy", {}).items() if key in ("resources", "labels", "restart_policy") and value}
    if deploy:
        made["deploy"] = deploy
    return made


def _unlink(made: Json, names: t.Collection[str]) -> None:
    """Leave out links to services that are not in the project. What they are called by is told to the network (see record.plugs_of)."""
    links = [link for link in made.pop("links", None) or () if link.split(":")[0] in names]
    if links:
        made["links"] = links


def _says_something(key: str, value: t.Any) -> bool:
    """An empty value is none, but an empty command or entrypoint replaces the image's own."""
    return value is not None and (key in ("command", "entrypoint") or value not in ({}, []))


def volumes_of(model: Json) -> dict[str, Json]:
    """The named volumes the engine makes, by their real name; external ones are the user's."""
    return {
        str(entry.get("name") or key): {"key": key, **(entry or {})}
        for key, entry in (model.get("volumes") or {}).items()
        if not (entry or {}).get("external")
    }


def files_of(model: Json, services: t.Sequence[Service]) -> tuple[str, ...]:
    """Paths of the configs and secrets that replaced services read from files."""
    sections = {service.name: model["services"][service.name] for service in services if service.kind != ACCESSORY}
    found = [entry["file"] for kind in ("configs", "secrets") for entry in _used(model, kind, sections).values() if entry.get("file")]
    return tuple(dict.fromkeys(found))


def digest(value: t.Any) -> str:
    """A hash of any JSON value that does not depend on the order of keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _document(model: Json, project: str, sections: Json, private: bool) -> Json:
    document: Json = {"name": project, "services": sections, "networks": _networks(model, sections)}
    if private:
        for key, entry in document["networks"].items():
            if not entry.get("external"):
                # Compose then names it after the release project. A fixed subnet could not exist twice.
                document["networks"][key] = {name: value for name, value in entry.items() if name not in ("name", "ipam")}
    volumes = {
        volume["source"]
        for made in sections.values()
        for volume in made.get("volumes") or ()
        if volume.get("type") == "volume" and volume.get("source")
    }
    document["volumes"] = {
        key: {"name": (entry or {}).get("name") or key, "external": True}
        for key, entry in (model.get("volumes") or {}).items()
        if key in volumes
    }
    for kind in ("configs", "secrets"):
        document[kind] = {
            key: {name: value for name, value in entry.items() if name != "name" or entry.get("external")}
            for key, entry in copy.deepcopy(_used(model, kind, sections)).items()
        }
    return document


def _networks(model: Json, sections: Json) -> Json:
    used = {name for made in sections.values() for name in made.get("networks") or ()}
    return {key: copy.deepcopy(entry or {}) for key, entry in (model.get("networks") or {}).items() if key in used}


def _used(model: Json, kind: str, sections: Json) -> Json:
    names = {entry["source"] for made in sections.values() for entry in made.get(kind) or ()}
    return {key: entry for key, entry in (model.get(kind) or {}).items() if key in names}
