# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which image each reference means on this host, and the pin that will always mean the same one."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

from ansible_collections.steady.deploy.plugins.module_utils.compose.cli import DockerCli, Json
from ansible_collections.steady.deploy.plugins.module_utils.core.errors import CommandError, PreflightError, SpecError
from ansible_collections.steady.deploy.plugins.module_utils.core.progress import Tell, untold
from ansible_collections.steady.deploy.plugins.module_utils.probe.wording import show

# As the registries' own grammar has it: [host[:port]/]path[:tag][@digest].
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REFERENCE = re.compile(
    rf"(?:(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?|\[[0-9a-fA-F:]+\])(?::[0-9]{{1,5}})?/)?{_PART}(?:/{_PART})*"
    r"(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@sha256:[0-9a-f]{64})?"
)


@dataclass(frozen=True)
class Image:
    """One reference. ``id`` is the image's content, None while unknown; ``pin`` is what a release runs."""

    reference: str
    id: str | None
    pin: str
    present: bool


def check_reference(reference: t.Any, where: str) -> str:
    """``reference`` if it is one of an image (an id counts too). ``where`` opens the sentence. Raises SpecError."""
    if isinstance(reference, str) and (_REFERENCE.fullmatch(reference) or re.fullmatch(r"sha256:[0-9a-f]{64}", reference)):
        return reference
    raise SpecError(f"{where}: {show(reference)} names no image, write [registry/]name[:tag], the name in lower case")


def find_images(cli: DockerCli, references: t.Mapping[str, str], pull: bool, tell: Tell = untold) -> dict[str, Image]:
    """Look up each reference. ``references`` maps it to its pull policy (always, missing or never).

    With ``pull`` images are pulled as their policy says. Without, nothing is touched (check mode): an image that
    would be pulled is asked of its registry, and ``present`` is False where a pull would bring something new.
    Raises PreflightError for an image that is neither here nor to be had.
    """
    here = cli.images(sorted(references))
    return {reference: _find(cli, reference, local, references[reference], pull, tell) for reference, local in here.items()}


def _find(cli: DockerCli, reference: str, local: Json | None, policy: str, pull: bool, tell: Tell) -> Image:
    ask = policy == "always" and "@sha256:" not in reference
    if local and not ask:
        return Image(reference, local["Id"], pin(reference, local), True)
    if policy == "never":
        raise PreflightError(f"image {reference} is not on this host and must not be pulled (pull policy never): build or load it first")
    if not pull:
        remote = cli.remote_image_id(reference)
        if remote is None and local:
            return Image(reference, local["Id"], pin(reference, local), True)
        return Image(reference, remote, reference, bool(local and local["Id"] == remote))
    tell("pull", reference, begun=True)
    done = cli.pull(reference)
    local = cli.image(reference)
    if done.rc == 0 and local:
        return Image(reference, local["Id"], pin(reference, local), True)
    reason = (done.stderr.strip().splitlines() or [f"exit code {done.rc}"])[-1]
    raise CommandError(
        f"image {reference} can't be pulled: {reason}; check its name, the registry, and `docker login` of the user that runs the rollout",
        done.argv,
        done.rc,
        done.stdout,
        done.stderr,
    )


def pin(reference: str, inspected: t.Mapping[str, t.Any]) -> str:
    """The digest in the reference's own repository; an image that no registry knows is pinned by its id."""
    repository = reference.split("@")[0]
    if ":" in repository.rsplit("/", 1)[-1]:
        repository = repository.rsplit(":", 1)[0]
    for digest in inspected.get("RepoDigests") or ():
        if _full(digest.split("@")[0]) == _full(repository):
            return str(digest)
    return str(inspected["Id"])


def _full(repository: str) -> str:
    """``debian`` and ``docker.io/library/debian`` are the same repository."""
    first, slash, _rest = repository.partition("/")
    if not slash:
        return f"docker.io/library/{repository}"
    return repository if "." in first or ":" in first or first == "localhost" else f"docker.io/{repository}"
