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
from ansible_collections.steady.deploy.plugins.module_utils.core.files import read_text, sync_folder, write_atomic
from ansible_collections.steady.deploy.plugins.module_utils.core.runner import Runner
from ansible_collections.steady.deploy.plugins.module_utils.edge import drain as draining
from ansible_collections.steady.deploy.plugins.module_utils.edge import nginx_preflight, upstream_file
from ansible_collections.steady.deploy.plugins.module_utils.edge.base import Drained, Held, OnProgress, Served
from ansible_collections.steady.deploy.plugins.module_utils.edge.front import Ask, Seen, ask, judge
from ansible_collections.steady.deploy.plugins.module_utils.edge.hold import Holder
from ansible_collections.steady.deploy.plugins.module_utils.edge.hold_file import included, kept, passing
from ansible_collections.steady.deploy.plugins.module_utils.edge.nginx_program import NginxProgram
from ansible_collections.steady.deploy.plugins.module_utils.edge.proc import Proc, Worker

# Seconds. A worker closes an idle connection a moment after its time is up.
_MARGIN = 0.3
_ASK_TIMEOUT = 5.0
_VERIFY_DEADLINE = 10.0
# Answers in a row, each on a connection of its own: workers take over one after the other.
_IN_A_ROW = 5


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
        self._url = url
        self._host = host
        self._file = upstream_file or f"/etc/nginx/steady/{app}.conf"
        self._proc = proc or Proc()
        self._nginx = NginxProgram(runner, self._proc, nginx)
        self._asking = asking
        self._hold_file = os.path.join(os.path.dirname(self._file), f"{app}.hold")
        self._socket = os.path.join(sockets, f"{app}.hold")
        self._holder: Holder | None = None
        # The workers with the former configuration, and when they lost the right to new connections.
        self._old: list[Worker] = []
        self._reloaded: float | None = None

    @property
    def _where(self) -> str:
        return f"{self._url} (Host: {self._host})" if self._host else self._url

    def _ask(self) -> Seen:
        """One question at the front door. The holder knows it by its token, and so it is never held."""
        url = self._url
        if self._holder:
            url += ("&" if "?" in url else "?") + self._holder.token
        return self._asking(url, self._host, _ASK_TIMEOUT)

    def preflight(self) -> list[str]:
        """See base.Edge.preflight."""
        nginx_preflight.check_address(self._url, self._host)
        version = self._nginx.version()
        if not os.path.exists(self._file):
            raise PreflightError(f"the app's upstream file {self._file} does not exist: run the role nginx for the app '{self._app}'")
        configuration = self._nginx.configuration()
        self._nginx.master(configuration)
        nginx_preflight.check_included(configuration, self._app, self._file)
        self._check_headers(self.served())
        return nginx_preflight.warnings(version, configuration)

    def _check_headers(self, served: Served) -> None:
        """Refuse a vhost with which no shift could ever be verified. The release itself may well be ill now."""
        seen = self._ask()
        if seen.error or not seen.release:
            raise PreflightError(f"the rollout could not verify a shift: {self._where} {judge(seen, served)}")

    def served(self) -> Served:
        """See base.Edge.served."""
        try:
            hold = read_text(self._hold_file)
            text = read_text(self._file) if hold is None else kept(hold)
        except (OSError, UnicodeDecodeError) as exc:
            raise EdgeError(
                f"the app's upstream file {self._file} can't be read: {getattr(exc, 'strerror', None) or 'it is no text'}"
            ) from None
        return Served(self._app, None) if text is None else upstream_file.parse(text, self._file, self._app)

    def shift(self, wanted: Served) -> None:
        """See base.Edge.shift. Not reloaded where the vhost already serves exactly that."""
        if not self._holder:
            # A run that was killed has left it.
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._socket)
        text = upstream_file.render(wanted, self._written())
        master = self._nginx.master(self._nginx.configuration())
        if upstream_file.same(read_text(self._file), text) and not self.holding() and not self._seen_wrong(wanted, deadline=0.0):
            return
        self._change(text, None, master, f"release {wanted.release}", lambda: self.verify(wanted))

    def _written(self) -> str:
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._clock.now()))

    def _change(self, text: str, hold: str | None, master: int, what: str, verify: t.Callable[[], None]) -> None:
        """Put both files of the app in place, reload and verify, or put the former ones back."""
        former = (read_text(self._file), read_text(self._hold_file))
        problem = self._nginx.broken_alone(text, self._beside(".steady-test-"))
        if problem:
            raise EdgeError(f"the upstream file for {what} is not accepted by Nginx, nothing was changed: {problem}")
        reloaded = False
        try:
            self._write(text, hold)
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

    def _write(self, text: str | None, hold: str | None) -> None:
        """Both files of the app; None: it is not there. Where the file of a hold is, ``holding`` is true, so it goes last."""
        if hold is not None:
            write_atomic(self._hold_file, hold)
        if text is not None:
            write_atomic(self._file, text)
        for path in [self._file] * (text is None) + [self._hold_file] * (hold is None):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
                sync_folder(os.path.dirname(path))

    def _beside(self, prefix: str) -> str:
        folder, name = os.path.split(self._file)
        return os.path.join(folder, prefix + name.partition(".")[0])

    def _reload(self, master: int) -> None:
        old = [one for one in self._proc.workers() if one.parent == master]
        self._nginx.reload()
        self._old, self._reloaded = old, self._clock.monotonic()

    def _put_back(self, former: tuple[str | None, str | None], master: int) -> str:
        """Undo a change; what became of that, as the end of a sentence."""
        text, hold = former
        try:
            self._write(text, hold)
            if master:
                self._reload(master)
            if master and text is not None and hold is None:
                wrong = self._seen_wrong(upstream_file.parse(text, self._file, self._app), deadline=_ASK_TIMEOUT)
                if wrong:
                    return f"the former configuration was put back, but {self._where} {wrong}"
        except (SteadyError, OSError) as exc:
            return f"the former configuration could not be put back: {exc}"
        return "the former configuration was put back"

    def verify(self, wanted: Served) -> None:
        """See base.Edge.verify."""
        wrong = self._seen_wrong(wanted, deadline=_VERIFY_DEADLINE)
        if wrong:
            raise EdgeError(f"release {wanted.release} was not seen through the edge within {_VERIFY_DEADLINE:g} s: {self._where} {wrong}")

    def _seen_wrong(self, wanted: Served, deadline: float) -> str:
        """Ask until several answers in a row are right. Returns what was wrong with the last one, or ''."""
        end = self._clock.monotonic() + deadline
        right = 0
        while True:
            wrong = judge(self._ask(), wanted)
            right = 0 if wrong else right + 1
            if right >= _IN_A_ROW:
                return ""
            # A row of right answers that has begun may end: a slow app is no reason to doubt the edge.
            if wrong and self._clock.monotonic() >= end:
                return wrong
            self._clock.sleep(0.05 if wrong else 0.01)

    def holding(self) -> bool:
        """See base.Edge.holding."""
        return os.path.exists(self._hold_file)

    def hold(self, coming: Served, timeout: float) -> None:
        """See base.Edge.hold."""
        if self._holder:
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
            self._holder = holder
            self._change(
                text,
                included(self._socket, timeout, upstream_file.render(served, self._written())),
                master,
                "requests held",
                self._see_held,
            )
        except BaseException as exc:
            self._holder = None
            holder.close()
            if isinstance(exc, OSError):
                raise EdgeError(f"requests can't be held: {self._socket}: {exc.strerror}") from exc
            raise

    def _see_held(self) -> None:
        """Ask until several questions in a row have reached the holder."""
        end = self._clock.monotonic() + _VERIFY_DEADLINE
        right = 0
        while self._holder and right < _IN_A_ROW:
            before = self._holder.refused
            seen = self._ask()
            right = right + 1 if self._holder.refused > before else 0
            if not right and self._clock.monotonic() >= end:
                what = seen.error or f"answered {seen.status}"
                raise EdgeError(
                    f"requests could not be held within {_VERIFY_DEADLINE:g} s: {self._where} {what}; "
                    "does its location set auth_request or return by itself?"
                )
            self._clock.sleep(0.01 if right else 0.05)

    def unhold(self) -> Held:
        """See base.Edge.unhold."""
        if not self._holder:
            return Held()
        holder, self._holder = self._holder, None
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
