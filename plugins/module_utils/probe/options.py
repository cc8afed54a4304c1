# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The argument spec of a gate, for modules that take gates as parameters."""

from __future__ import annotations

import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.probe.gate import GATE_TYPES


def gate_argument_spec() -> dict[str, dict[str, t.Any]]:
    """Suboptions of one gate; the defaults are those of the Gate dataclass.

    Times are ``raw``, since both 0.5 and ``500ms`` are good; parse_gate reads and checks them.
    """
    return {
        "type": {"type": "str", "required": True, "choices": list(GATE_TYPES)},
        "port": {"type": "int"},
        "path": {"type": "str", "default": "/"},
        "host": {"type": "str"},
        "headers": {"type": "dict", "default": {}},
        "status": {"type": "list", "elements": "int", "default": [200]},
        "expect_headers": {"type": "dict", "default": {}},
        "body": {"type": "str"},
        "jmespath": {"type": "str"},
        "command": {"type": "list", "elements": "str", "default": []},
        "script": {"type": "str", "default": ""},
        "socket": {"type": "str", "default": ""},
        "success_threshold": {"type": "int", "default": 2},
        "interval": {"type": "raw", "default": 0.2},
        "timeout": {"type": "raw", "default": 2.0},
        "deadline": {"type": "raw", "default": 60.0},
        "min_ready": {"type": "raw", "default": 0.0},
    }
