# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dumps of a database in a folder: making one, and telling a whole one from one that was cut short."""

from __future__ import annotations

import contextlib
import gzip
import os
import re
import time
import typing as t
import zlib

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import MigrateError
from ansible_collections.steady.deploy.plugins.module_utils.core.runner import Runner, checked
from ansible_collections.steady.deploy.plugins.module_utils.migrate.database.where import Where, client
from ansible_collections.steady.deploy.plugins.module_utils.migrate.spec import POSTGRESQL

ENDINGS = (".sql", ".sql.gz")
# Seconds that a dump may take.
TAKES = 7200.0

_TAIL = 1024
# What pg_dump, pg_dumpall and mariadb-dump write at the very end. pg_dump puts an \unrestrict after it since 17.6.
_WHOLE = re.compile(rb"^-- (PostgreSQL database (cluster )?dump complete|Dump completed)", re.MULTILINE)

_OPTIONS = {
    POSTGRESQL: ("pg_dump", ("--no-password", "--lock-wait-timeout=30s")),
    "mariadb": ("mariadb-dump", ("--single-transaction", "--quick", "--routines", "--default-character-set=utf8mb4")),
}
# The file has its name once it is whole.
_WRITE = 'umask 077; file=$1; shift; if "$@" >"$file.part"; then mv "$file.part" "$file"; else rc=$?; rm -f "$file.part"; exit $rc; fi'


def whole(path: str) -> bool:
    """Whether the file is a dump in SQL that was written to its end. A compressed one is read from end to end."""
    try:
        with open(path, "rb") as plain:
            if not path.endswith(".gz"):
                plain.seek(max(0, os.fstat(plain.fileno()).st_size - _TAIL))
                return bool(_WHOLE.search(plain.read()))
            tail = b""
            with gzip.open(plain) as stream:
                for block in iter(lambda: stream.read(1 << 20), b""):
                    tail = (tail + block)[-_TAIL:]
            return bool(_WHOLE.search(tail))
    except (OSError, EOFError, zlib.error):
        return False


def newest(folder: str) -> tuple[str, float] | None:
    """Path and time (seconds since the epoch) of the newest whole dump. Raises MigrateError where the folder can't be read."""
    try:
        with os.scandir(folder) as entries:
            found = [(entry.stat().st_mtime, entry.path) for entry in entries if entry.name.endswith(ENDINGS) and entry.is_file()]
    except OSError as exc:
        raise MigrateError(f"the folder of the backups, {folder}, can't be read: {exc.strerror}") from None
    return next(((path, at) for at, path in sorted(found, reverse=True) if whole(path)), None)


def dump(runner: Runner, where: Where, folder: str, now: float, env: t.Mapping[str, str] | None = None) -> str:
    """Write a dump into the folder and return its path. Raises CommandError, or MigrateError where it is not whole."""
    program, options = _OPTIONS[where.engine]
    name = where.service or re.sub(r"[^A-Za-z0-9_.-]", "_", where.database)
    path = os.path.join(folder, f"{name}-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime(now))}.sql")
    argv = client(where, program, options, together=False)
    checked(
        runner.run(["sh", "-c", _WRITE, "sh", path, *argv], timeout=TAKES, env={**(env or {}), **where.environment()}),
        f"a dump of {where.label} can't be made",
    )
    if not whole(path):
        with contextlib.suppress(OSError):
            os.unlink(path)
        raise MigrateError(f"{program} of {where.label} ended without an error but wrote no whole dump to {path}; see why, then run again")
    return path
