# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The backend for apps that are Compose projects. See rollout.backend.Backend for what each method promises."""

from __future__ import annotations

import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.compose import jobs, seen, split
from ansible_collections.steady.deploy.plugins.module_utils.compose.assets import AssetBridge
from ansible_collections.steady.deploy.plugins.module_utils.compose.cli import KIND_LABEL, RELEASE_LABEL, DockerCli
from ansible_collections.steady.deploy.plugins.module_utils.compose.plugs import plug, unplug
from ansible_collections.steady.deploy.plugins.module_utils.compose.record import services_from
from ansible_collections.steady.deploy.plugins.module_utils.compose.starting import joined, start, startable, started
from ansible_collections.steady.deploy.plugins.module_utils.compose.store import Store
from ansible_collections.steady.deploy.plugins.module_utils.compose.target import Target
from ansible_collections.steady.deploy.plugins.module_utils.compose.volumes import make_volumes
from ansible_collections.steady.deploy.plugins.module_utils.compose.writing import write_down
from ansible_collections.steady.deploy.plugins.module_utils.core.clock import Clock
from ansible_collections.steady.deploy.plugins.module_utils.core.container import ContainerState
from ansible_collections.steady.deploy.plugins.module_utils.core.errors import GateError, SpecError
from ansible_collections.steady.deploy.plugins.module_utils.core.progress import Tell, untold
from ansible_collections.steady.deploy.plugins.module_utils.core.runner import checked
from ansible_collections.steady.deploy.plugins.module_utils.probe.base import Probe
from ansible_collections.steady.deploy.plugins.module_utils.probe.gate import Gate
from ansible_collections.steady.deploy.plugins.module_utils.probe.poller import hold
from ansible_collections.steady.deploy.plugins.module_utils.probe.telling import Answers
from ansible_collections.steady.deploy.plugins.module_utils.probe.track import Check
from ansible_collections.steady.deploy.plugins.module_utils.probe.watch import tail_logs
from ansible_collections.steady.deploy.plugins.module_utils.rollout.mixture import host_ports
from ansible_collections.steady.deploy.plugins.module_utils.rollout.observed import Accessory, Release
from ansible_collections.steady.deploy.plugins.module_utils.rollout.spec import SINGLETON, WEB, WORKER, Service

_QUIET = ("--no-build", "--pull", "never")
_LOG_LINES = 20
# Seconds. Nobody asks a web container any more by the time its release is removed.
_EMPTY_GRACE = 5


