# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A release as read from a compose file, not yet on the host."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.steady.deploy.plugins.module_utils.compose.images import Image
from ansible_collections.steady.deploy.plugins.module_utils.rollout.spec import ACCESSORY, Service


@dataclass(frozen=True)
class Target:
    """``files``: paths of configs and secrets -> hash of their content."""

    release: str
    model: dict[str, t.Any]
    services: tuple[Service, ...]
    images: dict[str, Image]
    files: t.Mapping[str, str]

    @property
    def accessories(self) -> tuple[Service, ...]:
        """The services that all releases share."""
        return tuple(service for service in self.services if service.kind == ACCESSORY)
