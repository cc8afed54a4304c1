"""What the environment says, and what the build says."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

# Written last when the image is built, and never taken from the environment: a container can't claim to be a version that it isn't.
_BUILT = Path(__file__).with_name("release.json")
_RELEASE = json.loads(_BUILT.read_text()) if _BUILT.exists() else {"version": "dev", "variant": "", "assets": {"app.css": "app.css"}}

VERSION: str = _RELEASE["version"]
VARIANT: str = _RELEASE["variant"]
ASSETS: dict[str, str] = _RELEASE["assets"]
HOST = socket.gethostname()
DEBUG = os.environ.get("APP_DEBUG", "").lower() in ("1", "true", "yes", "on")
LOG_LEVEL = os.environ.get("LOG_LEVEL", "info")


def setting(name: str) -> str:
    """A variable that must be set."""
    value = os.environ.get(name)
    if not value:
        raise SystemExit(f"{name} is not set")
    return value
