# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What in a Compose file can't be rolled out without downtime, found before anything is touched. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import PreflightError
from ansible_collections.steady.deploy.plugins.module_utils.rollout.spec import ACCESSORY, JOB, SINGLETON, WEB, Service, Wish

Json = t.Mapping[str, t.Any]
# Characters of one answer.
_LIMIT = 560


def lint(model: Json, services: t.Sequence[Service]) -> list[str]:
    """Warnings. Raises PreflightError with one sentence for each thing that can't work, all of them at once."""
    wrong: list[str] = []
    warnings: list[str] = []
    kinds = {service.name: service.kind for service in services}
    for service in services:
        raw = model["services"][service.name]
        if not service.image:
            wrong.append(f"service {service.name} has no `image`: a release needs one to be named, `build` alone is not enough")
        wrong += _tied(service, raw, kinds)
        if service.kind == ACCESSORY:
            warnings += _open_ports(service.name, raw)
        else:
            wrong += _not_twice(service, raw, model) + _never_there(service, raw, kinds)
        if (
            service.kind not in (ACCESSORY, JOB)
            and str(raw.get("restart") or "no") == "no"
            and not (raw.get("deploy") or {}).get("restart_policy")
        ):
            warnings.append(f"service {service.name} has no `restart` policy: it stays down after a reboot; set `restart: unless-stopped`")
    for kind in ("configs", "secrets"):
        for name, entry in (model.get(kind) or {}).items():
            if entry.get("external"):
                wrong.append(f"{kind[:-1]} {name} is external: Compose has none outside of Swarm, read it from a `file`")
            if entry.get("environment"):
                warnings.append(
                    f"{kind[:-1]} {name} comes from the variable {entry['environment']}: a change of it alone makes no new release; "
                    "read it from a file, or put it into the environment of its services"
                )
    if not any(service.kind == WEB and service.port is not None for service in services):
        wrong.append("no service takes traffic: give one `x-steady: {kind: web, port: <its container port>}`")
    if wrong:
        raise PreflightError(_together(list(dict.fromkeys(wrong))))
    return warnings


def _together(wrong: t.Sequence[str]) -> str:
    """As many as one can read at once."""
    shown = wrong[0]
    for number, sentence in enumerate(wrong[1:], 1):
        if len(shown) + len(sentence) > _LIMIT:
            return f"{shown}; and {len(wrong) - number} more"
        shown += f"; {sentence}"
    return shown


def _not_twice(service: Service, raw: Json, model: Json) -> list[str]:
    """What keeps two releases of a replaced service from standing side by side."""
    name, wrong = service.name, []
    if raw.get("container_name"):
        wrong.append(f"service {name} has `container_name: {raw['container_name']}`: two releases can't share a name, remove it")
    for port in raw.get("ports") or ():
        if port.get("published"):
            shown = f"{port['published']}:{port['target']}"
            instead = (
                f"remove it and name the container port with `x-steady: {{port: {port['target']}}}`" if service.kind == WEB else "remove it"
            )
            wrong.append(f"service {name} publishes the fixed host port {shown}: two releases can't share it, {instead}")
    if service.kind == WEB and raw.get("network_mode") == "host":
        wrong.append(f"service {name} has `network_mode: host`: two releases can't share the host's ports, remove it")
    for network, how in (raw.get("networks") or {}).items():
        external = (model.get("networks") or {}).get(network, {}).get("external")
        if how and (how.get("ipv4_address") or how.get("ipv6_address")):
            wrong.append(f"service {name} has a static address in network {network}: two releases can't share it, remove it")
        elif external and service.kind == WEB:
            wrong.append(
                f"service {name} is in the external network {network}: names of two releases would mix there, use a network of the app"
            )
    for network in raw.get("networks") or ():
        wrong += _one_of_a_kind(network, (model.get("networks") or {}).get(network) or {})
    if service.kind == SINGLETON and service.replicas != 1:
        wrong.append(f"service {name} is a singleton with {service.replicas} replicas: a singleton has one")
    if service.replicas < 1 and service.kind != JOB:
        wrong.append(f"service {name} has {service.replicas} replicas: at least one is needed")
    if service.port is not None and not service.gates:
        wrong.append(f"service {name} takes traffic but nothing says when it is ready: add a gate to its `x-steady`, or a `healthcheck`")
    wrong += [
        f"service {name} has a health gate but no `healthcheck`: add one"
        for gate in service.gates
        if gate.type == "health" and not service.has_healthcheck
    ]
    return wrong


