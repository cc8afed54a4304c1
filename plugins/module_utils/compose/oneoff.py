# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands in one-off containers of a release that may not be on the host yet, beside the app's accessories."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import threading
import typing as t
import uuid

from ansible_collections.steady.deploy.plugins.module_utils.compose import split
from ansible_collections.steady.deploy.plugins.module_utils.compose.cli import DockerCli
from ansible_collections.steady.deploy.plugins.module_utils.compose.store import SCRATCH
from ansible_collections.steady.deploy.plugins.module_utils.compose.target import Target
from ansible_collections.steady.deploy.plugins.module_utils.core.environment import joined
from ansible_collections.steady.deploy.plugins.module_utils.core.runner import Completed

# Seconds.
_LOOKS_EVERY = 0.1
_QUIET = ("--quiet-pull", "--no-deps", "-T", "--rm")


class OneOff:
    """Runs argv in a new container of one service each, with the service's own image, environment and files.

    It is the Tool that a migration tool is asked with. Its containers are no part of any release: they are gone once their
    command has ended. The container's entrypoint runs, as with ``docker compose run``.
    """

    def __init__(
        self,
        cli: DockerCli,
        target: Target,
        app: str,
        service: str,
        env_files: t.Sequence[str],
        folder: str,
        seen_at: t.Callable[[tuple[str, ...], tuple[str, ...]], None] = lambda addresses, names: None,
    ) -> None:
        """``folder`` is for the project's file while a command runs: the app's environment is in it.

        ``seen_at`` is told the addresses from which a command's connections come and the names that Docker resolves them to, soon
        after its container has started, and that there are none any more once it has ended: others may get them then.
        """
        self._folder = folder
        self._cli = cli
        self._service = service
        self._project = f"{app}-oneoff"
        self._env_files = tuple(env_files)
        pins = {reference: image.pin for reference, image in target.images.items()}
        self._seen_at = seen_at
        self._document = split.oneoff_document(target.model, target.services, self._project, service, pins)
        # In a file of Compose a `$` is written twice.
        own = self._document["services"][service].get("environment") or {}
        self._own = {key: str(value).replace("$$", "$") for key, value in own.items()}

    def run(
        self, argv: t.Sequence[str], *, stdin: str | None = None, timeout: float | None = None, env: t.Mapping[str, str] | None = None
    ) -> Completed:
        """See Tool.run."""
        more = joined(self._own, env or {})
        said = [word for name, value in more.items() for word in ("-e", f"{name}={value}")]
        name = f"{self._project}-{self._service}-{uuid.uuid4().hex[:8]}"
        handle, path = tempfile.mkstemp(prefix=SCRATCH, suffix=".json", dir=self._folder)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                json.dump(self._document, stream)
            words = ["docker", "compose", "--progress", "quiet", "-p", self._project, "-f", path]
            for file in self._env_files:
                words += ["--env-file", file]
            words += ["run", *_QUIET, "--name", name, *said, self._service, *argv]
            with self._looking_for(name):
                done = self._cli.runner.run(words, stdin=stdin, timeout=timeout)
            if done.rc == 124:
                # Its client was killed, the command in the container was not.
                self._cli.remove([name])
            return done
        finally:
            os.unlink(path)

    @contextlib.contextmanager
    def _looking_for(self, name: str) -> t.Iterator[None]:
        over = threading.Event()

        def look() -> None:
            while not over.wait(_LOOKS_EVERY):
                states = self._cli.inspect([name])
                found = tuple(address for state in states for _network, address in state.networks if address)
                if found:
                    self._seen_at(found, (name,))
                    return

        thread = threading.Thread(target=look, name="one-off container", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
            self._seen_at((), ())

    def close(self) -> None:
        """Remove the network that Compose made, where the service shares none with an accessory."""
        if any(not entry.get("external") for entry in self._document["networks"].values()):
            for names in self._cli.networks(self._project).values():
                for name in names:
                    self._cli.runner.run(["docker", "network", "rm", name])
