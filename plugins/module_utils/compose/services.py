# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the resolved Compose model to the services of a wish. Pure."""

from __future__ import annotations

import difflib
import typing as t
from dataclasses import replace

from ansible_collections.steady.deploy.plugins.module_utils.compose.assets import parse_assets
from ansible_collections.steady.deploy.plugins.module_utils.compose.batches import batches_of
from ansible_collections.steady.deploy.plugins.module_utils.compose.kinds import kind_of
from ansible_collections.steady.deploy.plugins.module_utils.core.errors import SpecError
from ansible_collections.steady.deploy.plugins.module_utils.migrate.wish import MigrateWish, parse_migrate
from ansible_collections.steady.deploy.plugins.module_utils.probe.duration import seconds
from ansible_collections.steady.deploy.plugins.module_utils.probe.gate import Gate
from ansible_collections.steady.deploy.plugins.module_utils.probe.parse import parse_gate
from ansible_collections.steady.deploy.plugins.module_utils.probe.wording import show, words
from ansible_collections.steady.deploy.plugins.module_utils.rollout.spec import ACCESSORY, JOB, STRICTNESS, WEB, Service

Json = t.Mapping[str, t.Any]
_KNOWN = ("kind", "port", "gates", "assets", "strategy", "migrate")


def services_of(model: Json, said: t.Mapping[str, Json]) -> tuple[Service, ...]:
    """All services in the file's order. ``said`` holds what the parameter ``services`` says by name; it wins over ``x-steady``."""
    names = list(model.get("services") or {})
    if not names:
        raise SpecError("the compose file has no service: with profiles in use, name them in the parameter `profiles`")
    for name in said:
        if name not in names:
            close = difflib.get_close_matches(name, names, 1)
            hint = f"; did you mean {close[0]}?" if close else f"; the file has {words(names)}"
            raise SpecError(f"parameter services: the compose file has no service {show(name)}{hint}")
    parsed = tuple(_service(name, model, said.get(name) or {}) for name in names)
    kinds = {service.name: service.kind for service in parsed}
    return tuple(_ordered(service, model["services"][service.name], kinds, model) for service in parsed)


def _service(name: str, model: Json, parameter: Json) -> Service:
    raw = model["services"][name]
    extension = raw.get("x-steady") or {}
    for source, said in (("`x-steady`", extension), ("the parameter `services`", parameter)):
        if not isinstance(said, t.Mapping):
            raise SpecError(f"service {name}: {source} must be a mapping such as {{kind: web, port: 8000}}")
        for key in said:
            if key not in _KNOWN:
                close = difflib.get_close_matches(str(key), _KNOWN, 1)
                hint = f"; did you mean {close[0]}?" if close else f"; it takes {', '.join(_KNOWN)}"
                raise SpecError(f"service {name}: {source} has no key {show(key)}{hint}")
    given = {key: value for key, value in parameter.items() if value is not None}
    merged = {**extension, **given}
    kind, why = kind_of(name, raw, merged, "kind" in given, model)
    port = _port(name, kind, why, raw, merged.get("port"))
    checked = _has_healthcheck(raw)
    deploy = raw.get("deploy") or {}
    limits = deploy.get("resources") or {}
    return Service(
        name=name,
        kind=kind,
        why=why,
        image=str(raw.get("image") or ""),
        replicas=_replicas(raw, deploy),
        port=port,
        gates=_gates(name, kind, raw, merged.get("gates"), port, checked),
        has_healthcheck=checked,
        stop_timeout=seconds(raw.get("stop_grace_period")) or 10.0,
        strategy=_strategy(name, port, merged.get("strategy")),
        update=batches_of(name, "update_config", deploy.get("update_config")),
        way_back=batches_of(name, "rollback_config", deploy.get("rollback_config")),
        memory=int((limits.get("reservations") or {}).get("memory") or raw.get("mem_reservation") or 0),
        assets=parse_assets(merged.get("assets"), name, port),
        migrate=_migrate(name, kind, merged.get("migrate"), model),
    )


