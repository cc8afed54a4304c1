# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a release keeps of itself on the host, to be stopped, removed or rolled back to without its compose file. Pure."""

from __future__ import annotations

import typing as t
from dataclasses import asdict

from ansible_collections.steady.deploy.plugins.module_utils.probe.gate import Gate
from ansible_collections.steady.deploy.plugins.module_utils.rollout.spec import Assets, Batches, Service

Json = dict[str, t.Any]


def to_record(
    release: str,
    services: t.Sequence[Service],
    pins: t.Mapping[str, str],
    ports: t.Mapping[str, t.Sequence[int]],
    plugs: t.Mapping[str, t.Mapping[str, t.Sequence[str]]],
    created: float,
) -> Json:
    """The record. ``plugs`` maps a network's key to accessories and their aliases in it; ``created`` is seconds since the epoch."""
    return {
        "release": release,
        "created": round(created, 3),
        "services": [asdict(service) for service in services],
        "images": {service.name: {"reference": service.image, "pin": pins.get(service.image, service.image)} for service in services},
        "ports": {name: list(numbers) for name, numbers in ports.items()},
        "plugs": plugs,
    }


def services_from(record: Json) -> tuple[Service, ...]:
    """The services as they were written. Keys of a later version are left out."""
    return tuple(_service(raw) for raw in record.get("services") or ())


def _service(raw: Json) -> Service:
    # A release that is gone back to never migrates.
    known = {key: _tuples(value) for key, value in raw.items() if key in Service.__dataclass_fields__ and key != "migrate"}
    known["gates"] = tuple(
        Gate(**{key: _tuples(value) for key, value in gate.items() if key in Gate.__dataclass_fields__}) for gate in raw["gates"]
    )
    if known.get("assets"):
        known["assets"] = Assets(**known["assets"])
    for name in ("update", "way_back"):
        known[name] = Batches(**{key: value for key, value in (raw.get(name) or {}).items() if key in Batches.__dataclass_fields__})
    return Service(**known)


def _tuples(value: t.Any) -> t.Any:
    """JSON has no tuples; the dataclasses have nothing else."""
    return tuple(_tuples(entry) for entry in value) if isinstance(value, list) else value


def plugs_of(model: Json, services: t.Sequence[Service]) -> dict[str, dict[str, list[str]]]:
    """Which accessories go into which of a release's networks, and under which names."""
    replaced = {
        name for service in services if service.kind != "accessory" for name in model["services"][service.name].get("networks") or ()
    }
    plugs: dict[str, dict[str, list[str]]] = {}
    for service in services:
        if service.kind == "accessory":
            for network, how in (model["services"][service.name].get("networks") or {}).items():
                entry = (model.get("networks") or {}).get(network) or {}
                if network in replaced and not entry.get("external"):
                    names = [service.name, *((how or {}).get("aliases") or ()), *_linked_as(service.name, model)]
                    container = model["services"][service.name].get("container_name")
                    plugs.setdefault(network, {})[service.name] = list(dict.fromkeys(names + ([container] if container else [])))
    return plugs


def _linked_as(name: str, model: Json) -> list[str]:
    """The names that other services' `links` give to a service."""
    links = [link.partition(":") for service in model["services"].values() for link in service.get("links") or ()]
    return [alias for service, dummy, alias in links if service == name and alias]
