# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the host remembers between runs, and what it tells Prometheus."""

from __future__ import annotations

import contextlib
import json
import os
import typing as t
from dataclasses import asdict, dataclass

from ansible_collections.steady.deploy.plugins.module_utils.core.files import read_text, write_atomic
from ansible_collections.steady.deploy.plugins.module_utils.tls.due import Window


@dataclass
class Memory:
    """Of one certificate. Times are seconds since the epoch; ``window`` is the CA's for the certificate ``window_of``."""

    succeeded: float = 0
    failure: str = ""
    window_of: str = ""
    window: Window | None = None


def load(path: str) -> dict[str, Memory]:
    """What is remembered. A file that can't be read is as good as none: all of it can be found out again."""
    with contextlib.suppress(ValueError, TypeError, AttributeError):
        found = {}
        for name, raw in json.loads(read_text(path) or "{}").items():
            window = raw.pop("window", None)
            found[name] = Memory(**raw, window=Window(**window) if window else None)
        return found
    return {}


def save(path: str, memories: t.Mapping[str, Memory]) -> None:
    """Remember. Raises OSError."""
    os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
    write_atomic(path, json.dumps({name: asdict(one) for name, one in memories.items()}, indent=1, sort_keys=True) + "\n", 0o600)


@dataclass(frozen=True)
class Reading:
    """What Prometheus is told of one certificate. Times are seconds since the epoch."""

    name: str
    source: str
    expires: int
    succeeded: float
    failed: bool
    temporary: bool


_GAUGES: tuple[tuple[str, str, t.Callable[[Reading], float]], ...] = (
    ("expiry_timestamp_seconds", "When the certificate in use expires.", lambda one: one.expires),
    ("last_success_timestamp_seconds", "When the certificate was last found or made as it should be.", lambda one: one.succeeded),
    ("failed", "Whether the last attempt to have the certificate as it should be failed.", lambda one: int(one.failed)),
    ("temporary", "Whether a self-signed certificate is in use until the first one is issued.", lambda one: int(one.temporary)),
)


def metrics(readings: t.Sequence[Reading]) -> str:
    """The text for the node exporter's textfile collector."""
    lines = []
    for name, text, value in _GAUGES:
        lines += [f"# HELP steady_tls_{name} {text}", f"# TYPE steady_tls_{name} gauge"]
        lines += [f'steady_tls_{name}{{name="{one.name}",source="{one.source}"}} {value(one):.0f}' for one in readings]
    return "\n".join(lines) + "\n"
