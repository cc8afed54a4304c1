# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A container with a database server, and what its own client says of the corpus' statements."""

from __future__ import annotations

import contextlib
import subprocess
import time
import typing as t
import uuid

IMAGE = "corpustest"


class Server:
    """A running container."""

    def __init__(self, name: str) -> None:
        self.name = name

    def run(self, *argv: str, text: str = "", user: str = "root") -> subprocess.CompletedProcess[str]:
        """A command in the container, with ``text`` as its input; stderr goes where stdout goes."""
        command = ["docker", "exec", "-i", "-u", user, self.name, *argv]
        return subprocess.run(command, input=text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120, check=False)

    def until(self, *argv: str, user: str = "root") -> None:
        """Wait until a command succeeds."""
        for dummy in range(150):
            done = self.run(*argv, user=user)
            if done.returncode == 0:
                return
            time.sleep(0.2)
        raise AssertionError(done.stdout)


@contextlib.contextmanager
def server(script: str) -> t.Iterator[Server]:
    """A container that runs the script, gone afterwards."""
    name = f"{IMAGE}-{uuid.uuid4().hex[:8]}"
    command = [
        "docker",
        "run",
        "-d",
        "--rm",
        "--init",
        "--name",
        name,
        "--label",
        "steady.lab=1",
        "--tmpfs",
        "/data",
        IMAGE,
        "sh",
        "-c",
        script,
    ]
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    try:
        yield Server(name)
    finally:
        subprocess.run(["docker", "rm", "-f", name], stdout=subprocess.DEVNULL, check=True)
