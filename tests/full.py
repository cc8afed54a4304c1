"""What is too long for every run: `make test` holds a fair sample of it, `make test-full` (STEADY_FULL=1) all."""

from __future__ import annotations

import os

import pytest

FULL = bool(os.environ.get("STEADY_FULL"))
only_full = pytest.mark.skipif(not FULL, reason="too long for every run; STEADY_FULL=1 runs it")
