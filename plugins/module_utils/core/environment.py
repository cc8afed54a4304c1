# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Environments of commands. Pure."""

from __future__ import annotations

import typing as t

# What PostgreSQL's client library hands to the server. Both a release and the engine may have some, for their own reasons.
PGOPTIONS = "PGOPTIONS"


def joined(own: t.Mapping[str, str], more: t.Mapping[str, str]) -> dict[str, str]:
    """``more`` for an environment that has its ``own``: of the options of PostgreSQL's client both stay."""
    if PGOPTIONS not in own or PGOPTIONS not in more:
        return dict(more)
    # The last one counts where both set the same.
    return {**more, PGOPTIONS: f"{own[PGOPTIONS]} {more[PGOPTIONS]}"}
