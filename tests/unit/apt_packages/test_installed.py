"""Which packages are installed, as the roles ask for it: with a dpkg-query that says what the real one does."""

from __future__ import annotations

import subprocess
from pathlib import Path

INSTALLED = Path(__file__).resolve().parents[3] / "roles/apt_packages/files/installed.sh"
# One is installed, one was removed and has left its configuration, one is half there, and of one it has never heard.
DPKG_QUERY = """#!/bin/sh
printf '%s' "$3" >"$(dirname "$0")/format"
shift 3
echo "$@" >"$(dirname "$0")/names"
printf '%s\\n' 'there installed' 'gone config-files' 'half half-installed'
echo 'dpkg-query: no packages found matching unknown' >&2
exit 1
"""


def test_only_what_is_whole_is_installed(tmp_path):
    program = tmp_path / "dpkg-query"
    program.write_text(DPKG_QUERY)
    program.chmod(0o755)
    script = INSTALLED.read_text() + '\ninstalled "$@"'
    argv = ["sh", "-euc", script, "look", "there", "gone", "half", "unknown"]
    done = subprocess.run(argv, env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "there\n", "")
    assert (tmp_path / "format").read_text() == "${Package} ${db:Status-Status}\\n"
    assert (tmp_path / "names").read_text() == "there gone half unknown\n"
