# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run over certificates: steps, then what is told of them to people, to Ansible and to Prometheus."""

from __future__ import annotations

import os
import typing as t
from dataclasses import dataclass

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import SteadyError
from ansible_collections.steady.deploy.plugins.module_utils.core.files import read_text, write_atomic
from ansible_collections.steady.deploy.plugins.module_utils.tls import state
from ansible_collections.steady.deploy.plugins.module_utils.tls.host import Paths
from ansible_collections.steady.deploy.plugins.module_utils.tls.keeper import Keeper, Tools
from ansible_collections.steady.deploy.plugins.module_utils.tls.plan import KEEP, Step, temporary
from ansible_collections.steady.deploy.plugins.module_utils.tls.spec import Certificate


@dataclass(frozen=True)
class Outcome:
    """How it went with one certificate. ``failure`` is a sentence, empty where all is well."""

    name: str
    step: Step
    failure: str = ""


class Run:
    """Certificates of one host, with what is remembered of them."""

    def __init__(self, paths: Paths, tools: Tools) -> None:
        self._paths, self._tools = paths, tools
        self.memories = state.load(paths.memory)
        self.keeper = Keeper(tools, self.memories)

    def bring(self, wanted: Certificate, order: bool, force: bool = False) -> Outcome:
        """Bring one certificate to what is wanted. Whatever fails is told, and ends nothing else."""
        step = Step(KEEP)
        try:
            step = self.keeper.step(wanted, order, force)
            if step.kind != KEEP:
                self.keeper.take(wanted, step)
            elif order:
                self.keeper.heal(wanted)
                self.keeper.watch(wanted)
            failure = ""
        except SteadyError as exc:
            failure = exc.message
        except OSError as exc:
            failure = f"{exc.filename or 'the disk'}: {exc.strerror or exc}"
        if failure and not failure.startswith("certificate '"):
            failure = f"certificate '{wanted.name}': {failure}"
        if order or wanted.source != "acme":
            memory = self.memories.setdefault(wanted.name, state.Memory())
            memory.failure = failure
            if not failure:
                memory.succeeded = self._tools.clock.now()
        return Outcome(wanted.name, step, failure)

    def revoke(self, wanted: Certificate, reason: str) -> Outcome:
        """Replace and revoke."""
        try:
            self.keeper.revoke(wanted, reason)
        except SteadyError as exc:
            return Outcome(wanted.name, Step(KEEP), f"certificate '{wanted.name}': {exc.message}")
        return Outcome(wanted.name, Step(KEEP))

    def remove(self, name: str) -> None:
        """Remove all there is of a certificate. Raises OSError."""
        self.memories.pop(name, None)
        self._tools.store.remove(name)

    def readings(self, certificates: t.Iterable[Certificate]) -> list[state.Reading]:
        """What Prometheus is told."""
        found = []
        for wanted in certificates:
            seen, memory = self.keeper.seen(wanted.name), self.memories.get(wanted.name) or state.Memory()
            found.append(
                state.Reading(
                    name=wanted.name,
                    source=wanted.source,
                    expires=seen.info.ends if seen else 0,
                    succeeded=memory.succeeded,
                    failed=bool(memory.failure),
                    temporary=seen is not None and temporary(wanted, seen),
                )
            )
        return found

    def close(self, certificates: t.Sequence[Certificate]) -> None:
        """Remember, and tell Prometheus. Raises OSError."""
        state.save(self._paths.memory, self.memories)
        text = state.metrics(self.readings(certificates))
        if read_text(self._paths.metrics) != text:
            os.makedirs(os.path.dirname(self._paths.metrics), 0o755, exist_ok=True)
            write_atomic(self._paths.metrics, text, 0o644)
