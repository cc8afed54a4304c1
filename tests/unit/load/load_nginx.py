"""A real Nginx of Debian 13 in a container, for what its reloads do to clients."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator

import pytest


def docker(*arguments: str, **options) -> str:
    return subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True, **options).stdout.strip()


@contextlib.contextmanager
def serving(image: str, dockerfile: str, port: int) -> Iterator[tuple[str, str]]:
    """(container, host:port that leads to ``port``). Skips the test where there is no engine or no base image."""
    try:
        docker("image", "inspect", "debian:trixie")
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no Docker engine with the image debian:trixie (lab/engine.sh and lab/base-image.sh make both)")
    docker("build", "-q", "-t", image, "-", input=dockerfile, timeout=240)
    name = f"{image}-{os.getpid()}"
    docker("run", "-d", "--rm", "--name", name, "-p", f"127.0.0.1:0:{port}", image)
    try:
        yield name, docker("port", name, f"{port}/tcp")
    finally:
        docker("rm", "-f", name)
