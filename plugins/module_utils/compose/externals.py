# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an app takes from the host and nobody makes for it: external networks and volumes, variables that hold secrets."""

from __future__ import annotations

import os
import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.compose.cli import DockerCli
from ansible_collections.steady.deploy.plugins.module_utils.core.errors import PreflightError


def check_externals(cli: DockerCli, model: t.Mapping[str, t.Any], env_files: t.Sequence[str]) -> None:
    """Raises PreflightError for what is used and not there: an external network or volume, the variable of a secret or config."""
    _check_variables(model, env_files)
    used: dict[str, set[t.Any]] = {"network": set(), "volume": set()}
    for service in model["services"].values():
        used["network"].update(service.get("networks") or ())
        used["volume"].update(volume.get("source") for volume in service.get("volumes") or () if volume.get("type") == "volume")
    for kind, keys in used.items():
        for key, entry in (model.get(f"{kind}s") or {}).items():
            if key in keys and (entry or {}).get("external"):
                name = entry.get("name") or key
                if cli.runner.run(["docker", kind, "inspect", "--format", "{{.Name}}", "--", name]).rc != 0:
                    raise PreflightError(
                        f"the external {kind} {name} is not on this host: create it with `docker {kind} create {name}`, "
                        f"or take `external` out of the compose file"
                    )


def _check_variables(model: t.Mapping[str, t.Any], env_files: t.Sequence[str]) -> None:
    known = set(os.environ)
    for path in env_files:
        with open(path, encoding="utf-8", errors="replace") as stream:
            known.update(line.partition("=")[0].replace("export ", "").strip() for line in stream if "=" in line)
    for kind in ("configs", "secrets"):
        used = {entry.get("source") for service in model["services"].values() for entry in service.get(kind) or ()}
        for name, entry in (model.get(kind) or {}).items():
            variable = (entry or {}).get("environment")
            if variable and name in used and variable not in known:
                raise PreflightError(
                    f"{kind[:-1]} {name} comes from the variable {variable}, which is not set: "
                    "put it into a file and name that in `env_files`"
                )
