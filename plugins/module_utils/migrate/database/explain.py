# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a database's refusal means for the reader. Pure. Works on the server's own words and on those of any tool that repeats them."""

from __future__ import annotations

import re

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import MigrateError
from ansible_collections.steady.deploy.plugins.module_utils.probe.wording import one_line

CLIENT, STOPPED, POOLER, PASSWORD, NO_DATABASE, READ_ONLY, DISK_FULL, CONNECTIONS, DOWN, LOCKED = KINDS = (
    "client",
    "stopped",
    "pooler",
    "password",
    "no_database",
    "read_only",
    "disk_full",
    "connections",
    "down",
    "locked",
)

# By kind: the server's codes, and its words. The first that fits counts; what is most telling stands first.
# SQLSTATEs: "PostgreSQL Error Codes"; numbers: "MariaDB Error Code Reference".
_CODES = {
    PASSWORD: {"28P01", "28000", "1045", "1698", "1251"},
    NO_DATABASE: {"3D000", "1049", "1044"},
    READ_ONLY: {"25006", "1290", "1792", "1836"},
    DISK_FULL: {"53100", "1021", "1114"},
    CONNECTIONS: {"53300", "1040", "1203", "1226"},
    DOWN: {"57P01", "57P02", "57P03", "08006", "08001", "2002", "2003", "2006", "2013", "1053", "1927"},
    LOCKED: {"55P03", "1205"},
}
_WORDS = {
    CLIENT: r"exec: ?\S* ?(psql|mariadb|runuser): not found|executable file not found|\b(psql|mariadb|sh): (command )?not found"
    r"|failed to execute (psql|mariadb): No such file",
    STOPPED: r"No such container|container \S+ is (not running|restarting|paused)|Container \S+ is (not running|restarting|paused)",
    POOLER: r"unsupported startup parameter|\bno such database: |pgbouncer cannot connect",
    PASSWORD: r"password authentication failed|SASL authentication failed|no password supplied|no pg_hba\.conf entry"
    r"|FATAL: +role \"[^\"]*\" does not exist"
    r"|Peer authentication failed|Access denied for user '[^']*'@'[^']*' \(using password",
    NO_DATABASE: r"database \"[^\"]*\" does not exist|Unknown database '|Access denied for user '[^']*'@'[^']*' to database",
    READ_ONLY: r"in a read-only transaction|cannot execute .{1,60} during recovery|with the --(super-)?read-only option"
    r"|in a READ ONLY transaction|Running in read-only mode",
    DISK_FULL: r"No space left on device|Disk full|The table '[^']*' is full|\(?Errcode: 28|Got error 28\b|errno:? 28\b",
    CONNECTIONS: r"too many (clients|connections)|remaining connection slots are reserved|max_user_connections"
    r"|too many connections for (role|database)",
    DOWN: r"Connection refused|connection to server (at|on socket) [^:]* failed|could not connect|Can't connect to"
    r"|the database system is (starting up|shutting down|in recovery mode)"
    r"|server closed the connection|terminating connection due to|server has gone away|Lost connection to (server|MySQL)"
    r"|connection to server was lost|could not translate host name|Name or service not known|Connection timed out"
    r"|Unknown (MySQL )?server host",
    LOCKED: r"canceling statement due to lock timeout|Lock wait timeout exceeded",
}
_PATTERNS = {kind: re.compile(text, re.IGNORECASE) for kind, text in _WORDS.items()}

_MEANS = {
    CLIENT: "has no client program beside it",
    STOPPED: "can't be reached, since its container does not run",
    POOLER: "answers through a connection pooler",
    PASSWORD: "refuses the user or the password",
    NO_DATABASE: "does not exist, or is not open to this user",
    READ_ONLY: "is read only",
    DISK_FULL: "has no room left on its disk",
    CONNECTIONS: "has no connection left to give",
    DOWN: "can't be reached",
    LOCKED: "has a table that somebody holds locked",
}
_GO_ON = {
    CLIENT: "name the service that has it, or install it",
    STOPPED: "start it and see that it stays healthy",
    POOLER: "name the service of the database itself, where a lock belongs to one connection",
    PASSWORD: "see that the variables named under `database` hold what the server knows",
    NO_DATABASE: "see that the variable named under `database` holds its name",
    READ_ONLY: "migrate on the primary, or take read only off",
    DISK_FULL: "make room before going on",
    CONNECTIONS: "raise the server's limit, or lower what the app keeps open",
    DOWN: "see that it runs and answers",
    LOCKED: "run again once that has ended, or end it",
}


def kind_of(text: str, code: str = "") -> str | None:
    """Which of KINDS this is: by the server's code where there is one, else by words anywhere in ``text``; or None."""
    for kind, codes in _CODES.items():
        if code in codes:
            return kind
    return next((kind for kind, pattern in _PATTERNS.items() if pattern.search(text)), None)


def sentence(label: str, kind: str, said: str) -> str:
    """What this kind means for the database called ``label``, what was ``said``, and what to do."""
    return f"{label} {_MEANS[kind]} ({one_line(said, 200)}); {_GO_ON[kind]}"


def failure(label: str, said: str, code: str = "") -> MigrateError:
    """The error for what a server, or the client on its way there, said. Its facts: ``code``, ``said`` and ``kind``, None if unknown."""
    kind = kind_of(said, code)
    if kind is not None:
        message = sentence(label, kind, said)
    else:
        message = f"{label} refuses: {one_line(said, 300)}" + (f" ({code})" if code else "")
    return MigrateError(message, kind=kind, code=code, said=said)
