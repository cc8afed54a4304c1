# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What adapters share: a tool is asked once for what several of their methods need."""

from __future__ import annotations

from ansible_collections.steady.deploy.plugins.module_utils.migrate.adapter import Tool
from ansible_collections.steady.deploy.plugins.module_utils.migrate.spec import Pending


class Remembering:
    """Keeps what `pending` told last. Each question starts the tool anew, in a container of its own, and that takes its time.

    The code of a release does not change, and who applies has asked what is pending moments ago, under the database's lock.
    """

    _last: Pending | None = None

    def pending(self, tool: Tool) -> Pending:
        """See Adapter."""
        self._last = self._look(tool)
        return self._last

    def _look(self, tool: Tool) -> Pending:
        raise NotImplementedError

    def _recent(self, tool: Tool) -> Pending:
        """What `pending` told last; asked now where nobody has yet."""
        return self._last or self.pending(tool)
