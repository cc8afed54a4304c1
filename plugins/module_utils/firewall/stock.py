# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules on disk and in the service manager: loaded at boot, and taken back by themselves unless somebody gets in."""

from __future__ import annotations

import contextlib
import json
import os

from ansible_collections.steady.deploy.plugins.module_utils.core.clock import Clock
from ansible_collections.steady.deploy.plugins.module_utils.core.errors import PreflightError
from ansible_collections.steady.deploy.plugins.module_utils.core.files import read_text, write_atomic
from ansible_collections.steady.deploy.plugins.module_utils.core.runner import Runner, checked
from ansible_collections.steady.deploy.plugins.module_utils.firewall.host import Session
from ansible_collections.steady.deploy.plugins.module_utils.firewall.nft import NFT

UNIT_NAME = "steady-firewall.service"
REVERT = "steady-firewall-revert"

# Before the network is up, and so before Docker.
UNIT = f"""\
# Written by steady.deploy.
[Unit]
Description=Rules of the firewall
Documentation=man:nft(8)
DefaultDependencies=no
Wants=network-pre.target
Before=network-pre.target
After=nftables.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart={NFT} -f /etc/steady/firewall.nft
ExecReload={NFT} -f /etc/steady/firewall.nft

[Install]
WantedBy=sysinit.target
"""

# Where somebody uses nftables.service too: its usual file flushes the rules of everybody, and so does its stop.
BESIDE = f"""\
# Written by steady.deploy.
[Service]
ExecStartPost=-{NFT} -f /etc/steady/firewall.nft
ExecReload=-{NFT} -f /etc/steady/firewall.nft
ExecStopPost=-{NFT} -f /etc/steady/firewall.nft
"""


class Stock:
    """Where the rules are kept. ``root`` for tests."""

    def __init__(self, runner: Runner, clock: Clock, root: str = "") -> None:
        self._runner = runner
        self._clock = clock
        self.rules = f"{root}/etc/steady/firewall.nft"
        units = f"{root}/etc/systemd/system"
        self._unit = f"{units}/{UNIT_NAME}"
        self._wanted = f"{units}/sysinit.target.wants/{UNIT_NAME}"
        self._beside = f"{units}/nftables.service.d/steady.conf"
        self._run = f"{root}/run/steady-firewall"
        self.candidate = f"{self._run}/candidate.nft"
        self._former = f"{self._run}/former.nft"
        self._over = f"{self._run}/session.json"

    def kept(self) -> str | None:
        """The rules that a boot loads, or None."""
        return read_text(self.rules)

    def booted(self) -> bool:
        """Whether a boot loads them."""
        return read_text(self._unit) == UNIT and read_text(self._beside) == BESIDE and os.path.lexists(self._wanted)

    def known(self) -> bool:
        """Whether the service manager takes them for loaded, and so reloads them when it is asked to."""
        return self._runner.run(["systemctl", "--quiet", "is-active", UNIT_NAME], timeout=20).rc == 0

    def traces(self) -> bool:
        """Whether anything of ours is on disk."""
        return any(os.path.lexists(path) for path in (self.rules, self._unit, self._beside, self._wanted))

    def keep(self, text: str) -> None:
        """Let every boot load these rules. Raises CommandError."""
        os.makedirs(os.path.dirname(self.rules), mode=0o755, exist_ok=True)
        if self.kept() != text:
            write_atomic(self.rules, text)
        if not self.booted():
            os.makedirs(os.path.dirname(self._beside), mode=0o755, exist_ok=True)
            write_atomic(self._unit, UNIT)
            write_atomic(self._beside, BESIDE)
            self._systemctl("daemon-reload")
            self._systemctl("enable", UNIT_NAME)
        # They are in force already: this only lets the service manager know.
        self._systemctl("start", UNIT_NAME)

    def drop(self) -> None:
        """Forget the rules at boot. Raises CommandError."""
        if os.path.lexists(self._unit):
            self._systemctl("disable", "--now", UNIT_NAME)
        for path in (self.rules, self._unit, self._beside, self._wanted):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
        self._systemctl("daemon-reload")
        # Others may keep files there.
        for path in (self.rules, self._beside):
            with contextlib.suppress(OSError):
                os.rmdir(os.path.dirname(path))

    def stage(self, text: str) -> None:
        """Lay the rules ready for a trial."""
        os.makedirs(self._run, mode=0o700, exist_ok=True)
        write_atomic(self.candidate, text, 0o600)

    def pending(self) -> bool:
        """Whether a trial waits for its end."""
        return os.path.exists(self._over)

    def begin_trial(self, former: str, seconds: int, over: Session | None) -> None:
        """From now on the ``former`` rules come back by themselves after ``seconds``. Raises CommandError."""
        write_atomic(self._former, former, 0o600)
        write_atomic(self._over, json.dumps([over.client, over.client_port] if over else None), 0o600)
        back = f"{NFT} -f {self._former} && rm -f {self._over}"
        argv = ["systemd-run", "--quiet", f"--unit={REVERT}", "--collect", f"--on-active={seconds}", "--timer-property=AccuracySec=100ms"]
        argv += ["--description=The former rules of the firewall come back", "sh", "-c", back]
        checked(self._runner.run(argv, timeout=20), "No timer for the way back could be started, and the rules were not changed")

    def end_trial(self, over: Session | None) -> str:
        """Let what is on trial stay, and return it. Raises PreflightError where it is over, or over the old connection."""
        if not self.pending():
            raise PreflightError(
                "The new rules were taken back, because no new connection came through in time. The former ones are in force. "
                "Look at what the new ones let in for SSH, and at firewalls on the way."
            )
        began = json.loads(read_text(self._over) or "null")
        if over is not None and began == [over.client, over.client_port]:
            raise PreflightError(
                "The new rules can only be confirmed over a new connection, and this is the one from before. "
                "They are taken back by themselves."
            )
        self.call_off()
        # The way back may have been taken in this moment.
        if not self.pending():
            raise PreflightError("The new rules were taken back just before they were confirmed. Run again.")
        return read_text(self.candidate) or ""

    def take_back(self) -> None:
        """End a trial that nobody waits for any more: the former rules come back now. Raises CommandError."""
        self.call_off()
        if self.pending():
            checked(self._runner.run([NFT, "-f", self._former], timeout=20), "The rules before those on trial could not be put back")

    def call_off(self) -> None:
        """No way back any more. One that is under way ends first: stopped half way, it would leave it open what is in force."""
        self._runner.run(["systemctl", "stop", f"{REVERT}.timer"], timeout=20)
        for dummy in range(100):
            state = self._runner.run(["systemctl", "is-active", f"{REVERT}.service"], timeout=20).stdout.strip()
            if state not in ("active", "activating", "deactivating"):
                return
            self._clock.sleep(0.1)

    def tidy(self) -> None:
        """Remove what was laid ready."""
        for path in (self._over, self._former, self.candidate):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
        with contextlib.suppress(OSError):
            os.rmdir(self._run)

    def _systemctl(self, *words: str) -> None:
        checked(self._runner.run(["systemctl", "--quiet", *words], timeout=60), f"systemctl {' '.join(words)} failed")
