"""What is told of a configuration that Redis refuses: one line of what Redis 8.0 was recorded to say, and one written after it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

PROGRAM = Path(__file__).resolve().parents[3] / "roles/redis/files/telling.awk"
BEGINNING = """\
724:C 28 Nov 2026 13:55:32.352 # WARNING Memory overcommit must be enabled! Without it, a background save may fail.
724:C 28 Nov 2026 13:55:32.352 * oO0OoO0OoO0Oo Redis is starting oO0OoO0OoO0Oo
724:C 28 Nov 2026 13:55:32.352 * Configuration loaded
724:M 28 Nov 2026 13:55:32.353 * Running mode=standalone, port=0.
"""
UNKNOWN = """\
724:M 28 Nov 2026 13:55:32.353 # Unresolved Configuration(s) Detected:
724:M 28 Nov 2026 13:55:32.353 # >>> 'no-such-setting 1'
724:M 28 Nov 2026 13:55:32.353 # Module Configuration detected without loadmodule directive or no ApplyConfig call: aborting
"""
VALUE = """
*** FATAL CONFIG FILE ERROR (Redis 8.0.2) ***
Reading the configuration file, at line 1
>>> 'maxmemory foo'
argument must be a memory value
"""
RULES = """\
799:M 28 Nov 2026 13:55:36.730 # Aborting Redis startup because of ACL errors: /tmp/u.acl:1: Error in applying operation '+@nonsense': \
Unknown command or category name in ACL. WARNING: ACL errors detected, no change to the previously active ACL rules was performed
"""
TWICE = """\
817:M 28 Nov 2026 13:55:36.882 # Aborting Redis startup because of ACL errors: WARNING: Duplicate user 'a' found on line 2. \
WARNING: ACL errors detected, no change to the previously active ACL rules was performed
"""
ADDRESS = """\
431:M 28 Nov 2026 13:55:36.882 # Warning: Could not create server TCP listening socket 10.1.1.1:6379: bind: Cannot assign requested address
431:M 28 Nov 2026 13:55:36.883 # Failed listening on port 6379 (tcp), aborting.
"""


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (BEGINNING + UNKNOWN, "Redis has no such setting: 'no-such-setting 1'"),
        (VALUE, "'maxmemory foo': argument must be a memory value"),
        (BEGINNING + RULES, "/tmp/u.acl:1: Error in applying operation '+@nonsense': Unknown command or category name in ACL."),
        (BEGINNING + TWICE, "WARNING: Duplicate user 'a' found on line 2."),
        (BEGINNING + ADDRESS, "Could not create server TCP listening socket 10.1.1.1:6379: bind: Cannot assign requested address"),
        (BEGINNING + "1:M 28 Nov 2026 13:55:36.883 # Can't open the append-only file\n\n", "Can't open the append-only file"),
        ("sh: 1: redis-server: not found\n", "sh: 1: redis-server: not found"),
        ("", ""),
    ],
)
def test_one_line_tells(said, told):
    done = subprocess.run(["awk", PROGRAM.read_text()], input=said, check=True, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == (told + "\n", "")


def test_it_fits_between_quotes():
    assert "'" not in PROGRAM.read_text()
