"""The managed host that all end-to-end tests share, with the hotel on it."""

from __future__ import annotations

import functools
import os
import subprocess
import typing as t

import pytest
from e2e.inside import look
from hotel import ROOT, Host, build, one_at_a_time

VERSIONS = ("v1", "v2", "v3")
IN_CI = bool(os.environ.get("CI"))


@pytest.fixture(scope="session")
def provisioned() -> t.Iterator[Host]:
    """The host, provisioned and with some release of the hotel served. It stays for the next run, but not in CI."""
    yield from provision(own("steady-e2e", 2203, 8083))


def own(name: str, ssh_port: int, http_port: int) -> Host:
    """A host of this test process: those that run side by side have one each."""
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    return Host(f"{name}-{number}" if number else name, ssh_port + 20 * number, http_port + 20 * number)


def provision(host: Host) -> t.Iterator[Host]:
    """The host with some release of the hotel; in CI it is removed at the end."""
    make(host)
    yield host
    if IN_CI:
        subprocess.run([str(ROOT / "lab/down.sh"), host.name], check=True)


@functools.cache
def make(host: Host) -> None:
    """Make the host and bring some release of the hotel to it: once, however many suites of one run have it."""
    if IN_CI:
        # What another checkout left behind is not ours to continue.
        with one_at_a_time():
            subprocess.run(["bash", str(ROOT / "lab/engine.sh")], check=True)
            subprocess.run([str(ROOT / "lab/down.sh"), host.name], check=True)
    host.up()
    for version in VERSIONS:
        build(version)
    done = host.play("site.yml", hotel_version="v1", app_stream_drain_timeout=1, app_lock_wait=120)
    assert done.ok, done.output[-4000:]
    if not look(host).kept:
        # A release to go back to, as everywhere but after the very first rollout.
        assert host.deploy("v2", app_stream_drain_timeout=1).ok


@pytest.fixture
def host(provisioned: Host) -> Host:
    """The host, clean: what a test that failed left behind is not the next one's fault."""
    if look(provisioned).leftovers():
        done = provisioned.deploy("v1", app_stream_drain_timeout=1, app_lock_wait=120)
        assert done.ok, done.output[-4000:]
    left = look(provisioned).leftovers()
    assert not left, left
    return provisioned


@pytest.fixture
def unseen(host: Host) -> str:
    """A version of which the host has no release: a rollout to it takes every step there is."""
    there = look(host).versions.values()
    return next(version for version in VERSIONS if version not in there)
