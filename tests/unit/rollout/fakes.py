"""A host that exists only here: backend, edge and clock over one small state, with faults on demand."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ansible_collections.steady.deploy.plugins.module_utils.core.container import ContainerState
from ansible_collections.steady.deploy.plugins.module_utils.core.errors import SteadyError
from ansible_collections.steady.deploy.plugins.module_utils.edge.base import Drained, Flight, Served
from ansible_collections.steady.deploy.plugins.module_utils.rollout.observed import Accessory, Release, Unit
from ansible_collections.steady.deploy.plugins.module_utils.rollout.spec import JOB, Wish


class RolloutClock:
    """Time that passes only when slept through; ``after`` holds what happens at a moment."""

    def __init__(self) -> None:
        self.time = 1000.0
        self.after: list[tuple[float, t.Callable[[], None]]] = []

    def now(self) -> float:
        return 1_700_000_000.0 + self.time

    def monotonic(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += max(0.001, seconds)
        for moment, happen in list(self.after):
            if self.time >= moment:
                self.after.remove((moment, happen))
                happen()


class Faults:
    """Which calls go wrong: ``faults["start new queue"] = SteadyError(...)``. Each call that changes something is logged."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.wrong: dict[str, BaseException] = {}
        self.once = True

    def call(self, *words: str) -> None:
        text = " ".join(words)
        self.log.append(text)
        if text in self.wrong:
            raise self.wrong.pop(text) if self.once else self.wrong[text]


class FakeBackend:
    """Releases of a wish's services, as containers in a dictionary."""

    def __init__(self, wish: Wish, faults: Faults) -> None:
        self.wish = wish
        self.faults = faults
        self.containers: dict[str, ContainerState] = {}
        self.plans: dict[str, Wish] = {}
        self.accessories: tuple[Accessory, ...] = (Accessory("db", True, True, True),)
        self.jobs: dict[str, tuple[str, ...]] = {}

    def have(self, release: str, *, running: bool = True) -> None:
        """Put a release there."""
        self.plans[release] = replace(self.wish, release=release)
        for service in self.wish.of("web", "worker", "singleton"):
            for number in range(service.replicas):
                self._container(release, service.name, service.kind, number, "running" if running else "exited")

    def _container(self, release: str, service: str, kind: str, number: int, status: str) -> None:
        key = f"{release}-{service}-{number}"
        labels = (("steady.kind", kind), ("steady.release", release))
        self.containers.setdefault(key, ContainerState(key, key, service, number, status, started_at="1", labels=labels))

    def change(self, container: str, **changes: t.Any) -> None:
        """Something happens to a container."""
        self.containers[container] = replace(self.containers[container], **changes)

    def running(self, *services: str) -> set[str]:
        """``release service`` of what runs."""
        found = [one for one in self.containers.values() if one.running and one.service in services]
        return {f"{one.label('steady.release')} {one.service}" for one in found}

    def observe(self, history: t.Sequence[str]) -> tuple[tuple[Release, ...], tuple[Accessory, ...], tuple[str, ...]]:
        self.faults.call("observe")
        releases = []
        for release, wish in self.plans.items():
            units = []
            for service in wish.of("web", "worker", "singleton"):
                mine = [one for one in self.states(release) if one.service == service.name]
                units.append(Unit(service.name, service.kind, service.replicas, sum(one.running for one in mine), len(mine)))
            releases.append(Release(release, release in history, tuple(units), jobs_done=self.jobs.get(release, ())))
        return tuple(releases), self.accessories, ()

    def base_up(self, accessories: t.Sequence[str]) -> None:
        self.faults.call("base_up", *accessories)
        self.accessories = tuple(replace(one, running=True, exists=True, current=True) for one in self.accessories)

    def create(self, release: str) -> None:
        self.plans.setdefault(release, replace(self.wish, release=release))
        self.faults.call("create", release)
        for service in self.wish.of("web", "worker", "singleton"):
            for number in range(service.replicas):
                self._container(release, service.name, service.kind, number, "created")

    def run_job(self, release: str, service: str, timeout: float) -> None:
        assert service in [one.name for one in self.wish.of(JOB)]
        self.faults.call("job", release, service)
        self.jobs[release] = (*self.jobs.get(release, ()), service)

    def start(self, release: str, services: t.Sequence[str]) -> None:
        self._set(release, services, "running")
        self.faults.call("start", release, *services)

    def _set(self, release: str, services: t.Sequence[str], status: str) -> None:
        for key, one in self.containers.items():
            if one.label("steady.release") == release and one.service in services:
                self.containers[key] = replace(one, status=status)

    def hold(self, release: str, services: t.Sequence[str]) -> list[dict[str, t.Any]]:
        self.faults.call("hold", release, *services)
        down = [one.name for one in self.states(release) if one.service in services and not one.running]
        if down:
            raise SteadyError(f"{', '.join(down)} is not running")
        return [{"release": release, "service": service} for service in services]

    def states(self, release: str) -> tuple[ContainerState, ...]:
        return tuple(one for one in self.containers.values() if one.label("steady.release") == release)

    def logs(self, container: str) -> list[str]:
        return ["starting", f"last words of {container}", ""]

    def stop(self, release: str, services: t.Sequence[str]) -> None:
        self.faults.call("stop", release, *services)
        self._set(release, services, "exited")

    def remove(self, release: str) -> None:
        self.faults.call("remove", release)
        self.containers = {key: one for key, one in self.containers.items() if one.label("steady.release") != release}
        self.plans.pop(release, None)

    def ports(self, release: str) -> dict[str, tuple[int, ...]]:
        if release not in self.plans:
            return {}
        first = 20000 + 100 * sorted(["new", "old", "older"]).index(release)
        return {"web": (first, first + 1)}


class FakeEdge:
    """An edge that can't be shifted to a release whose web does not run."""

    def __init__(self, backend: FakeBackend, clock: RolloutClock, faults: Faults, served: Served) -> None:
        self.backend = backend
        self.clock = clock
        self.faults = faults
        self.now = served
        self.drain_takes = 0.0

    def preflight(self) -> list[str]:
        return []

    def served(self) -> Served:
        return self.now

    def shift(self, wanted: Served) -> None:
        self.faults.call("shift", wanted.release or "nothing")
        if wanted.release and f"{wanted.release} web" not in self.backend.running("web"):
            raise SteadyError(f"release {wanted.release} does not answer")
        self.now = wanted

    def verify(self, wanted: Served) -> None:
        assert self.now == wanted

    def drain(
        self,
        old_ports_by_service: t.Mapping[str, t.Sequence[int]],
        request_timeout: float,
        stream_timeout: float,
        on_progress: t.Callable[[Flight], None] | None = None,
    ) -> Drained:
        self.faults.call("drain", *(f"{name} {min(ports)}" for name, ports in old_ports_by_service.items()))
        until = self.clock.time + self.drain_takes
        while self.clock.time < until:
            self.clock.sleep(0.1)
            if on_progress:
                on_progress(Flight(1, 0, 0, 0, 0, 0.0))
        return Drained(requests_finished=1)
