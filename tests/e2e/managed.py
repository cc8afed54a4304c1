"""Managed hosts with the hotel on them, made once for all suites of one run."""

from __future__ import annotations

import functools
import os
import subprocess
import typing as t

from e2e.inside import look
from hotel import ROOT, Host, build, one_at_a_time

VERSIONS = ("v1", "v2", "v3")
IN_CI = bool(os.environ.get("CI"))


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
