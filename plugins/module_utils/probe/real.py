# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real probes, by the type of gate they serve."""

from __future__ import annotations

import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.core.runner import Runner
from ansible_collections.steady.deploy.plugins.module_utils.probe.base import Probe
from ansible_collections.steady.deploy.plugins.module_utils.probe.exec import ExecProbe
from ansible_collections.steady.deploy.plugins.module_utils.probe.fastcgi import FastCgiProbe
from ansible_collections.steady.deploy.plugins.module_utils.probe.health import HealthProbe
from ansible_collections.steady.deploy.plugins.module_utils.probe.http import HttpProbe
from ansible_collections.steady.deploy.plugins.module_utils.probe.tcp import TcpProbe


def real_probes(runner: Runner) -> t.Mapping[str, Probe]:
    """A probe for each of GATE_TYPES; ``runner`` runs the commands of exec gates."""
    return {"http": HttpProbe(), "tcp": TcpProbe(), "fastcgi": FastCgiProbe(), "exec": ExecProbe(runner), "health": HealthProbe()}
