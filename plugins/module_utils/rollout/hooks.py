# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hooks: commands of the user's at points of a rollout, read strictly and run bounded."""

from __future__ import annotations

import re
import shlex
import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import SpecError, SteadyError
from ansible_collections.steady.deploy.plugins.module_utils.core.group import MARK, new_mark, run_group
from ansible_collections.steady.deploy.plugins.module_utils.core.logs import telling_line
from ansible_collections.steady.deploy.plugins.module_utils.probe.duration import seconds
from ansible_collections.steady.deploy.plugins.module_utils.probe.wording import instead
from ansible_collections.steady.deploy.plugins.module_utils.rollout.spec import ACCESSORY, BEFORE, JOB, POINTS, UNDONE, Hook, Service
from ansible_collections.steady.deploy.plugins.module_utils.rollout.steps import Step

_FIELDS = ("name", "point", "command", "service", "timeout", "undoes")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _.-]{0,59}")
_LINES = 20
# Shorter ones are too common in any text to be hidden.
_SECRET_LENGTH = 6

# Release and service -> the id of a running container, or None.
Container = t.Callable[[str, str], "str | None"]


def parse_hooks(raw: t.Any) -> tuple[Hook, ...]:
    """Read a list of hooks. Raises SpecError with one sentence about the first thing that is wrong."""
    if not isinstance(raw, (list, tuple)):
        raise SpecError("hooks must be a list, each with name, point and command")
    hooks: list[Hook] = []
    for number, entry in enumerate(raw, 1):
        hook = _hook(f"hook {number}", entry)
        if hook.name in [other.name for other in hooks]:
            raise SpecError(f"hook {number}: another hook is called {hook.name!r} too: give each a name of its own")
        hooks.append(hook)
    return tuple(hooks)


def _hook(where: str, raw: t.Any) -> Hook:
    if not isinstance(raw, dict):
        raise SpecError(f"{where} must be a mapping with name, point and command")
    for key in raw:
        if key not in _FIELDS:
            raise SpecError(f"{where} has the key {key!r}, which is not known{instead(key, _FIELDS)}")
    # A module's parameters hold null for what was not given.
    given = {key: value for key, value in raw.items() if value is not None}
    for key in ("name", "point", "command"):
        if key not in given:
            raise SpecError(f"{where} has no `{key}`: give it one")
    name, point = given["name"], given["point"]
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise SpecError(f"{where}: name must be letters, digits, spaces, `-`, `_` and `.`, 60 characters at most")
    where = f"hook {name}"
    if point not in POINTS:
        raise SpecError(f"{where}: point {point!r} is not known{instead(point, POINTS)}")
    service = given.get("service")
    if service is not None and (not isinstance(service, str) or not service):
        raise SpecError(f"{where}: service must be the name of a service of the app")
    timeout = seconds(given.get("timeout", Hook.timeout))
    if timeout is None or timeout <= 0:
        raise SpecError(f"{where}: timeout must be a time above 0, such as 30 or 1m30s")
    undoes = given.get("undoes", Hook.undoes)
    if not isinstance(undoes, bool):
        raise SpecError(f"{where}: undoes must be true or false")
    return Hook(name, point, _command(where, given["command"]), service, timeout, undoes)


def _command(where: str, raw: t.Any) -> tuple[str, ...]:
    if isinstance(raw, str):
        try:
            raw = shlex.split(raw)
        except ValueError as exc:
            raise SpecError(f"{where}: command can't be split into words ({str(exc).lower()}): mend its quotes, or give a list") from None
    if not isinstance(raw, (list, tuple)) or not raw or not all(isinstance(word, (str, int)) for word in raw) or not str(raw[0]):
        raise SpecError(f"{where}: command must be a program with its arguments, as one text or as a list")
    argv = tuple(str(word) for word in raw)
    if any("\0" in word for word in argv):
        raise SpecError(f"{where}: command holds a NUL character, which no argument can carry")
    return argv


def check_hooks(hooks: t.Sequence[Hook], services: t.Sequence[Service]) -> None:
    """Raise SpecError for a hook whose service can't have a container at its point."""
    kinds = {service.name: service.kind for service in services}
    for hook in hooks:
        if hook.service is None:
            continue
        if hook.service not in kinds:
            raise SpecError(f"hook {hook.name}: the app has no service {hook.service!r}; it has {', '.join(kinds)}")
        if kinds[hook.service] == JOB:
            raise SpecError(f"hook {hook.name}: service {hook.service} is a job, in which no command can be run: name another service")
        if hook.point == BEFORE and kinds[hook.service] != ACCESSORY:
            raise SpecError(
                f"hook {hook.name}: before the rollout the new release has no container of {hook.service}: "
                "use the point before_shift, an accessory, or run it on the host without `service`"
            )


class Hooks:
    """Runs the hooks of one rollout. ``do`` is the executor's step HOOK."""

    def __init__(
        self,
        hooks: t.Sequence[Hook],
        app: str,
        release: str,
        previous: str | None,
        container: Container,
        env: t.Mapping[str, str],
        secrets: t.Callable[[], t.Iterable[str]] = tuple,
    ) -> None:
        """``env`` is the environment on the host; ``secrets`` gives what must not be seen in what a hook printed."""
        self._hooks = tuple(hooks)
        self._about = {"STEADY_APP": app, "STEADY_RELEASE": release, "STEADY_PREVIOUS": previous or ""}
        self._container = container
        self._env = dict(env)
        self._secrets = secrets

    def do(self, step: Step) -> None:
        """Run the hook of this step. Raises SteadyError where it fails; its facts have the last lines it printed."""
        hook = self._hooks[int(step.point)]
        about = {**self._about, "STEADY_POINT": hook.point}
        mark = new_mark()
        argv = list(hook.command)
        if hook.service is not None:
            argv = self._inside(hook, {**about, MARK: mark}) + argv
        try:
            ended = run_group(argv, {**self._env, **about}, hook.timeout, mark)
        except OSError as exc:
            raise SteadyError(f"hook {hook.name} can't be started: {argv[0]}: {exc.strerror}", hook=hook.name) from None
        if ended.rc == 0:
            return
        lines = self._masked(ended.output).splitlines()[-_LINES:]
        said = telling_line(lines)
        what = f"did not end within {hook.timeout:g} s and was killed" if ended.rc is None else f"failed with {_code(ended.rc)}"
        raise SteadyError(f"hook {hook.name} {what}" + (f"; it says: {said}" if said else ""), hook=hook.name, logs=lines)

    def _inside(self, hook: Hook, env: t.Mapping[str, str]) -> list[str]:
        """The words before a command that run it in a container. After an undo that of the release gone back to."""
        release = self._about["STEADY_PREVIOUS" if hook.point == UNDONE else "STEADY_RELEASE"]
        container = self._container(release, hook.service or "")
        if container is None:
            raise SteadyError(f"hook {hook.name}: no container of service {hook.service} runs that it could be run in", hook=hook.name)
        return ["docker", "exec", *(f"--env={name}={value}" for name, value in env.items()), container]

    def _masked(self, output: str) -> str:
        """What a hook printed, without values of the app's environment: it may have printed all of it."""
        for secret in sorted({value for value in self._secrets() if len(value) >= _SECRET_LENGTH}, key=len, reverse=True):
            output = output.replace(secret, "***")
        return output


def _code(rc: int) -> str:
    return f"exit code {rc}" if rc >= 0 else f"signal {-rc}"
