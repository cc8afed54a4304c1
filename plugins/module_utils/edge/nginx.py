# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nginx on the managed host as the edge of one app."""

from __future__ import annotations

import contextlib
import os
import time
import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.core.clock import Clock
from ansible_collections.steady.deploy.plugins.module_utils.core.errors import EdgeError, PreflightError, SteadyError
from ansible_collections.steady.deploy.plugins.module_utils.core.runner import Runner
from ansible_collections.steady.deploy.plugins.module_utils.edge import drain as draining
from ansible_collections.steady.deploy.plugins.module_utils.edge import nginx_preflight, upstream_file
from ansible_collections.steady.deploy.plugins.module_utils.edge.app_files import AppFiles, Texts
from ansible_collections.steady.deploy.plugins.module_utils.edge.base import Drained, Held, OnProgress, Served
from ansible_collections.steady.deploy.plugins.module_utils.edge.front import Ask, ask, judge
from ansible_collections.steady.deploy.plugins.module_utils.edge.front_door import ASK_TIMEOUT, VERIFY_DEADLINE, FrontDoor
from ansible_collections.steady.deploy.plugins.module_utils.edge.hold import Holder
from ansible_collections.steady.deploy.plugins.module_utils.edge.hold_file import included, passing
from ansible_collections.steady.deploy.plugins.module_utils.edge.nginx_program import NginxProgram
from ansible_collections.steady.deploy.plugins.module_utils.edge.proc import Proc, Worker

# Seconds. A worker closes an idle connection a moment after its time is up.
_MARGIN = 0.3


