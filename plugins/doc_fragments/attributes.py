# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation shared by the modules."""

from __future__ import annotations


class ModuleDocFragment:
    """The attributes every module states."""

    # The module overrides `support` where it differs, and says why in `details`.
    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in C(check_mode) and tell what it would do without changing the managed host.
  diff_mode:
    description: Tells what changed, or would change, when run in diff mode.
  idempotent:
    description:
      - When run twice in a row outside check mode with the same arguments, the second run changes nothing.
      - This assumes that what the module deals with did not change between the two runs.
"""
