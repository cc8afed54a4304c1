# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which kind each service of a Compose file is: said by the user, else inferred, else refused. Pure."""

from __future__ import annotations

import difflib
import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import SpecError
from ansible_collections.steady.deploy.plugins.module_utils.probe.wording import show
from ansible_collections.steady.deploy.plugins.module_utils.rollout.spec import ACCESSORY, JOB, KINDS, WEB, WORKER

Json = t.Mapping[str, t.Any]
HOW = "say so with `x-steady: {kind: ...}` in the compose file or with the parameter `services`"


def kind_of(name: str, service: Json, said: Json, from_parameter: bool, model: Json) -> tuple[str, str]:
    """The kind of a service and where that comes from. Raises SpecError where neither says and none can be inferred."""
    kind = said.get("kind")
    if kind is not None:
        if kind not in KINDS:
            close = difflib.get_close_matches(str(kind), KINDS, 1)
            hint = f" Did you mean {close[0]}?" if close else ""
            raise SpecError(f"service {name}: kind {show(kind)} is unknown, it is one of {', '.join(KINDS)}.{hint}")
        return str(kind), "parameter" if from_parameter else "x-steady"
    if said.get("port") is not None:
        return WEB, "inferred: it names a port for the edge"
    return _inferred(name, service, model)


def _inferred(name: str, service: Json, model: Json) -> tuple[str, str]:
    if _is_job(name, model):
        return JOB, "inferred: another service waits for its completion"
    built = "build" in service
    volumes = [volume for volume in service.get("volumes") or () if volume.get("type") == "volume" and volume.get("source")]
    if volumes and not built:
        return ACCESSORY, f"inferred: image only, keeps its data in volume {volumes[0]['source']}"
    if [port for port in service.get("ports") or () if not port.get("published") and port.get("protocol", "tcp") == "tcp"]:
        return WEB, "inferred: it publishes a port without fixing the host's"
    if [port for port in service.get("ports") or () if port.get("published")]:
        raise SpecError(f"service {name}: it publishes a fixed port, so it may be `web` or `accessory`; {HOW}")
    if service.get("expose"):
        raise SpecError(f"service {name}: it exposes a port, so it may be `web` or `accessory`; {HOW}")
    if built:
        return WORKER, "inferred: built here, takes no traffic"
    raise SpecError(f"service {name}: it may be a `worker`, a `singleton` or an `accessory`; {HOW}")


def _is_job(name: str, model: Json) -> bool:
    return any(
        (other.get("depends_on") or {}).get(name, {}).get("condition") == "service_completed_successfully"
        for other in model.get("services", {}).values()
    )
