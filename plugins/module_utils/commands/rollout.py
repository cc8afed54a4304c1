# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the module rollout does: from parameters to a result."""

from __future__ import annotations

import contextlib
import os
import signal
import typing as t
import uuid

from ansible_collections.steady.deploy.plugins.module_utils.commands.check import check_params
from ansible_collections.steady.deploy.plugins.module_utils.commands.outside import Herald, hooks_of
from ansible_collections.steady.deploy.plugins.module_utils.commands.report import diff_of, outcome_of
from ansible_collections.steady.deploy.plugins.module_utils.compose import split
from ansible_collections.steady.deploy.plugins.module_utils.compose.backend import ComposeBackend, Target
from ansible_collections.steady.deploy.plugins.module_utils.compose.cli import DockerCli
from ansible_collections.steady.deploy.plugins.module_utils.compose.externals import check_externals
from ansible_collections.steady.deploy.plugins.module_utils.compose.host import check_room
from ansible_collections.steady.deploy.plugins.module_utils.compose.images import check_reference, find_images
from ansible_collections.steady.deploy.plugins.module_utils.compose.lint import check_strays, lint
from ansible_collections.steady.deploy.plugins.module_utils.compose.ports import check_size, parse_range
from ansible_collections.steady.deploy.plugins.module_utils.compose.read import read_app
from ansible_collections.steady.deploy.plugins.module_utils.compose.record import services_from
from ansible_collections.steady.deploy.plugins.module_utils.compose.services import services_of
from ansible_collections.steady.deploy.plugins.module_utils.compose.store import Store, file_hashes
from ansible_collections.steady.deploy.plugins.module_utils.core import journal as journals
from ansible_collections.steady.deploy.plugins.module_utils.core.clock import Clock
from ansible_collections.steady.deploy.plugins.module_utils.core.errors import SpecError, SteadyError
from ansible_collections.steady.deploy.plugins.module_utils.core.journal import Journal
from ansible_collections.steady.deploy.plugins.module_utils.core.lock import Lock
from ansible_collections.steady.deploy.plugins.module_utils.core.notify import Notifier
from ansible_collections.steady.deploy.plugins.module_utils.core.progress import Tell
from ansible_collections.steady.deploy.plugins.module_utils.core.runner import SubprocessRunner
from ansible_collections.steady.deploy.plugins.module_utils.edge.access_log import AccessLog
from ansible_collections.steady.deploy.plugins.module_utils.edge.nginx import NginxEdge
from ansible_collections.steady.deploy.plugins.module_utils.probe.match import check_jmespath
from ansible_collections.steady.deploy.plugins.module_utils.probe.real import real_probes
from ansible_collections.steady.deploy.plugins.module_utils.rollout import steps as s
from ansible_collections.steady.deploy.plugins.module_utils.rollout.executor import Executor
from ansible_collections.steady.deploy.plugins.module_utils.rollout.hooks import parse_hooks
from ansible_collections.steady.deploy.plugins.module_utils.rollout.hurry import Hurry
from ansible_collections.steady.deploy.plugins.module_utils.rollout.rollout import Rollout
from ansible_collections.steady.deploy.plugins.module_utils.rollout.spec import Options, Wish
from ansible_collections.steady.deploy.plugins.module_utils.rollout.strategies import choose
from ansible_collections.steady.deploy.plugins.module_utils.rollout.traffic import limits_from
from ansible_collections.steady.deploy.plugins.module_utils.rollout.traffic_judge import TrafficJudge
from ansible_collections.steady.deploy.plugins.module_utils.smoke.fetch import HttpFetch
from ansible_collections.steady.deploy.plugins.module_utils.smoke.parse import parse_scenarios
from ansible_collections.steady.deploy.plugins.module_utils.smoke.run import check
from ansible_collections.steady.deploy.plugins.module_utils.smoke.steps import SmokeSteps

Params = t.Mapping[str, t.Any]


