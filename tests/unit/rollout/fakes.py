"""A host that exists only here: backend, edge and clock over one small state, with faults on demand."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ansible_collections.steady.deploy.plugins.module_utils.core.container import ContainerState
from ansible_collections.steady.deploy.plugins.module_utils.core.errors import GateError, SteadyError
from ansible_collections.steady.deploy.plugins.module_utils.edge.base import Drained, Flight, Held, Served
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
        # How many calls of that name go well before the one that does not.
        self.skip = 0

    def call(self, *words: str) -> None:
        text = " ".join(words)
        self.log.append(text)
        if text in self.wrong and self.skip:
            self.skip -= 1
        elif text in self.wrong:
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
        self.edge_services = [service.name for service in wish.edge_services]
        # Containers whose gates never hold.
        self.never_ready: set[str] = set()

    def have(self, release: str, *, running: bool = True) -> None:
        """Put a release there."""
        self.plans[release] = replace(self.wish, release=release)
        for service in self.wish.of("web", "worker", "singleton"):
            for number in range(service.replicas):
                self._container(release, service.name, service.kind, number, "exited")
            if running:
                for one in self.states(release):
                    self._set(one, "running")

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

    def listening(self) -> set[int]:
        """The ports of what runs."""
        return {host for one in self.containers.values() if one.running for _inside, host in one.ports}

    def observe(self, history: t.Sequence[str]) -> tuple[tuple[Release, ...], tuple[Accessory, ...], tuple[str, ...]]:
        self.faults.call("observe")
        releases = []
        for release, wish in self.plans.items():
            units = []
            for service in wish.of("web", "worker", "singleton"):
                mine = [one for one in self.states(release) if one.service == service.name]
                units.append(
                    Unit(
                        service.name, service.kind, service.replicas, sum(one.running for one in mine), len(mine), service.port is not None
                    )
                )
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

    def start(self, release: str, services: t.Sequence[str], replicas: int | None = None, without: t.Collection[str] = ()) -> None:
        # In the containers' own order, unlike the ports that Docker gives them.
        for service in services:
            mine = [one for one in self.states(release) if one.service == service and one.id not in without]
            for one in mine if replicas is None else mine[:replicas]:
                self._set(one, "running")
        self.faults.call("start", release, *services, *([] if replicas is None else [str(replicas)]))

    def _set(self, one: ContainerState, status: str) -> None:
        ports = ()
        if one.service in self.edge_services and status == "running":
            ports = ((8000, self.ports(one.label("steady.release"))[one.service][one.number]),)
        self.containers[one.id] = replace(one, status=status, ports=ports)

    def hold(
        self, release: str, services: t.Sequence[str], replicas: int | None = None, without: t.Collection[str] = ()
    ) -> list[dict[str, t.Any]]:
        self.faults.call("hold", release, *services, *([] if replicas is None else [str(replicas)]))
        for service in services:
            mine = [one for one in self.states(release) if one.service == service and one.id not in without]
            for one in mine if replicas is None else mine[:replicas]:
                if not one.running:
                    raise SteadyError(f"{one.name} is not running")
                if one.id in self.never_ready:
                    raise GateError(f"{one.name} is not ready", container=one.name, service=service)
        return [{"release": release, "service": service} for service in services]

    def states(self, release: str) -> tuple[ContainerState, ...]:
        return tuple(one for one in self.containers.values() if one.label("steady.release") == release)

    def logs(self, container: str) -> list[str]:
        return ["starting", f"last words of {container}", ""]

    def stop(self, release: str, services: t.Sequence[str], spared: t.Collection[int] = ()) -> None:
        self.faults.call("stop", release, *services, *(["but", *map(str, sorted(spared))] if spared else []))
        for one in self.states(release):
            if one.service in services and not {host for _inside, host in one.ports} & set(spared):
                self._set(one, "exited")

    def remove(self, release: str) -> None:
        self.faults.call("remove", release)
        self.containers = {key: one for key, one in self.containers.items() if one.label("steady.release") != release}
        self.plans.pop(release, None)

    def ports(self, release: str) -> dict[str, tuple[int, ...]]:
        if release not in self.plans:
            return {}
        first = 20000 + 100 * sorted(["new", "old", "older"]).index(release)
        web = next(service for service in self.wish.services if service.name == "web")
        return {"web": tuple(range(first, first + web.replicas))}


class FakeEdge:
    """An edge that can't be shifted to a release whose web does not run."""

    def __init__(self, backend: FakeBackend, clock: RolloutClock, faults: Faults, served: Served) -> None:
        self.backend = backend
        self.clock = clock
        self.faults = faults
        self.now = served
        self.held = False
        self.drain_takes = 0.0
        self.on_shift: t.Callable[[Served], None] = lambda wanted: None

    def preflight(self) -> list[str]:
        return []

    def served(self) -> Served:
        return self.now

    def shift(self, wanted: Served) -> None:
        self.faults.call("shift", wanted.release or "nothing")
        dead = {port for ports in wanted.ports().values() for port in ports} - self.backend.listening()
        if wanted.release and dead:
            raise SteadyError(f"release {wanted.release} does not answer at {dead}")
        self.now = wanted
        self.held = False
        self.on_shift(wanted)

    def verify(self, wanted: Served) -> None:
        assert self.now == wanted

    def hold(self, coming: Served, timeout: float) -> None:
        self.faults.call("hold_requests", coming.release or "nothing")
        self.held = True

    def unhold(self) -> Held:
        self.faults.call("unhold")
        return Held(requests=1)

    def holding(self) -> bool:
        return self.held

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
