# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the module rollout does: from parameters to a result."""

from __future__ import annotations

import contextlib
import os
import typing as t
import uuid

from ansible_collections.steady.deploy.plugins.module_utils.commands.check import check_params
from ansible_collections.steady.deploy.plugins.module_utils.commands.interrupt import interruptible
from ansible_collections.steady.deploy.plugins.module_utils.commands.migrations import Migrations
from ansible_collections.steady.deploy.plugins.module_utils.commands.outside import Herald, hooks_of
from ansible_collections.steady.deploy.plugins.module_utils.commands.pulled import Pulled
from ansible_collections.steady.deploy.plugins.module_utils.commands.report import diff_of, outcome_of
from ansible_collections.steady.deploy.plugins.module_utils.commands.wish import wish_of
from ansible_collections.steady.deploy.plugins.module_utils.compose.backend import ComposeBackend
from ansible_collections.steady.deploy.plugins.module_utils.compose.cli import DockerCli
from ansible_collections.steady.deploy.plugins.module_utils.compose.host import check_room
from ansible_collections.steady.deploy.plugins.module_utils.compose.lint import check_strays
from ansible_collections.steady.deploy.plugins.module_utils.compose.ports import parse_range
from ansible_collections.steady.deploy.plugins.module_utils.compose.store import Store
from ansible_collections.steady.deploy.plugins.module_utils.core import journal as journals
from ansible_collections.steady.deploy.plugins.module_utils.core.clock import Clock
from ansible_collections.steady.deploy.plugins.module_utils.core.errors import SteadyError
from ansible_collections.steady.deploy.plugins.module_utils.core.journal import Journal
from ansible_collections.steady.deploy.plugins.module_utils.core.lock import Lock
from ansible_collections.steady.deploy.plugins.module_utils.core.notify import Notifier
from ansible_collections.steady.deploy.plugins.module_utils.core.runner import SubprocessRunner
from ansible_collections.steady.deploy.plugins.module_utils.edge.access_log import AccessLog
from ansible_collections.steady.deploy.plugins.module_utils.edge.nginx import NginxEdge
from ansible_collections.steady.deploy.plugins.module_utils.probe.real import real_probes
from ansible_collections.steady.deploy.plugins.module_utils.rollout import steps as s
from ansible_collections.steady.deploy.plugins.module_utils.rollout.executor import Executor
from ansible_collections.steady.deploy.plugins.module_utils.rollout.hooks import parse_hooks
from ansible_collections.steady.deploy.plugins.module_utils.rollout.hurry import Hurry
from ansible_collections.steady.deploy.plugins.module_utils.rollout.rollout import Rollout
from ansible_collections.steady.deploy.plugins.module_utils.rollout.spec import Options
from ansible_collections.steady.deploy.plugins.module_utils.rollout.strategies import choose
from ansible_collections.steady.deploy.plugins.module_utils.rollout.traffic import limits_from
from ansible_collections.steady.deploy.plugins.module_utils.rollout.traffic_judge import TrafficJudge
from ansible_collections.steady.deploy.plugins.module_utils.smoke.fetch import HttpFetch
from ansible_collections.steady.deploy.plugins.module_utils.smoke.parse import parse_scenarios
from ansible_collections.steady.deploy.plugins.module_utils.smoke.run import check
from ansible_collections.steady.deploy.plugins.module_utils.smoke.steps import SmokeSteps

Params = t.Mapping[str, t.Any]


def roll_out(params: Params, clock: Clock, owner: str, check_mode: bool, diff_mode: bool = False) -> dict[str, t.Any]:
    """Bring an app to a release, or plan it in check mode. Returns the module's result; raises SteadyError.

    ``diff_mode`` has migrations show what became of the schema.
    """
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
            store.sweep()
            stack.enter_context(interruptible())

            def on_entry(_entry: journals.Entry) -> None:
                lock.beat()

        run = uuid.uuid4().hex[:8]
        journal = Journal(store.journal, run, clock, on_entry)
        warnings = edge.preflight()
        previous = edge.served().release
        pulled = Pulled(journal.tell, clock)
        wish, target, lint_warnings = wish_of(params, cli, store, previous, pull=not check_mode, tell=pulled.tell)
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
        judge = TrafficJudge(log, limits_from(params["limits"]), wish.release, previous, clock)
        hooks = hooks_of(options.hooks, wish, previous, backend, cli, store, target, env_files, _environment())
        fetch = HttpFetch(validate_certs=False)
        smoke = SmokeSteps(scenarios, backend.running_ports, edge_params["url"], edge_params["host"], clock, fetch, journal.tell)
        migrations = Migrations(
            wish, target, cli, store, clock, runner, owner, env_files, journal, params["approved"], not check_mode, diff_mode
        )
        extra = {s.HOOK: hooks.do, s.SMOKE: smoke.do, s.MIGRATE: migrations.do}
        executor = Executor(app, backend, edge, journal, clock, options, extra, judge, Hurry())
        executor.timeline += pulled.timeline()
        rollout = Rollout(wish, options, backend, edge, journal, executor, store.journal)
        observed = migrations.looked(rollout.observe(), options)
        for service, begun, seconds in migrations.asked:
            executor.note("look", f"ask what is pending ({service})", [service], begun, seconds)
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
            "migrations": migrations.told(),
            "warnings": warnings + migrations.warnings,
            "diff": diff_of(store, observed.served, wish, target, steps),
        }
        if steps:
            check_room(cli, wish, observed, strategy)
        if check_mode:
            return result
        if migrations.unjudged():
            # The judge is on the controller. It comes back with what it lets pass.
            return {**result, "changed": False, "to_judge": True}
        herald = Herald(notifier, clock, app, wish.release, observed.served)
        if steps:
            herald.started(len(steps))
        try:
            rollout.run(observed, steps)
        except SteadyError as exc:
            herald.stopped(exc)
            result["diff"] = _diffs(result["diff"], migrations)
            result["warnings"] = warnings + migrations.warnings + executor.warnings + herald.warnings
            done = {**outcome_of(executor), **judge.outcome(), "smoke": smoke.results}
            exc.facts = {**result, **done, **exc.facts, "changed": not exc.facts.get("undone", False)}
            store.leave_result(run, {**exc.facts, "failed": True, "msg": exc.message})
            raise
        if steps:
            herald.succeeded()
        warnings += migrations.warnings + executor.warnings + judge.warnings + herald.warnings
        done = {**outcome_of(executor), **judge.outcome(), "smoke": smoke.results, "migrated": migrations.applied}
        result = {**result, **done, "warnings": warnings, "diff": _diffs(result["diff"], migrations)}
        if steps:
            store.leave_result(run, result)
        return result


def _diffs(diff: dict[str, t.Any], migrations: Migrations) -> t.Any:
    """One, or several where migrations changed a schema: Ansible shows both."""
    return [diff, *migrations.schemas] if migrations.schemas else diff


def _environment() -> dict[str, str]:
    """The environment for commands: ours, less what would change how Compose reads files that we name."""
    return {key: value for key, value in os.environ.items() if not key.startswith("COMPOSE_")}
