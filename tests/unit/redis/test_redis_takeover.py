"""How the running Redis takes its configuration over: the role's own program, before a redis-cli that tells what it was asked."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).resolve().parents[3] / "roles/redis/files/takeover.py"
# A Redis with other values than are asked for, and whose number of databases can't be set while it runs, as Redis 8.0 says it.
REDIS_CLI = """#!/bin/sh
shift 5
echo "$*" >>"$(dirname "$0")/asked"
case "$*" in
"config get "*) printf '%s\\n' "$3" other ;;
"config set "*databases*)
    echo "ERR CONFIG SET failed (possibly related to argument 'databases') - can't set immutable config"
    exit 1 ;;
"acl users") echo default ;;
"info persistence") cat "$(dirname "$0")/facts" ;;
*) echo OK ;;
esac
"""
IDLE = "aof_rewrite_in_progress:0\r\naof_rewrite_scheduled:0\r\nrdb_bgsave_in_progress:0\r\n"


def takes_over(folder, settings, restarts, facts=IDLE):
    """What the program prints, and what Redis was asked."""
    (folder / "facts").write_text(facts)
    (folder / "password").write_text("secret")
    (folder / "users.acl").write_text("user default on\n")
    (folder / "redis-cli").write_text(REDIS_CLI)
    (folder / "redis-cli").chmod(0o755)
    order = json.dumps({"aclfile": str(folder / "users.acl"), **settings})
    source = PROGRAM.read_text().replace("PATIENCE = 900.0", "PATIENCE = 0.5")
    argv = [sys.executable, "-c", source, order, "/run/socket", "steady", str(folder / "password"), restarts]
    done = subprocess.run(argv, env={"PATH": f"{folder}:/usr/bin:/bin"}, check=True, capture_output=True, text=True, timeout=30)
    return done.stdout, (folder / "asked").read_text().splitlines()


@pytest.mark.parametrize(
    ("settings", "restarts", "saves"),
    [
        ({"save": "3600 1", "databases": "4"}, "yes", True),
        ({"save": "3600 1", "databases": "4"}, "no", False),
        ({"save": "3600 1"}, "yes", False),
        ({"save": "", "databases": "4"}, "yes", False),
    ],
)
def test_clients_wait_for_a_snapshot_only_before_a_restart(tmp_path, settings, restarts, saves):
    told, asked = takes_over(tmp_path, settings, restarts)
    assert told == ("wait databases\n" if "databases" in settings else "")
    assert ("save" in asked) is saves


def test_a_log_that_is_never_whole_is_told(tmp_path):
    told, dummy = takes_over(tmp_path, {"save": ""}, "no", IDLE.replace("scheduled:0", "scheduled:1"))
    assert told.startswith("refuse it is still busy writing its data after")


def test_a_snapshot_that_is_being_made_is_waited_for(tmp_path):
    busy = IDLE.replace("bgsave_in_progress:0", "bgsave_in_progress:1")
    told, asked = takes_over(tmp_path, {"save": "3600 1", "databases": "4"}, "yes", busy)
    assert told.startswith("refuse ")
    assert "save" not in asked
