# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the module ready does: gates from parameters, held once."""

from __future__ import annotations

import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.core.clock import Clock
from ansible_collections.steady.deploy.plugins.module_utils.core.errors import SpecError
from ansible_collections.steady.deploy.plugins.module_utils.core.runner import Runner
from ansible_collections.steady.deploy.plugins.module_utils.probe.base import Probe, Target
from ansible_collections.steady.deploy.plugins.module_utils.probe.gate import Gate
from ansible_collections.steady.deploy.plugins.module_utils.probe.parse import parse_gate
from ansible_collections.steady.deploy.plugins.module_utils.probe.poller import hold
from ansible_collections.steady.deploy.plugins.module_utils.probe.track import Check
from ansible_collections.steady.deploy.plugins.module_utils.probe.watch import Watch

LOOPBACK = "127.0.0.1"


def hold_ready(
    gates: t.Sequence[t.Mapping[str, t.Any]],
    address: str | None,
    container: str | None,
    runner: Runner,
    clock: Clock,
    probes: t.Mapping[str, Probe],
) -> dict[str, t.Any]:
    """Hold the gates; returns ``gates`` and ``elapsed`` in seconds, raises what parse_gate and hold raise."""
    parsed = [parse_gate(raw, f"gate {number}") for number, raw in enumerate(gates, 1)]
    if not parsed:
        raise SpecError("`gates` is empty; give at least one gate")
    for number, gate in enumerate(parsed, 1):
        if container is None and gate.type in ("exec", "health"):
            raise SpecError(f"gate {number}: a gate of type {gate.type} needs `container`")
    started = clock.monotonic()
    if container is None:
        checks = [Check(gate, target=_fixed(gate, address or LOOPBACK)) for gate in parsed]
        held = hold(checks, clock, dict, probes=probes)
    else:
        watch = Watch(runner, container)
        checks = [
            Check(gate, container=watch.id, target=_fixed(gate, address) if address and gate.type not in ("exec", "health") else None)
            for gate in parsed
        ]
        held = hold(checks, clock, watch.observe, probes=probes, tail=watch.tail)
    return {"gates": held, "elapsed": round(clock.monotonic() - started, 3)}


def _fixed(gate: Gate, address: str) -> Target:
    return Target(address=address, port=gate.port, socket=gate.socket)
