# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tcp probe: does something accept a connection, and keep it for a moment?"""

from __future__ import annotations

import socket

from ansible_collections.steady.deploy.plugins.module_utils.probe import wire
from ansible_collections.steady.deploy.plugins.module_utils.probe.base import Answer, Target
from ansible_collections.steady.deploy.plugins.module_utils.probe.gate import Gate

# Docker's proxy in front of a published port accepts first and hangs up when nothing listens behind it.
LINGER = 0.2


class TcpProbe:
    """Ready when the port accepts a connection and does not hang up at once."""

    def __init__(self, connect: wire.Connect = wire.connect) -> None:
        self._connect = connect

    def probe(self, target: Target, gate: Gate) -> Answer:
        """See Probe.probe."""
        try:
            connection = self._connect(target, gate.timeout)
        except (OSError, UnicodeError) as exc:
            return Answer(False, wire.reason(exc, gate.timeout))
        try:
            if connection.recv(1, LINGER) == b"":
                return Answer(False, "connection closed at once")
        except socket.timeout:
            # Silence is what most services say to a silent client.
            pass
        except OSError as exc:
            return Answer(False, wire.reason(exc, gate.timeout))
        finally:
            connection.close()
        return Answer(True, "connection accepted")
