# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running commands: the only place of the engine that starts a process."""

from __future__ import annotations

import contextlib
import os
import pwd
import subprocess
import typing as t
from dataclasses import dataclass

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import Breakdown, CommandError


@dataclass(frozen=True)
class Completed:
    """What a command left behind."""

    argv: tuple[str, ...]
    rc: int
    stdout: str
    stderr: str


class Runner(t.Protocol):
    """Runs argv without a shell. ``timeout`` in seconds; a command that exceeds it is killed and has rc 124."""

    def run(
        self,
        argv: t.Sequence[str],
        *,
        stdin: str | None = None,
        timeout: float | None = None,
        env: t.Mapping[str, str] | None = None,
        cwd: str | None = None,
    ) -> Completed:
        """Run and return, whatever the exit code. rc 127 when the program does not exist.

        Raises Breakdown where a signal ends the rollout meanwhile, once the command has ended.
        """


@dataclass(frozen=True)
class Account:
    """A user of the system that commands run as."""

    name: str
    uid: int
    gid: int
    home: str

    @classmethod
    def named(cls, name: str) -> Account:
        """By its name. Raises KeyError where there is none."""
        entry = pwd.getpwnam(name)
        return cls(entry.pw_name, entry.pw_uid, entry.pw_gid, entry.pw_dir)

    def options(self) -> dict[str, t.Any]:
        """How subprocess starts a command as this user, with all its groups."""
        return {"user": self.uid, "group": self.gid, "extra_groups": os.getgrouplist(self.name, self.gid)}

    def environment(self) -> dict[str, str]:
        """What tells a command whose it is."""
        return {"HOME": self.home, "USER": self.name, "LOGNAME": self.name}


class SubprocessRunner:
    """The real runner. ``running`` is the process of the command that runs now, 0 where none does.

    ``keep_open`` names file descriptors that commands inherit. The rollout passes its lock: when the
    module is killed, a command it had started keeps the app locked until that command has ended too.
    """

    def __init__(self, base_env: t.Mapping[str, str], keep_open: t.Sequence[int] = (), account: Account | None = None) -> None:
        """``account`` is who commands run as, by default who runs this."""
        self._base_env = {**base_env, **(account.environment() if account else {})}
        self._options = account.options() if account else {}
        self.keep_open = tuple(keep_open)
        self.running = 0

    def run(
        self,
        argv: t.Sequence[str],
        *,
        stdin: str | None = None,
        timeout: float | None = None,
        env: t.Mapping[str, str] | None = None,
        cwd: str | None = None,
    ) -> Completed:
        """See Runner.run."""
        try:
            process = subprocess.Popen(
                list(argv),
                stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={**self._base_env, **(env or {})},
                cwd=cwd,
                pass_fds=self.keep_open,
                encoding="utf-8",
                errors="replace",
                **self._options,
            )
        except OSError as exc:
            return Completed(tuple(argv), 127, "", f"{argv[0]}: {exc.strerror}")
        self.running = process.pid
        with process:
            try:
                out, err = process.communicate(stdin, timeout)
            except subprocess.TimeoutExpired as exc:
                process.kill()
                return Completed(tuple(argv), 124, _text(exc.stdout), f"no answer within {timeout:g} s")
            except Breakdown:
                # The engine goes on with a stop or a start that nobody waits for any more: whoever undoes a rollout must not
                # look at containers before that has ended.
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.communicate(timeout=timeout)
                raise
            finally:
                self.running = 0
                process.kill()
        return Completed(tuple(argv), process.returncode, out, err)


def _text(value: t.Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value or ""


def checked(done: Completed, message: str, **facts: t.Any) -> Completed:
    """Return ``done`` if it succeeded, else raise CommandError with ``message`` and the last line of stderr."""
    if done.rc == 0:
        return done
    lines = [line for line in (done.stderr or done.stdout).strip().splitlines() if line.strip()]
    reason = lines[-1].strip() if lines else f"exit code {done.rc}"
    raise CommandError(f"{message}: {reason}", done.argv, done.rc, done.stdout, done.stderr, **facts)
