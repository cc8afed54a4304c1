# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the module rollout does: from parameters to a result."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import typing as t
import uuid

from ansible_collections.steady.deploy.plugins.module_utils.commands.report import diff_of, outcome_of
from ansible_collections.steady.deploy.plugins.module_utils.compose import split
from ansible_collections.steady.deploy.plugins.module_utils.compose.backend import ComposeBackend, Target
from ansible_collections.steady.deploy.plugins.module_utils.compose.cli import DockerCli
from ansible_collections.steady.deploy.plugins.module_utils.compose.host import check_room
from ansible_collections.steady.deploy.plugins.module_utils.compose.images import find_images
from ansible_collections.steady.deploy.plugins.module_utils.compose.lint import check_strays, lint
from ansible_collections.steady.deploy.plugins.module_utils.compose.ports import parse_range
from ansible_collections.steady.deploy.plugins.module_utils.compose.read import read_app
from ansible_collections.steady.deploy.plugins.module_utils.compose.record import services_from
from ansible_collections.steady.deploy.plugins.module_utils.compose.services import services_of
from ansible_collections.steady.deploy.plugins.module_utils.compose.store import Store, file_hashes
from ansible_collections.steady.deploy.plugins.module_utils.core import journal as journals
from ansible_collections.steady.deploy.plugins.module_utils.core.clock import Clock
from ansible_collections.steady.deploy.plugins.module_utils.core.errors import SpecError, SteadyError
from ansible_collections.steady.deploy.plugins.module_utils.core.journal import Journal
from ansible_collections.steady.deploy.plugins.module_utils.core.lock import Lock
from ansible_collections.steady.deploy.plugins.module_utils.core.runner import SubprocessRunner
from ansible_collections.steady.deploy.plugins.module_utils.edge.nginx import NginxEdge
from ansible_collections.steady.deploy.plugins.module_utils.probe.real import real_probes
from ansible_collections.steady.deploy.plugins.module_utils.rollout.executor import Executor
from ansible_collections.steady.deploy.plugins.module_utils.rollout.rollout import Rollout
from ansible_collections.steady.deploy.plugins.module_utils.rollout.spec import Options, Wish

Params = t.Mapping[str, t.Any]
_APP = re.compile(r"[a-z][a-z0-9-]{0,39}")


def roll_out(params: Params, clock: Clock, owner: str, check_mode: bool) -> dict[str, t.Any]:
    """Bring an app to a release, or plan it in check mode. Returns the module's result; raises SteadyError."""
    app = params["app"]
    if not _APP.fullmatch(app):
        raise SpecError(
            f"app {app!r} is no name for an app: use lower-case letters, digits and hyphens, a letter first, 40 characters at most"
        )
    port_range = parse_range(params["port_range"])
    params = {**params, "env_files": [os.path.join(params["project_dir"] or "/", path) for path in params["env_files"]]}
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

        warnings = edge.preflight()
        wish, target, lint_warnings = _wish(params, cli, store, edge.served().release, pull=not check_mode)
        warnings += lint_warnings
        options = Options(**{name: params[name] for name in Options.__dataclass_fields__})
        backend = ComposeBackend(cli, store, app, clock, real_probes(runner), target, params["env_files"], port_range)
        journal = Journal(store.journal, uuid.uuid4().hex[:8], clock, on_entry)
        executor = Executor(app, backend, edge, journal, clock, options)
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
            "plan": [step.text for step in steps],
            "warnings": warnings,
            "diff": diff_of(store, observed.served, wish, target, steps),
        }
        if steps:
            check_room(cli, wish, observed)
        if check_mode:
            return result
        try:
            rollout.run(observed, steps)
        except SteadyError as exc:
            exc.facts = {**result, **outcome_of(executor), **exc.facts, "changed": not exc.facts.get("undone", False)}
            raise
        return {**result, **outcome_of(executor), "warnings": warnings + executor.warnings}


def _wish(params: Params, cli: DockerCli, store: Store, served: str | None, pull: bool) -> tuple[Wish, Target | None, list[str]]:
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
        model["services"][name]["image"] = reference
    services = services_of(model, params["services"])
    warnings = lint(model, services)
    policies = {service.image: _policy(model["services"][service.name], params["pull"]) for service in services}
    images = find_images(cli, policies, pull)
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
