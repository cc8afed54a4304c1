# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running the program ``nginx``: its version, its configuration, tests and the reload."""

from __future__ import annotations

import os
import re
import shutil

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import EdgeError, PreflightError
from ansible_collections.steady.deploy.plugins.module_utils.core.runner import Completed, Runner
from ansible_collections.steady.deploy.plugins.module_utils.edge import nginx_config
from ansible_collections.steady.deploy.plugins.module_utils.edge.proc import Proc

_TIMEOUT = 60.0
_DEFAULT_PID_FILE = "/run/nginx.pid"

# Just enough around one upstream file that Nginx reads it, away from the real configuration.
_ALONE = """\
pid {folder}/nginx.pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    include {folder}/candidate.conf;
}}
"""


class NginxProgram:
    """The installed Nginx. ``binary`` is its name or path."""

    def __init__(self, runner: Runner, proc: Proc, binary: str) -> None:
        self._runner = runner
        self._proc = proc
        self._binary = binary

    def _run(self, *arguments: str) -> Completed:
        done = self._runner.run([self._binary, *arguments], timeout=_TIMEOUT)
        if done.rc == 127:
            raise PreflightError(
                f"Nginx is not installed on this host (no program '{self._binary}'): install it with the role nginx", cmd=list(done.argv)
            )
        return done

    def version(self) -> tuple[int, ...]:
        """The version, for instance ``(1, 30, 0)``."""
        done = self._run("-v")
        found = nginx_config.version(done.stderr + done.stdout)
        if found is None:
            raise PreflightError(
                f"'{self._binary} -v' names no Nginx version; is it Nginx?", cmd=list(done.argv), rc=done.rc, stderr=done.stderr
            )
        return found

    def broken(self) -> nginx_config.Problem | None:
        """What is wrong with the whole configuration on disk, or None."""
        done = self._run("-t")
        return None if done.rc == 0 else nginx_config.problem(done.stderr)

    def configuration(self) -> nginx_config.Config:
        """The whole configuration on disk. Raises PreflightError where it is broken."""
        done = self._run("-T")
        if done.rc != 0:
            what = nginx_config.problem(done.stderr)
            raise PreflightError(
                f"Nginx's configuration is broken before this rollout touched it: {what}; repair it and run again",
                cmd=list(done.argv),
                rc=done.rc,
                stderr=done.stderr,
            )
        return nginx_config.Config(done.stdout)

    def broken_alone(self, text: str, folder: str) -> nginx_config.Problem | None:
        """What is wrong with one upstream file taken by itself, or None. ``folder`` is made for that and removed again."""
        # A run that was killed here has left it.
        shutil.rmtree(folder, ignore_errors=True)
        os.mkdir(folder, 0o700)
        try:
            for name, content in (("nginx.conf", _ALONE.format(folder=folder)), ("candidate.conf", text)):
                with open(os.path.join(folder, name), "w", encoding="utf-8") as stream:
                    stream.write(content)
            done = self._run("-t", "-c", os.path.join(folder, "nginx.conf"))
            return None if done.rc == 0 else nginx_config.problem(done.stderr)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def master(self, configuration: nginx_config.Config) -> int:
        """The process id of the running master. Raises PreflightError where none runs."""
        path = configuration.pid_file() or self._built_in_pid_file()
        try:
            with open(path, encoding="ascii") as stream:
                pid = int(stream.read().strip() or 0)
        except (OSError, ValueError):
            pid = 0
        if not pid or not self._proc.title(pid).startswith("nginx: master"):
            raise PreflightError(f"Nginx is not running ({path} names no running master process): start it and run again")
        return pid

    def _built_in_pid_file(self) -> str:
        done = self._run("-V")
        match = re.search(r"--pid-path=(\S+)", done.stderr + done.stdout)
        return match.group(1) if match else _DEFAULT_PID_FILE

    def reload(self) -> None:
        """Make the running master take the configuration on disk. It does so after this returns."""
        done = self._run("-s", "reload")
        if done.rc != 0:
            raise EdgeError(
                f"Nginx could not be told to reload: {nginx_config.problem(done.stderr)}",
                cmd=list(done.argv),
                rc=done.rc,
                stdout=done.stdout,
                stderr=done.stderr,
            )
