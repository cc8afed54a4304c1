"""Fixtures of more than one test file."""

from __future__ import annotations

import subprocess

import pytest
from integration.edge.host import HERE, IMAGE, ROOT
from integration.migrate_db import servers


@pytest.fixture(scope="session")
def image() -> None:
    mirror = subprocess.run(
        ["bash", "-c", "source lab/lib.sh && debian_mirror"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()
    subprocess.run(["bash", "lab/base-image.sh"], cwd=ROOT, check=True)
    build = ["docker", "build", "-q", "-t", IMAGE, "--build-arg", f"MIRROR={mirror}", str(HERE)]
    done = subprocess.run(build, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="session")
def migrate_db_image() -> None:
    subprocess.run(["bash", "lab/base-image.sh"], cwd=ROOT, check=True)
    build = ["docker", "build", "-q", "-t", servers.IMAGE, *servers.LABEL, str(servers.HERE)]
    done = subprocess.run(build, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
