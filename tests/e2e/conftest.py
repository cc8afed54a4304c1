"""The managed host that all end-to-end tests share, with the hotel on it."""

from __future__ import annotations

import typing as t

import pytest
from e2e.inside import look
from e2e.managed import VERSIONS, own, provision
from hotel import Host


@pytest.fixture(scope="session")
def provisioned() -> t.Iterator[Host]:
    """The host, provisioned and with some release of the hotel served. It stays for the next run, but not in CI."""
    yield from provision(own("steady-e2e", 2203, 8083))


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