def roll_out(params: Params, clock: Clock, owner: str, check_mode: bool) -> dict[str, t.Any]:
    """Bring an app to a release, or plan it in check mode. Returns the module's result; raises SteadyError."""
    check_params(params)
    app = params["app"]
    port_range = parse_range(params["port_range"])
    env_files = [os.path.join(params["project_dir"] or "/", path) for path in params["env_files"]]
    params = {**params, "env_files": env_files, "hooks": parse_hooks(params["hooks"])}
    notifier = Notifier(params["notify"], clock)
    store = Store(params["state_dir"], app)
    runner = SubprocessRunner(_environment())
    edge_params = params["edge"]
    edge = NginxEdge(runner, clock, app, edge_params["url"], edge_params["host"], edge_params["upstream_file"])
    cli = DockerCli(runner)
    cli.versions()
    with contextlib.ExitStack() as stack:
        on_entry = None
        if not check_mode:
            store.make()
            lock = stack.enter_context(Lock(store.lock, owner, clock, params["lock_wait"]))
            runner.keep_open = (lock.fd,)
            stack.enter_context(_interruptible())

            def on_entry(_entry: journals.Entry) -> None:
                lock.beat()

        run = uuid.uuid4().hex[:8]
        journal = Journal(store.journal, run, clock, on_entry)
        warnings = edge.preflight()
        pulled = _Pulled(journal.tell, clock)
        wish, target, lint_warnings = _wish(params, cli, store, edge.served().release, pull=not check_mode, tell=pulled.tell)
        warnings += lint_warnings
        # What a release lacks that newer scenarios ask for must not block the way back to it.
        scenarios = parse_scenarios(params["smoke"]) if params["smoke"] and wish.jobs else ()
        check(scenarios, [service.name for service in wish.edge_services])
        strategy, why = choose(params["strategy"], wish)
        said = {name: params[name] for name in Options.__dataclass_fields__ if name in params}
        options = Options(**{**said, "strategy": strategy, "scenarios": tuple(one.name for one in scenarios)})
        backend = ComposeBackend(
            cli, store, app, clock, real_probes(runner), target, env_files, port_range, journal.tell, options.start_parallel
        )
        log = AccessLog(edge_params["access_log"], app)
        judge = TrafficJudge(log, limits_from(params["limits"]), wish.release, edge.served().release, clock)
        previous = edge.served().release
        hooks = hooks_of(options.hooks, wish, previous, backend, cli, store, target, env_files, _environment())
        fetch = HttpFetch(validate_certs=False)
        smoke = SmokeSteps(scenarios, backend.running_ports, edge_params["url"], edge_params["host"], clock, fetch, journal.tell)
        executor = Executor(app, backend, edge, journal, clock, options, {s.HOOK: hooks.do, s.SMOKE: smoke.do}, judge, Hurry())
        executor.timeline += pulled.timeline()
        rollout = Rollout(wish, options, backend, edge, journal, executor, store.journal)
        observed = rollout.observe()
        steps = rollout.plan(observed)
        warnings += rollout.held_back + check_strays(wish, backend.strays())
        result = {
            "changed": bool(steps),
            "app": app,
            "release": wish.release,
            "previous": observed.served,
            "kinds": {service.name: f"{service.kind} ({service.why})" for service in wish.services},
            "strategy": f"{strategy} ({why})",
            "plan": [step.text for step in steps],
            "warnings": warnings,
            "diff": diff_of(store, observed.served, wish, target, steps),
        }
        if steps:
            check_room(cli, wish, observed, strategy)
        if check_mode:
            return result
        herald = Herald(notifier, clock, app, wish.release, observed.served)
        if steps:
            herald.started(len(steps))
        try:
            rollout.run(observed, steps)
        except SteadyError as exc:
            herald.stopped(exc)
            result["warnings"] = warnings + executor.warnings + herald.warnings
            done = {**outcome_of(executor), **judge.outcome(), "smoke": smoke.results}
            exc.facts = {**result, **done, **exc.facts, "changed": not exc.facts.get("undone", False)}
            store.leave_result(run, {**exc.facts, "failed": True, "msg": exc.message})
            raise
        if steps:
            herald.succeeded()
        warnings += executor.warnings + judge.warnings + herald.warnings
        result = {**result, **outcome_of(executor), **judge.outcome(), "smoke": smoke.results, "warnings": warnings}
        if steps:
            store.leave_result(run, result)
        return result