def _ordered(service: Service, raw: Json, kinds: t.Mapping[str, str], model: Json) -> Service:
    """Adds what the start order needs: whom the service waits for, and whether a job comes before it."""
    waits, web_waits_for_job = [], False
    for name, how in (raw.get("depends_on") or {}).items():
        if how.get("condition") == "service_healthy" and kinds.get(name) == WEB and service.kind == WEB:
            waits.append(name)
    if service.kind == JOB:
        web_waits_for_job = any(
            kinds[name] == WEB
            and (other.get("depends_on") or {}).get(service.name, {}).get("condition") == "service_completed_successfully"
            for name, other in model["services"].items()
        )
    return replace(service, waits_for=tuple(waits), before_start=web_waits_for_job)


def _migrate(name: str, kind: str, said: t.Any, model: Json) -> MigrateWish | None:
    # False says of the inventory that the file's setting is not to count: the job's own command runs.
    if said is None or said is False:
        return None
    if kind != JOB:
        raise SpecError(f"service {name}: `migrate` is for kind job, this is kind {kind}")
    wish = parse_migrate(said, name)
    if wish.where.service and wish.where.service not in model["services"]:
        close = difflib.get_close_matches(wish.where.service, list(model["services"]), 1)
        hint = f"; did you mean {close[0]}?" if close else f"; the file has {words(list(model['services']))}"
        raise SpecError(f"service {name}, migrate: database: the compose file has no service {show(wish.where.service)}{hint}")
    return wish


def _port(name: str, kind: str, why: str, raw: Json, said: t.Any) -> int | None:
    if said is not None:
        if kind != WEB:
            raise SpecError(f"service {name}: `port` is for kind web, this is kind {kind}")
        port = int(said) if str(said).isdecimal() and len(str(said)) < 6 else 0
        if not 0 < port < 65536:
            raise SpecError(f"service {name}: `port` must be a number from 1 to 65535, not {show(said)}")
        return port
    if kind == WEB:
        open_ports = [
            port["target"] for port in raw.get("ports") or () if not port.get("published") and port.get("protocol", "tcp") == "tcp"
        ]
        if len(open_ports) > 1:
            raise SpecError(
                f"service {name}: it publishes ports {', '.join(map(str, open_ports))}; name the edge's one with `x-steady: {{port: ...}}`"
            )
        if open_ports:
            return int(open_ports[0])
    return None


def _strategy(name: str, port: int | None, said: t.Any) -> str:
    if said is None:
        return ""
    if said not in STRICTNESS:
        close = difflib.get_close_matches(str(said), STRICTNESS, 1)
        hint = f"; did you mean {close[0]}?" if close else ""
        raise SpecError(f"service {name}: `strategy` is one of {', '.join(STRICTNESS)}, not {show(said)}{hint}")
    if port is None:
        raise SpecError(
            f"service {name}: `strategy` is for services that take traffic through the edge; set it there, or for the whole app"
        )
    return str(said)


def _replicas(raw: Json, deploy: Json) -> int:
    value = deploy.get("replicas")
    if value is None:
        value = raw.get("scale")
    return 1 if value is None else int(value)


def _has_healthcheck(raw: Json) -> bool:
    check = raw.get("healthcheck") or {}
    return bool(check) and not check.get("disable") and check.get("test") not in (None, ["NONE"])


def _gates(name: str, kind: str, raw: Json, said: t.Any, port: int | None, checked: bool) -> tuple[Gate, ...]:
    """The gates as given; without any, the container's own healthcheck is the gate."""
    if said is not None:
        if kind in (ACCESSORY, JOB):
            raise SpecError(f"service {name}: `gates` are for kinds that are rolled out, this is kind {kind}")
        if not isinstance(said, (list, tuple)):
            raise SpecError(f"service {name}: `gates` must be a list such as [{{type: http, path: /readyz}}]")
        return tuple(parse_gate(gate, f"service {name}, gate {number}", port) for number, gate in enumerate(said, 1))
    if not checked or kind in (ACCESSORY, JOB):
        return ()
    return (Gate(type="health", success_threshold=1, interval=0.2, deadline=health_deadline(raw.get("healthcheck") or {})),)


def health_deadline(check: Json) -> float:
    """How long Docker itself may take to call a container unhealthy, at least a minute."""
    interval = seconds(check.get("interval")) or 30.0
    timeout = seconds(check.get("timeout")) or 30.0
    return max(60.0, (seconds(check.get("start_period")) or 0.0) + (interval + timeout) * int(check.get("retries") or 3))
