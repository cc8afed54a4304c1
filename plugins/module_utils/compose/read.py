# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading an app: what ``docker compose config`` says of its files, as one mapping."""

from __future__ import annotations

import json
import os
import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.compose.cli import DockerCli
from ansible_collections.steady.deploy.plugins.module_utils.compose.reason import values_in, why_unreadable
from ansible_collections.steady.deploy.plugins.module_utils.core.errors import CommandError, SpecError

Json = dict[str, t.Any]
EXTENSION = "x-steady"
# Where null says: as the image has it.
_MAY_BE_NULL = ("command", "entrypoint")
DEFAULT_FILES = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")


def read_app(
    cli: DockerCli,
    app: str,
    project_dir: str,
    files: t.Sequence[str],
    profiles: t.Sequence[str],
    env_files: t.Sequence[str],
) -> Json:
    """The app's resolved model, each service with its ``x-steady``. Raises SpecError with Compose's own reason."""
    if not os.path.isdir(project_dir):
        if os.path.exists(project_dir):
            raise SpecError(f"project_dir {project_dir} is not a folder: give the one that holds the app's Compose file")
        raise SpecError(f"project_dir {project_dir} does not exist on this host: copy the app's files there first")
    for name in files:
        if os.path.isabs(name) or os.path.normpath(name).split(os.sep)[0] == os.pardir:
            raise SpecError(f"parameter files: {name} leads out of project_dir {project_dir}, give a path within it")
    paths = [os.path.join(project_dir, name) for name in files] or _found(project_dir)
    for path in (*paths, *env_files):
        if not os.path.isfile(path):
            raise SpecError(f"{path} is not a file" if os.path.exists(path) else f"file {path} does not exist on this host")
    extra = [f"--profile={name}" for name in profiles] + ["--project-directory", project_dir]
    # Compose leaves extension fields of services out of its JSON unless it does not interpolate
    # (https://github.com/docker/compose/issues/11528), so the second call is only for those.
    model = _config(cli, app, paths, env_files, extra)
    raw = _config(cli, app, paths, env_files, extra, "--no-interpolate")
    for name, service in model.get("services", {}).items():
        extension = raw.get("services", {}).get(name, {}).get(EXTENSION)
        if extension is not None:
            if "$" in json.dumps(extension):
                raise SpecError(f"service {name}: `{EXTENSION}` can't hold a variable; set it with the parameter `services` instead")
            service[EXTENSION] = extension
    _check_profiles(model, profiles)
    return model


def _check_profiles(model: Json, profiles: t.Sequence[str]) -> None:
    """Compose takes a profile that nothing has without a word."""
    known = {name for service in model.get("services", {}).values() for name in service.get("profiles") or ()}
    for name in profiles:
        if name not in known and name != "*":
            raise SpecError(f"parameter profiles: no service of the compose file has the profile {name!r}")


def _found(project_dir: str) -> list[str]:
    for name in DEFAULT_FILES:
        if os.path.isfile(os.path.join(project_dir, name)):
            return [os.path.join(project_dir, name)]
    raise SpecError(f"no Compose file in {project_dir}: looked for {', '.join(DEFAULT_FILES)}")


def _config(cli: DockerCli, app: str, paths: t.Sequence[str], env_files: t.Sequence[str], extra: t.Sequence[str], *flags: str) -> Json:
    done = cli.compose(app, paths, env_files, *extra, "config", "--format", "json", *flags, timeout=60)
    if done.rc != 0:
        # Without the parameter, Compose reads the one in the project's folder, with which `extra` ends.
        read = env_files or [os.path.join(extra[-1], ".env")]
        secrets = {value for path in read for value in values_in(_text(path))}
        raise SpecError(f"Compose can't read {', '.join(paths)}: {why_unreadable(done.stderr, done.rc, paths, secrets)}")
    try:
        model = json.loads(done.stdout)
    except ValueError:
        # What it printed may hold values of the environment.
        raise CommandError("docker compose config did not answer with JSON", done.argv, done.rc, "", "") from None
    if not isinstance(model, dict):
        raise CommandError("docker compose config did not answer with a mapping", done.argv, done.rc, "", "")
    return _whole(model)


def _whole(model: Json) -> Json:
    """The model without what says nothing: Compose prints some keys with null."""
    model = {key: value for key, value in model.items() if value is not None}
    services = model.get("services", {}).items()
    model["services"] = {
        name: {key: value for key, value in (raw or {}).items() if value is not None or key in _MAY_BE_NULL} for name, raw in services
    }
    for kind in ("networks", "volumes", "configs", "secrets"):
        if kind in model:
            model[kind] = {name: entry or {} for name, entry in model[kind].items()}
    return model


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read()
    except OSError:
        return ""
