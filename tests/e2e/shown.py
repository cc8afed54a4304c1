"""What of a scenario's secrets anybody sees: in all that its converge prints at -vvv, and in the host's journal."""

from __future__ import annotations

import base64
import os
import subprocess
import typing as t
from pathlib import Path


def shown(host: t.Any, secrets: t.Iterable[str], *options: str) -> list[tuple[str, str]]:
    """Run the scenario's converge once more, with ``options``, and return where which of ``secrets`` shows. ``host``: testinfra's."""
    play = Path(os.environ["MOLECULE_SCENARIO_DIRECTORY"]) / "converge.yml"
    argv = ["ansible-playbook", "-vvv", "--diff", "--inventory", os.environ["MOLECULE_INVENTORY_FILE"], *options, str(play)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    printed = done.stdout + done.stderr
    # Both tell what can be told, else nothing of this would say anything.
    assert "ESTABLISH SSH CONNECTION" in printed
    with host.sudo():
        journal = host.check_output("journalctl --no-pager --output cat")
    assert "Invoked with" in journal
    texts = {"-vvv": printed, "the journal": journal}
    return [(where, secret) for where, text in texts.items() for secret in secrets if any(form in text for form in _forms(secret))]


def _forms(secret: str) -> list[str]:
    """A secret as it is, and what base64 makes of it inside of a longer text, wherever it begins there."""
    made = [secret]
    for before in range(3):
        coded = base64.b64encode(b"-" * before + secret.encode()).decode()
        # The first and the last characters depend on what stands beside it.
        made.append(coded[4 if before else 0 : len(coded) // 4 * 4 - 4])
    return made
