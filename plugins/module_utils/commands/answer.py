# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a module ends: with what a command returns, or with the one sentence that says why it could not."""

from __future__ import annotations

import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import SteadyError

Json = dict[str, t.Any]


def answer(module: AnsibleModule, work: t.Callable[[], Json], **told: t.Any) -> None:
    """Do the ``work`` and leave the module. Warnings are shown as such; ``told`` is part of either answer."""
    try:
        result = work()
    except SteadyError as exc:
        for warning in exc.facts.pop("warnings", []):
            module.warn(warning)
        module.fail_json(msg=exc.message, **told, **exc.facts)
    for warning in result.pop("warnings", []):
        module.warn(warning)
    module.exit_json(**told, **result)
