# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading an app: what ``docker compose config`` says of its files, as one mapping."""

from __future__ import annotations

import json
import os
import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.compose.cli import DockerCli
from ansible_collections.steady.deploy.plugins.module_utils.core.errors import CommandError, SpecError

Json = dict[str, t.Any]
EXTENSION = "x-steady"
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
        raise SpecError(f"project_dir {project_dir} does not exist on this host: copy the app's files there first")
    paths = [os.path.join(project_dir, name) for name in files] or _found(project_dir)
    for path in (*paths, *env_files):
        if not os.path.isfile(path):
            raise SpecError(f"file {path} does not exist on this host")
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
    return model


def _found(project_dir: str) -> list[str]:
    for name in DEFAULT_FILES:
        if os.path.isfile(os.path.join(project_dir, name)):
            return [os.path.join(project_dir, name)]
    raise SpecError(f"no Compose file in {project_dir}: looked for {', '.join(DEFAULT_FILES)}")


def _config(cli: DockerCli, app: str, paths: t.Sequence[str], env_files: t.Sequence[str], extra: t.Sequence[str], *flags: str) -> Json:
    done = cli.compose(app, paths, env_files, *extra, "config", "--format", "json", *flags, timeout=60)
    if done.rc != 0:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip() and "level=warning" not in line]
        reason = " ".join(lines[-3:]) or f"exit code {done.rc}"
        raise SpecError(f"Compose can't read {', '.join(paths)}: {reason}")
    try:
        model = json.loads(done.stdout)
    except ValueError:
        # What it printed may hold values of the environment.
        raise CommandError("docker compose config did not answer with JSON", done.argv, done.rc, "", "") from None
    return t.cast(Json, model)
