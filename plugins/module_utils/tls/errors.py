# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes wrong with a certificate."""

from __future__ import annotations

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import SteadyError


class CertificateError(SteadyError):
    """A certificate can't be had, or not be used. What was served before is still served."""