class ComposeBackend:
    """Releases of one app as Compose projects. ``target`` is None for a rollback: then only what is on the host counts."""

    def __init__(
        self,
        cli: DockerCli,
        store: Store,
        app: str,
        clock: Clock,
        probes: t.Mapping[str, Probe],
        target: Target | None,
        env_files: t.Sequence[str] = (),
        port_range: range = range(20000, 30000),
        tell: Tell = untold,
        start_parallel: int = 4,
    ) -> None:
        self._cli = cli
        self._store = store
        self._assets = AssetBridge(cli, store, clock, app)
        self._app = app
        self._clock = clock
        self._probes = probes
        self._target = target
        self._env_files = tuple(env_files)
        self._port_range = port_range
        self._tell = tell
        self._start_parallel = start_parallel

    def observe(self, history: t.Sequence[str]) -> tuple[tuple[Release, ...], tuple[Accessory, ...], tuple[str, ...]]:
        """See Backend.observe."""
        return seen.observe(self._cli, self._store, self._app, self._target, history)

    def strays(self) -> list[tuple[str, str]]:
        """Service and name of running containers of the project that are neither of a release nor accessories of ours."""
        return seen.strays(self._cli, self._app, self._target)

    def base_up(self, accessories: t.Sequence[str]) -> None:
        """See Backend.base_up."""
        target = self._wished()
        self._make_volumes()
        path = self._store.write_base(split.base_document(target.model, target.services, self._app))
        done = self._compose(self._app, path, "up", "-d", *_QUIET, "--no-deps", *accessories)
        checked(done, f"can't start accessories {', '.join(accessories)}")
        mine = {
            state.id: state for state in self._cli.containers(self._app) if state.service in accessories and not state.label(RELEASE_LABEL)
        }
        checks = [
            Check(Gate(type="health", success_threshold=1, interval=0.2) if state.health else None, state.id) for state in mine.values()
        ]
        self._hold(checks)
        for release in self._store.releases():
            # A recreated accessory has left the networks of the releases that use it.
            plug(self._cli, self._app, release, (self._store.record(release) or {}).get("plugs") or {})

    def create(self, release: str) -> None:
        """See Backend.create."""
        if self._store.record(release) is None:
            self._write(release)
        self._make_volumes()
        self._create(release, [service.name for service in self._services(release) if service.kind in (WEB, WORKER, SINGLETON)])
        plug(self._cli, self._app, release, (self._store.record(release) or {}).get("plugs") or {})
        # A page of this release may be asked for its assets before this host serves it: by another host's users.
        self._assets.add(release, self._services(release), self.states)

    def _create(self, release: str, services: t.Sequence[str]) -> None:
        done = self._compose(self._project(release), self._store.compose_file(release), "create", *_QUIET, "--no-recreate", *services)
        checked(done, f"can't create release {release}")

    def _write(self, release: str) -> None:
        if self._target is None or self._target.release != release:
            raise SpecError(
                f"the record of release {release} is missing or damaged, so it can't be started again; roll out from the compose file"
            )
        write_down(self._store, self._app, self._target, self._port_range, self._clock.now())

    def _make_volumes(self) -> None:
        if self._target:
            make_volumes(self._cli.runner, self._app, self._target.model)

    def run_job(self, release: str, service: str, timeout: float) -> None:
        """See Backend.run_job."""
        name = f"{self._project(release)}-{service}-job"

        def begin() -> None:
            argv = ("run", "-d", "--no-deps", "--name", name, service)
            checked(self._compose(self._project(release), self._store.compose_file(release), *argv), f"can't start job {service}")

        jobs.run(self._cli, self._clock, self._tell, jobs.Job(service, release, name), begin, self.logs, timeout)

    def start(self, release: str, services: t.Sequence[str], replicas: int | None = None, without: t.Collection[str] = ()) -> None:
        """See Backend.start."""
        left = {service.name: service for service in self._services(release) if service.name in services}
        wanted = {name: service.replicas if replicas is None else replicas for name, service in left.items()}
        there = self.states(release)
        if any(sum(state.service == name for state in there) < service.replicas for name, service in left.items()):
            self._create(release, tuple(left))
        joins = joined(self._store.document(release))
        while left:
            ready = [
                name for name, service in left.items() if not any(other in left for other in (*service.waits_for, *joins.get(name, ())))
            ] or list(left)
            start(
                self._cli, startable(self.states(release), {name: wanted[name] for name in ready}, without), release, self._start_parallel
            )
            for name in ready:
                del left[name]
            awaited = {other for service in left.values() for other in service.waits_for}.intersection(ready)
            if awaited:
                gate = Gate(type="health", success_threshold=1, interval=0.2)
                self._hold([Check(gate, state.id) for state in self.states(release) if state.service in awaited])

    def hold(
        self, release: str, services: t.Sequence[str], replicas: int | None = None, without: t.Collection[str] = ()
    ) -> list[dict[str, t.Any]]:
        """See Backend.hold."""
        gates = {service.name: service.gates for service in self._services(release)}
        checks = []
        for state in started(self.states(release), services, replicas, without):
            checks += [Check(gate, state.id) for gate in gates.get(state.service, ())] or [Check(None, state.id)]
        return self._hold(checks)

    def _hold(self, checks: t.Sequence[Check]) -> list[dict[str, t.Any]]:
        ids = list(dict.fromkeys(check.container for check in checks))
        answers = Answers(self._tell, checks)
        return hold(
            checks,
            self._clock,
            lambda: answers.seen({state.id: state for state in self._cli.inspect(ids)}),
            answers.heard,
            probes=self._probes,
            tail=self.logs,
            fresh=True,
        )

    def states(self, release: str) -> tuple[ContainerState, ...]:
        """See Backend.states."""
        return tuple(state for state in self._cli.containers(self._app) if state.label(RELEASE_LABEL) == release)

    def logs(self, container: str) -> list[str]:
        """See Backend.logs."""
        return tail_logs(self._cli.runner, container, _LOG_LINES)

    def stop(self, release: str, services: t.Sequence[str], spared: t.Collection[int] = ()) -> None:
        """See Backend.stop."""
        self._cli.stop([state.id for state in self._but(release, services, spared) if state.status != "created"])
        left = [state.name for state in self._but(release, services, spared) if state.running]
        if left:
            raise GateError(f"{', '.join(left)} of release {release} could not be stopped; look at `docker inspect` of it")

    def _but(self, release: str, services: t.Sequence[str], spared: t.Collection[int]) -> list[ContainerState]:
        return [
            state
            for state in self.states(release)
            if state.service in services and not any(host in spared for _inside, host in state.ports)
        ]

    def remove(self, release: str) -> None:
        """See Backend.remove. Jobs and workers get their whole grace time. The folder goes last: it tells a rerun what is left."""
        states = self.states(release)
        running = [state for state in states if state.running]
        self._cli.stop([state.id for state in running if state.label(KIND_LABEL) == WEB], _EMPTY_GRACE)
        self._cli.stop([state.id for state in running if state.label(KIND_LABEL) != WEB])
        self._cli.remove([state.id for state in states])
        unplug(self._cli, self._app, self._project(release))
        self._assets.forget(release)
        self._store.remove_release(release)

    def ports(self, release: str) -> dict[str, tuple[int, ...]]:
        """See Backend.ports."""
        return {name: tuple(numbers) for name, numbers in ((self._store.record(release) or {}).get("ports") or {}).items()}

    def running_ports(self, release: str) -> dict[str, list[int]]:
        """The same of the replicas that run now."""
        states = self.states(release)
        return {service: host_ports(states, service) for service in self.ports(release)}

    def _wished(self) -> Target:
        """The release as the compose file has it. Raises SpecError for a rollback, which has none."""
        if self._target is None:
            raise SpecError("a rollback can't start accessories: it has no compose file; run the deploy play once to bring them up")
        return self._target

    def _services(self, release: str) -> tuple[Service, ...]:
        """The services of a release. Gates of the wish win: they may change without a new release."""
        if self._target and self._target.release == release:
            return self._target.services
        return services_from(self._store.record(release) or {})

    def _project(self, release: str) -> str:
        return f"{self._app}-{release}"

    def _compose(self, project: str, path: str, *args: str) -> t.Any:
        return self._cli.compose(project, [path], self._env_files, *args)
