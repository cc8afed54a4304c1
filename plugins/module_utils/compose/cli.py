# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Docker CLI: argv in, answers out. Decisions are made elsewhere."""

from __future__ import annotations

import json
import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.core.container import ContainerState, parse_inspect
from ansible_collections.steady.deploy.plugins.module_utils.core.errors import PreflightError
from ansible_collections.steady.deploy.plugins.module_utils.core.runner import Completed, Runner, checked

Json = dict[str, t.Any]
APP_LABEL = "steady.app"
RELEASE_LABEL = "steady.release"
KIND_LABEL = "steady.kind"
DEFINITION_LABEL = "steady.definition"
PROJECT_LABEL = "com.docker.compose.project"
# The first Compose that knows `config --format json` with `env_file` as objects and `start_interval`.
MINIMUM_COMPOSE = (2, 24)


class DockerCli:
    """Runs ``docker`` and ``docker compose``."""

    def __init__(self, runner: Runner) -> None:
        self.runner = runner

    def versions(self) -> tuple[str, str]:
        """The engine's and Compose's versions. Raises PreflightError where one of them is missing or too old."""
        engine = self.runner.run(["docker", "version", "--format", "{{.Server.Version}}"], timeout=20)
        if engine.rc == 127:
            raise PreflightError("docker is not installed on this host: apply the role steady.deploy.docker_host, or install Docker Engine")
        if engine.rc != 0:
            reason = (engine.stderr or engine.stdout).strip().splitlines()[-1:] or ["no reason given"]
            raise PreflightError(f"the Docker engine does not answer ({reason[0]}): start it with `systemctl start docker`, then run again")
        compose = self.runner.run(["docker", "compose", "version", "--short"], timeout=20)
        found = compose.stdout.strip().lstrip("v")
        if compose.rc != 0:
            old = self.runner.run(["docker-compose", "version", "--short"], timeout=20)
            have = f"only Compose v1 ({old.stdout.strip()}) is installed" if old.rc == 0 else "Docker Compose is not installed"
            raise PreflightError(f"{have}: install Compose v2 (package docker-compose-plugin, or docker-compose in Debian 13)")
        numbers = tuple(int(part) for part in found.split("-")[0].split("+")[0].split(".")[:2] if part.isdecimal())
        if numbers < MINIMUM_COMPOSE:
            raise PreflightError(f"Docker Compose {found} is too old: {'.'.join(map(str, MINIMUM_COMPOSE))} or later is needed")
        return engine.stdout.strip(), found

    def compose(
        self, project: str, files: t.Sequence[str], env_files: t.Sequence[str], *args: str, timeout: float | None = None
    ) -> Completed:
        """Run ``docker compose -p PROJECT ...``."""
        argv = ["docker", "compose", "-p", project]
        for path in files:
            argv += ["-f", path]
        for path in env_files:
            argv += ["--env-file", path]
        return self.runner.run([*argv, *args], timeout=timeout)

    def containers(self, app: str) -> tuple[ContainerState, ...]:
        """All containers of the app, running or not: those of its releases and those of Compose project ``app``."""
        form = f'{{{{.ID}}}}\t{{{{.Label "{APP_LABEL}"}}}}\t{{{{.Label "{PROJECT_LABEL}"}}}}'
        listed = checked(self.runner.run(["docker", "ps", "-a", "--no-trunc", "--format", form]), "can't list containers")
        ids = []
        for line in listed.stdout.splitlines():
            container, owner, project = (line.split("\t") + ["", ""])[:3]
            if owner == app or project == app:
                ids.append(container)
        return self.inspect(ids)

    def inspect(self, ids: t.Sequence[str]) -> tuple[ContainerState, ...]:
        """The containers of these ids; one that is gone meanwhile is left out."""
        if not ids:
            return ()
        done = self.runner.run(["docker", "container", "inspect", *ids])
        try:
            return tuple(parse_inspect(raw) for raw in json.loads(done.stdout or "[]"))
        except ValueError:
            checked(done, "can't inspect containers")
            raise

    def image(self, reference: str) -> Json | None:
        """What ``docker image inspect`` says of an image, or None where it is not on the host."""
        done = self.runner.run(["docker", "image", "inspect", reference])
        return json.loads(done.stdout)[0] if done.rc == 0 else None

    def images(self, references: t.Sequence[str]) -> dict[str, Json | None]:
        """The same of several images. One command does where all of them are on the host."""
        done = self.runner.run(["docker", "image", "inspect", *references])
        found = json.loads(done.stdout) if done.rc == 0 else []
        if len(found) == len(references):
            return dict(zip(references, found))
        return {reference: self.image(reference) for reference in references}

    def remote_image_id(self, reference: str) -> str | None:
        """The id an image would have once pulled, asked of its registry without pulling; None where that can't be told."""
        done = self.runner.run(["docker", "manifest", "inspect", reference], timeout=30)
        if done.rc != 0:
            return None
        try:
            return str(json.loads(done.stdout)["config"]["digest"])
        except (ValueError, KeyError, TypeError):
            return None

    def pull(self, reference: str) -> Completed:
        """Pull one image."""
        return self.runner.run(["docker", "pull", "--quiet", reference])

    def stop(self, ids: t.Sequence[str], grace: int | None = None) -> None:
        """Send each container its stop signal and wait its whole grace time, or ``grace`` seconds; all at once."""
        if ids:
            bound = [] if grace is None else ["--time", str(grace)]
            checked(self.runner.run(["docker", "stop", *bound, *ids]), "can't stop containers")

    def remove(self, ids: t.Sequence[str]) -> None:
        """Remove containers with their anonymous volumes. One that is gone already is no error."""
        if ids:
            done = self.runner.run(["docker", "rm", "--force", "--volumes", *ids])
            if "No such container" not in done.stderr:
                checked(done, "can't remove containers")

    def networks(self, project: str) -> dict[str, dict[str, tuple[str, ...]]]:
        """The networks of a Compose project: key in the file -> {name: ids of containers plugged in}."""
        listed = self.runner.run(["docker", "network", "ls", "-q", "--no-trunc", "--filter", f"label={PROJECT_LABEL}={project}"])
        ids = checked(listed, "can't list networks").stdout.split()
        if not ids:
            return {}
        raw = json.loads(checked(self.runner.run(["docker", "network", "inspect", *ids]), "can't inspect networks").stdout)
        return {
            (network.get("Labels") or {}).get("com.docker.compose.network", ""): {network["Name"]: tuple(network.get("Containers") or {})}
            for network in raw
        }