class NginxEdge:
    """See ``base.Edge``. ``url`` is asked to verify, with ``host`` as its host name; ``path`` replaces the path of ``url``."""

    def __init__(
        self,
        runner: Runner,
        clock: Clock,
        app: str,
        url: str = "http://127.0.0.1/",
        host: str | None = None,
        upstream_file: str | None = None,
        nginx: str = "nginx",
        *,
        proc: Proc | None = None,
        asking: Ask = ask,
        sockets: str = "/run/steady",
    ) -> None:
        self._clock = clock
        self._app = app
        self._door = FrontDoor(clock, url, host, asking)
        self._files = AppFiles(app, upstream_file or f"/etc/nginx/steady/{app}.conf")
        self._proc = proc or Proc()
        self._nginx = NginxProgram(runner, self._proc, nginx)
        self._socket = os.path.join(sockets, f"{app}.hold")
        # The workers with the former configuration, and when they lost the right to new connections.
        self._old: list[Worker] = []
        self._reloaded: float | None = None

    def preflight(self) -> list[str]:
        """See base.Edge.preflight."""
        nginx_preflight.check_address(self._door.url, self._door.host)
        version = self._nginx.version()
        if not os.path.exists(self._files.path):
            raise PreflightError(f"the app's upstream file {self._files.path} does not exist: run the role nginx for the app '{self._app}'")
        configuration = self._nginx.configuration()
        self._nginx.master(configuration)
        nginx_preflight.check_included(configuration, self._app, self._files.path)
        self._check_headers(self.served())
        return nginx_preflight.warnings(version, configuration)

    def _check_headers(self, served: Served) -> None:
        """Refuse a vhost with which no shift could ever be verified. The release itself may well be ill now."""
        seen = self._door.ask()
        if seen.error or not seen.release:
            raise PreflightError(f"the rollout could not verify a shift: {self._door} {judge(seen, served)}")

    def served(self) -> Served:
        """See base.Edge.served."""
        return self._files.served()

    def shift(self, wanted: Served) -> None:
        """See base.Edge.shift. Not reloaded where the vhost already serves exactly that."""
        if not self._door.holder:
            # A run that was killed has left it.
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._socket)
        text = upstream_file.render(wanted, self._written())
        master = self._nginx.master(self._nginx.configuration())
        if upstream_file.same(self._files.read()[0], text) and not self.holding() and not self._door.wrong(wanted, deadline=0.0):
            return
        self._change(text, None, master, f"release {wanted.release}", lambda: self.verify(wanted))

    def _written(self) -> str:
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._clock.now()))

    def _change(self, text: str, hold: str | None, master: int, what: str, verify: t.Callable[[], None]) -> None:
        """Put both files of the app in place, reload and verify, or put the former ones back."""
        former = self._files.read()
        problem = self._nginx.broken_alone(text, self._files.beside(".steady-test-"))
        if problem:
            raise EdgeError(f"the upstream file for {what} is not accepted by Nginx, nothing was changed: {problem}")
        reloaded = False
        try:
            self._files.write((text, hold))
            problem = self._nginx.broken()
            if problem:
                raise EdgeError(f"Nginx does not accept its configuration with {what}: {problem}")
            reloaded = True
            self._reload(master)
            verify()
        except SteadyError as exc:
            outcome = self._put_back(former, master if reloaded else 0)
            raise type(exc)(f"{exc.message}; {outcome}", **exc.facts) from exc
        except BaseException:
            self._put_back(former, master if reloaded else 0)
            raise

    def _reload(self, master: int) -> None:
        old = [one for one in self._proc.workers() if one.parent == master]
        self._nginx.reload()
        self._old, self._reloaded = old, self._clock.monotonic()

    def _put_back(self, former: Texts, master: int) -> str:
        """Undo a change; what became of that, as the end of a sentence."""
        text, hold = former
        try:
            self._files.write((text, hold))
            if master:
                self._reload(master)
            if master and text is not None and hold is None:
                wrong = self._door.wrong(self._files.parse(text), deadline=ASK_TIMEOUT)
                if wrong:
                    return f"the former configuration was put back, but {self._door} {wrong}"
        except (SteadyError, OSError) as exc:
            return f"the former configuration could not be put back: {exc}"
        return "the former configuration was put back"

    def verify(self, wanted: Served) -> None:
        """See base.Edge.verify."""
        wrong = self._door.wrong(wanted, deadline=VERIFY_DEADLINE)
        if wrong:
            raise EdgeError(f"release {wanted.release} was not seen through the edge within {VERIFY_DEADLINE:g} s: {self._door} {wrong}")

    def holding(self) -> bool:
        """See base.Edge.holding."""
        return self._files.holding()

    def hold(self, coming: Served, timeout: float) -> None:
        """See base.Edge.hold."""
        if self._door.holder:
            return
        configuration = self._nginx.configuration()
        master = self._nginx.master(configuration)
        nginx_preflight.check_holds(configuration, self._app)
        served = self.served()
        text = passing(served, coming, self._written())
        workers = [one.pid for one in self._proc.workers() if one.parent == master and not one.shutting_down]
        owner = self._proc.owner(workers[0]) if workers else None
        holder = Holder(self._socket, owner or (0, 0), timeout)
        try:
            holder.open()
            self._door.holder = holder
            self._change(
                text,
                included(self._socket, timeout, served, self._written()),
                master,
                "requests held",
                self._door.see_held,
            )
        except BaseException as exc:
            self._door.holder = None
            holder.close()
            if isinstance(exc, OSError):
                raise EdgeError(f"requests can't be held: {self._socket}: {exc.strerror}") from exc
            raise

    def unhold(self) -> Held:
        """See base.Edge.unhold."""
        if not self._door.holder:
            return Held()
        holder, self._door.holder = self._door.holder, None
        try:
            return holder.let_go()
        finally:
            holder.close()

    def drain(
        self,
        old_ports_by_service: t.Mapping[str, t.Sequence[int]],
        request_timeout: float,
        stream_timeout: float,
        on_progress: OnProgress | None = None,
    ) -> Drained:
        """See base.Edge.drain. Counts from the reload where this object made it, else from now."""
        ports = [port for some in old_ports_by_service.values() for port in some]
        since = self._clock.monotonic() if self._reloaded is None else self._reloaded
        idle = self._idle_seconds() + _MARGIN
        old = {one.pid: one for one in [*self._proc.workers(), *self._old] if one.shutting_down or one in self._old}
        view = draining.Old(self._proc, ports, old.values())
        bounds = draining.Bounds(since, request_timeout, stream_timeout, idle, max(idle, request_timeout))
        return draining.drain(view.look, self._clock, bounds, on_progress)

    def _idle_seconds(self) -> float:
        try:
            return self._nginx.configuration().keepalive_min_timeout()[0]
        except SteadyError:
            # Broken by somebody since: Nginx's workers still keep to what they once read.
            return 5.0
