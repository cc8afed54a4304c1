"""A process of its own that holds a lock: ``lock_holder.py PATH [CHILD_SECONDS]``. Says ``held``, then waits for a line."""

from __future__ import annotations

import subprocess
import sys

from ansible_collections.steady.deploy.plugins.module_utils.core.clock import SystemClock
from ansible_collections.steady.deploy.plugins.module_utils.core.lock import Lock

with Lock(sys.argv[1], "anna", SystemClock()) as lock:
    pid = 0
    if len(sys.argv) > 2:
        pid = subprocess.Popen(["sleep", sys.argv[2]], pass_fds=(lock.fd,), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL).pid
    print(f"held {pid}", flush=True)
    sys.stdin.readline()
