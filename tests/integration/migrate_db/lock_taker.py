"""A process of its own that takes the migration lock: ``lock_taker.py ENGINE CONTAINER OWNER``. Says ``held``, then waits for a line."""

from __future__ import annotations

import sys

from ansible_collections.steady.deploy.plugins.module_utils.core.clock import SystemClock
from ansible_collections.steady.deploy.plugins.module_utils.migrate.database.lock import MigrationLock
from ansible_collections.steady.deploy.plugins.module_utils.migrate.database.session import open_session
from ansible_collections.steady.deploy.plugins.module_utils.migrate.database.where import parse_where

engine, container, owner = sys.argv[1:]
where = parse_where({"engine": engine, "service": "db"}).at(container)
with MigrationLock(lambda name: open_session(where, name), engine, where.label, owner, 0.0, SystemClock()):
    print("held", flush=True)
    sys.stdin.readline()
