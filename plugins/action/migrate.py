# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action of steady.deploy.migrate: asks what is pending, judges it here, and lets the module go on."""

from __future__ import annotations

import typing as t

from ansible.plugins.action import ActionBase
from ansible.utils.vars import merge_hash

from ansible_collections.steady.deploy.plugins.plugin_utils.judged import judged

Json = dict[str, t.Any]


class ActionModule(ActionBase):
    """The judge of migrations needs what only the controller has."""

    _supports_check_mode = True
    _supports_async = True

    def run(self, tmp: t.Any = None, task_vars: Json | None = None) -> Json:
        """Run the module, and once more with what was approved."""
        result: Json = super().run(tmp, task_vars)
        del tmp
        arguments = dict(self._task.args)
        if self._task.async_val:
            wrapped = not self._connection.has_native_async
            return merge_hash(result, self._execute_module(module_args=arguments, task_vars=task_vars, wrap_async=wrapped))

        def once(approved: Json) -> Json:
            return self._execute_module(module_args={**arguments, "approved": approved}, task_vars=task_vars)

        try:
            done = once({})
            if done.get("migrations") and not done.get("failed") and not done["first"]:
                done = judged(done, once, self._task.diff)
            return merge_hash(result, done)
        finally:
            self._remove_tmp_path(self._connection._shell.tmpdir)
