"""A CA of the tests' own, and a host whose certbot asks it."""

from __future__ import annotations

import pytest
from unit.tls.fakes import Pki, World


@pytest.fixture(scope="session")
def pki(tmp_path_factory):
    return Pki(tmp_path_factory.mktemp("pki"))


@pytest.fixture
def world(tmp_path, pki):
    return World(tmp_path, pki)