def _one_of_a_kind(network: str, entry: Json) -> list[str]:
    """What of a network of the app can't be made once more for each release."""
    if entry.get("external"):
        return []
    driver, bridge = entry.get("driver") or "bridge", (entry.get("driver_opts") or {}).get("com.docker.network.bridge.name")
    if driver != "bridge":
        return [f"network {network} has the driver {driver}: each release gets a network of its own, which only the driver bridge allows"]
    return [f"network {network} has the fixed bridge name {bridge}: two releases can't share it, remove it"] if bridge else []


def _tied(service: Service, raw: Json, kinds: t.Mapping[str, str]) -> list[str]:
    """What ties a service that is replaced to one that is not, or the other way round."""
    ties = [(key, str(raw.get(key) or "")) for key in ("network_mode", "ipc", "pid")]
    ties += [("volumes_from", f"service:{str(entry).split(':', maxsplit=1)[0]}") for entry in raw.get("volumes_from") or ()]
    wrong = []
    for key, value in ties:
        other = value.partition(":")[2] if value.startswith("service:") else ""
        if other in kinds and (kinds[other] == JOB or (kinds[other] == ACCESSORY) != (service.kind == ACCESSORY)):
            wrong.append(
                f"service {service.name} ({service.kind}) has `{key}` of service {other} ({kinds[other]}), "
                "but they do not come and go together: remove it, or give both one kind"
            )
    return wrong


def _never_there(service: Service, raw: Json, kinds: t.Mapping[str, str]) -> list[str]:
    """What a replaced service would wait for in vain, and why the edge could not reach it."""
    name, wrong = service.name, []
    mode = str(raw.get("network_mode") or "")
    if service.port is not None and mode not in ("", "default", "bridge", "host"):
        wrong.append(f"service {name} takes traffic and has `network_mode: {mode}`: the edge could not reach it, remove it")
    for other, how in (raw.get("depends_on") or {}).items():
        if (how or {}).get("condition") == "service_completed_successfully" and kinds.get(other, JOB) != JOB:
            wrong.append(f"service {name} waits for the end of service {other}, which is kind {kinds[other]} and not job")
    if service.port is not None and not name[0].isalnum():
        wrong.append(f"service {name} takes traffic, so its name must start with a letter or a digit: Nginx gets it")
    return wrong


def _open_ports(name: str, raw: Json) -> list[str]:
    return [
        f"service {name} publishes port {port['published']} on every address: "
        "Docker opens it past the host's firewall, prefix it with 127.0.0.1:"
        for port in raw.get("ports") or ()
        if port.get("published") and port.get("host_ip", "0.0.0.0") in ("", "0.0.0.0", "::")
    ]


def check_strays(wish: Wish, strays: t.Sequence[tuple[str, str]]) -> list[str]:
    """Containers (service, name) that a plain `docker compose up` of the app left running, beside every release.

    Warnings; raises PreflightError for a singleton among them, which would then run twice.
    """
    singletons = {service.name for service in wish.of(SINGLETON)}
    known = {service.name for service in wish.services}
    for service, name in strays:
        if service in singletons:
            raise PreflightError(
                f"{name} of a plain `docker compose up` still runs, and {service} would run twice: remove it with `docker rm -f {name}`"
            )
    return [
        f"{name} of a plain `docker compose up` still runs beside the releases: remove it with `docker rm -f {name}`"
        for service, name in strays
        if service in known
    ]
