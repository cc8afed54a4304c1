# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where things lie on a host, and the real tools."""

from __future__ import annotations

import contextlib
import fcntl
import os
import typing as t
from dataclasses import dataclass

from ansible_collections.steady.deploy.plugins.module_utils.core.clock import SystemClock
from ansible_collections.steady.deploy.plugins.module_utils.core.runner import Runner, SubprocessRunner
from ansible_collections.steady.deploy.plugins.module_utils.tls.ca import HttpsFetch
from ansible_collections.steady.deploy.plugins.module_utils.tls.certbot import Certbot
from ansible_collections.steady.deploy.plugins.module_utils.tls.errors import CertificateError
from ansible_collections.steady.deploy.plugins.module_utils.tls.force import Force
from ansible_collections.steady.deploy.plugins.module_utils.tls.keeper import Tools
from ansible_collections.steady.deploy.plugins.module_utils.tls.nginx import Nginx, TlsAsk
from ansible_collections.steady.deploy.plugins.module_utils.tls.openssl import Openssl
from ansible_collections.steady.deploy.plugins.module_utils.tls.probe import RealWeb
from ansible_collections.steady.deploy.plugins.module_utils.tls.store import Store

# Ordering may take that long, and the timer and Ansible must not do it at once.
_LOCK_SECONDS = 900


@dataclass(frozen=True)
class Paths:
    """Everything is below ``root``, which only tests set."""

    root: str = ""

    @property
    def pairs(self) -> str:
        """What Nginx is told."""
        return f"{self.root}/etc/steady/tls"

    @property
    def wishes(self) -> str:
        """What the host is to keep renewed."""
        return f"{self.root}/etc/steady/tls.json"

    @property
    def state(self) -> str:
        """What only root may read."""
        return f"{self.root}/var/lib/steady-tls"

    @property
    def memory(self) -> str:
        """What is remembered between runs."""
        return f"{self.state}/memory.json"

    @property
    def webroot(self) -> str:
        """Where Nginx finds answers to challenges."""
        return f"{self.root}/var/lib/steady-acme"

    @property
    def metrics(self) -> str:
        """What the node exporter reads."""
        return f"{self.root}/var/lib/prometheus/node-exporter/steady_tls.prom"

    @property
    def program(self) -> str:
        """The folder of the program that renews."""
        return f"{self.root}/usr/local/lib/steady"

    @property
    def command(self) -> str:
        """The command that calls it."""
        return f"{self.root}/usr/local/sbin/steady-tls"


def real_tools(paths: Paths, runner: Runner | None = None) -> Tools:
    """The tools of a real host."""
    runner = runner or SubprocessRunner(os.environ)
    clock, store = SystemClock(), Store(paths.pairs)
    return Tools(
        store=store,
        openssl=Openssl(runner),
        certbot=Certbot(runner, paths.state, paths.webroot),
        force=Force(store, Nginx(runner, TlsAsk(), clock)),
        fetch=HttpsFetch(),
        web=RealWeb(),
        clock=clock,
        webroot=paths.webroot,
    )


@contextlib.contextmanager
def one_at_a_time(paths: Paths, tools: Tools) -> t.Iterator[None]:
    """Wait until no other run is under way. The kernel frees the lock of a run that was killed. Raises CertificateError."""
    # What others read must be readable, whatever umask Ansible runs with.
    before = os.umask(0o022)
    os.makedirs(paths.state, 0o700, exist_ok=True)
    with open(f"{paths.state}/lock", "a", encoding="ascii") as handle:
        end = tools.clock.monotonic() + _LOCK_SECONDS
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if tools.clock.monotonic() >= end:
                    raise CertificateError(f"another run works on the certificates since more than {_LOCK_SECONDS} s: see `ps`") from None
                tools.clock.sleep(0.5)
        try:
            yield
        finally:
            os.umask(before)