class _Pulled:
    """When images were pulled. That comes before the rollout begins, so ``after`` is negative."""

    def __init__(self, tell: Tell, clock: Clock) -> None:
        self._tell, self._clock = tell, clock
        self._begun: list[tuple[float, str]] = []

    def tell(self, subject: str, name: str = "", counts: t.Mapping[str, float] | None = None, **facts: t.Any) -> None:
        self._begun.append((self._clock.monotonic(), name))
        self._tell(subject, name, counts, **facts)

    def timeline(self) -> list[dict[str, t.Any]]:
        now = self._clock.monotonic()
        ends = [begun for begun, _name in self._begun[1:]] + [now]
        return [
            {"action": "pull", "text": f"pull {name}", "services": [], "after": round(begun - now, 3), "seconds": round(end - begun, 3)}
            for (begun, name), end in zip(self._begun, ends)
        ]


def _wish(
    params: Params, cli: DockerCli, store: Store, served: str | None, pull: bool, tell: Tell
) -> tuple[Wish, Target | None, list[str]]:
    if params["state"] == "previous":
        return _kept(params, store, served), None, []
    if params["release"]:
        raise SpecError("parameter `release` names a kept release to go back to: set `state: previous` with it")
    if not params["project_dir"]:
        raise SpecError("parameter `project_dir` is missing: give the folder on the host that holds the app's Compose file")
    model = read_app(cli, params["app"], params["project_dir"], params["files"], params["profiles"], params["env_files"])
    for name, reference in params["images"].items():
        if name not in model.get("services", {}):
            raise SpecError(f"parameter images: the compose file has no service {name!r}; it has {', '.join(model.get('services', {}))}")
        model["services"][name]["image"] = check_reference(reference, f"parameter images, service {name}")
    services = services_of(model, params["services"])
    warnings = lint(model, services)
    for service in services:
        check_reference(service.image, f"service {service.name}")
        if service.port is not None:
            check_size(service.name, service.replicas, parse_range(params["port_range"]))
        for number, gate in enumerate(service.gates, 1):
            if gate.jmespath is not None:
                check_jmespath(gate.jmespath, f"service {service.name}, gate {number}")
    check_externals(cli, model, params["env_files"])
    policies = {service.image: _policy(model["services"][service.name], params["pull"]) for service in services}
    images = find_images(cli, policies, pull, tell)
    files = file_hashes(split.files_of(model, services))
    release = split.release_id(model, services, {ref: image.id or ref for ref, image in images.items()}, files)
    wish = Wish(params["app"], release, services)
    return wish, Target(release, model, services, images, files), warnings


def _policy(service: t.Mapping[str, t.Any], parameter: str) -> str:
    """The parameter wins; ``policy`` leaves it to the compose file, where anything but always and never means missing."""
    said = str(service.get("pull_policy") or "missing") if parameter == "policy" else parameter
    return said if said in ("always", "never") else "missing"


def _kept(params: Params, store: Store, served: str | None) -> Wish:
    """The wish for a rollback: a release that is still on the host. Without a name, the complete one served last before ``served``."""
    history = [release for release in journals.served_before(journals.read(store.journal)) if store.record(release)]
    wanted = params["release"]
    if wanted is None:
        wanted = next((release for release in history if release != served), None)
        if wanted is None:
            raise SpecError(f"there is no release of {params['app']} to go back to: none but the served one is kept (keep_releases)")
    elif wanted not in history:
        kept = ", ".join(history) or "none"
        raise SpecError(f"release {wanted} of {params['app']} is not kept on this host, so it can't be gone back to; kept: {kept}")
    return Wish(params["app"], wanted, services_from(store.record(wanted) or {}), jobs=False)


def _environment() -> dict[str, str]:
    """The environment for commands: ours, less what would change how Compose reads files that we name."""
    return {key: value for key, value in os.environ.items() if not key.startswith("COMPOSE_")}


@contextlib.contextmanager
def _interruptible() -> t.Iterator[None]:
    """SIGTERM and SIGINT undo the rollout. A lost terminal (SIGHUP) does not: a rollout is safer finished than cut."""

    def stop(number: int, _frame: t.Any) -> None:
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, signal.SIG_IGN)
        raise SteadyError(f"interrupted by {signal.Signals(number).name}")

    former = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    former[signal.SIGHUP] = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
