# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action of steady.deploy.rollout: runs the module as any other, and shows how far it is meanwhile."""

from __future__ import annotations

import time
import typing as t
from pathlib import Path

from ansible import constants
from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure, AnsibleError
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible.utils.vars import merge_hash

from ansible_collections.steady.deploy.plugins.plugin_utils import words
from ansible_collections.steady.deploy.plugins.plugin_utils.judged import judged
from ansible_collections.steady.deploy.plugins.plugin_utils.picture import render
from ansible_collections.steady.deploy.plugins.plugin_utils.watcher import Host, Watcher

Json = dict[str, t.Any]
STATE_DIR = "/var/lib/steady"
# Seconds for the last lines once the module has ended, and for the host to come back once its connection was lost.
LAST_LINES, AWAY = 10.0, 60.0
COLOURS = {
    words.STEP: constants.COLOR_VERBOSE,
    words.WITHIN: constants.COLOR_SKIP,
    words.GOOD: constants.COLOR_OK,
    words.BAD: constants.COLOR_ERROR,
}
display = Display()


class ActionModule(ActionBase):
    """See the module's documentation for the parameters ``progress`` and ``report``, which only concern the controller."""

    _supports_check_mode = True
    _supports_async = True

    def run(self, tmp: t.Any = None, task_vars: Json | None = None) -> Json:
        """Run the module. Its result is returned as it is."""
        result: Json = super().run(tmp, task_vars)
        del tmp
        arguments = dict(self._task.args)
        progress = boolean(arguments.pop("progress", True))
        report = arguments.pop("report", None)
        if self._task.async_val:
            wrapped = not self._connection.has_native_async
            return merge_hash(result, self._execute_module(module_args=arguments, task_vars=task_vars, wrap_async=wrapped))
        shows = progress and not (self._task.check_mode or self._task.no_log)
        try:
            done = self._once(shows, {**arguments, "approved": {}}, task_vars)
            if done.get("migrations") and not done.get("failed"):
                done = judged(done, lambda approved: self._once(shows, {**arguments, "approved": approved}, task_vars), self._task.diff)
            result = merge_hash(result, done)
        finally:
            self._remove_tmp_path(self._connection._shell.tmpdir)
        if report and not self._task.check_mode and (result.get("timeline") or result.get("failed")):
            self._draw(result, str(report), arguments, task_vars or {})
        return result

    def _once(self, shows: bool, arguments: Json, task_vars: Json | None) -> Json:
        return self._watched(self._watcher(arguments, task_vars or {}) if shows else None, arguments, task_vars)

    def _draw(self, result: Json, report: str, arguments: Json, task_vars: Json) -> None:
        """Write the picture. The rollout is over, whatever becomes of it."""
        path = self._loader.path_dwim(report)
        when = time.strftime("%Y-%m-%d %H:%M:%S %Z")
        page = render(result, str(arguments.get("app")), str(task_vars.get("inventory_hostname") or ""), when)
        try:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            Path(f"{path}.part").write_text(page, encoding="utf-8")
            Path(f"{path}.part").replace(path)
        except OSError as exc:
            display.warning(f"the report of the rollout can't be written: {exc}")

    def _watcher(self, arguments: Json, task_vars: Json) -> Watcher | None:
        """A watcher, or None where the host can't be watched: then the module says what there is to say."""
        app = str(arguments.get("app"))
        name = str(task_vars.get("inventory_hostname"))
        several = len(task_vars.get("ansible_play_hosts_all") or ()) > 1
        try:
            host = Host(self, task_vars, str(arguments.get("state_dir") or STATE_DIR), app)
        except AnsibleError as exc:
            display.vvv(f"no live progress: {exc}", host=name)
            return None
        said = words.Words(f"{name} {app}" if several else app)
        watcher = Watcher(host.look, lambda entry, others: _show(said.line(entry, others)))
        watcher.start()
        return watcher

    def _watched(self, watcher: Watcher | None, arguments: Json, task_vars: Json | None) -> Json:
        try:
            result: Json = self._execute_module(module_args=arguments, task_vars=task_vars)
        except AnsibleConnectionFailure as exc:
            if watcher is None or not watcher.begun:
                raise
            return self._followed(watcher, str(arguments.get("app")), exc)
        if watcher is not None:
            watcher.stop(LAST_LINES)
        return result

    def _followed(self, watcher: Watcher, app: str, lost: AnsibleConnectionFailure) -> Json:
        """The connection was lost in the middle. The rollout goes on without it: watch it to its end, and return what it leaves."""
        said = f"{app}: the connection was lost ({lost.message}); the rollout goes on on the host, looking for it again"
        # A warning would be shown at the task's end only.
        display.display(said, color=constants.COLOR_WARN, stderr=True)
        if not watcher.follow(AWAY):
            raise AnsibleConnectionFailure(
                f"the host stayed away for {AWAY:.0f} s after the connection was lost. The rollout of {app} goes on there by itself: "
                "look with steady.deploy.rollout_info, or run the play again with `lock_wait` to wait for its end"
            ) from lost
        if watcher.result is None:
            raise AnsibleActionFail(
                f"the connection was lost, and the rollout of {app} has ended without a word: it was cut short, or had nothing to do. "
                "Run the play again: it finishes or undoes what is there"
            ) from lost
        return dict(watcher.result["result"])


def _show(line: words.Line | None) -> None:
    """On stderr, where it is seen at once and in nobody's way who reads the play's output by a program."""
    if line:
        display.display(line.text, color=COLOURS[line.tone], stderr=True)
