# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What MariaDB shows of a case: the strongest ALGORITHM and LOCK it accepts, and the rows that stay locked."""

from __future__ import annotations

import re
import subprocess
import typing as t

from integration.migrate_corpus.cases import Case, Corpus
from integration.migrate_corpus.server import Server, server

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import MigrateError

START = (
    "install -d -o mysql /data/db /run/mysqld && mariadb-install-db --user=mysql --datadir=/data/db --skip-test-db >/dev/null"
    " && exec mariadbd --user=mysql --datadir=/data/db --innodb-flush-log-at-trx-commit=0 --skip-log-bin --innodb-buffer-pool-size=64M"
)
# In the order in which the server itself prefers them.
LADDER = ("INSTANT", "NOCOPY, NONE", "INPLACE, NONE", "INPLACE, SHARED", "COPY, NONE", "COPY, SHARED")
# ER_ALTER_OPERATION_NOT_SUPPORTED and ER_ALTER_OPERATION_NOT_SUPPORTED_REASON.
REFUSED = {"1845", "1846"}


class Asked:
    """The session as one that can be asked, see Asks."""

    def __init__(self, server: MariaDb) -> None:
        self._server = server

    def query(self, sql: str, timeout: float = 0) -> list[list[str]]:
        """See Asks.query."""
        lines = self._server.say(sql)
        error = re.search(r"^ERROR (\d+) \(\w+\) at line \d+: (.*)", "\n".join(lines), re.MULTILINE)
        if error:
            raise MigrateError(error[2], code=error[1], said=error[2])
        return [line.split("\t") for line in lines]

    def close(self) -> None:
        """The server's locks go with a session; this one stays."""
        self._server.well("DO RELEASE_ALL_LOCKS()")


class MariaDb:
    """A server, and one session of its own client."""

    def __init__(self, host: Server, corpus: Corpus) -> None:
        self._schema = corpus.schema
        host.until("mariadb", "-e", "CREATE DATABASE corpus")
        # The client's remarks and errors come in order, since it keeps neither back.
        client = "exec mariadb --force --unbuffered --batch --skip-column-names 2>&1"
        command = ["docker", "exec", "-i", host.name, "sh", "-c", client]
        self._client = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)

    def say(self, *statements: str) -> list[str]:
        """The lines that the client answers."""
        self._client.stdin.write("".join(f"{statement}\n;\n" for statement in (*statements, "SELECT '@end'")))
        self._client.stdin.flush()
        lines = []
        for line in self._client.stdout:
            if line == "@end\n":
                return lines
            lines.append(line.rstrip("\n"))
        raise AssertionError(f"the client ended: {lines}")

    def errors(self, *statements: str) -> list[str]:
        """The numbers of the errors that the statements meet."""
        return re.findall(r"^ERROR (\d+)", "\n".join(self.say(*statements)), re.MULTILINE)

    def well(self, *statements: str) -> list[str]:
        lines = self.say(*statements)
        assert not any(line.startswith("ERROR") for line in lines), lines
        return lines

    def fresh(self, case: Case) -> None:
        """The schema as it is when the last statement of the case comes."""
        self.well("DROP DATABASE IF EXISTS corpus", "CREATE DATABASE corpus", "USE corpus", "SET SESSION foreign_key_checks = 1")
        self.well(*self._schema.strip().rstrip(";").split(";\n"), *case.before, *case.sql[:-1])

    def opens(self) -> Asked:
        return Asked(self)

    def show(self, case: Case) -> dict[str, t.Any]:
        statement = case.sql[-1]
        self.fresh(case)
        shown: dict[str, t.Any] = {}
        if case.breaks:
            self.well("BEGIN", case.breaks, "ROLLBACK")
        if re.match(r"(ALTER TABLE (?!.* DROP PARTITION)|CREATE .*INDEX)", statement):
            shown["accepts"] = self.strongest(statement)
        elif re.match(r"UPDATE|DELETE|INSERT|REPLACE|ANALYZE FORMAT|CREATE TABLE .*SELECT", statement):
            # A table that others see commits, and nobody could count any more.
            statement = statement.replace("CREATE TABLE", "CREATE TEMPORARY TABLE")
            mine = "SELECT trx_rows_locked FROM information_schema.innodb_trx WHERE trx_mysql_thread_id = connection_id()"
            shown["written"] = int(self.well("BEGIN", statement, mine, "ROLLBACK")[-1]) >= 3000
        else:
            self.well(statement)
        if case.breaks:
            shown["breaks"] = bool(self.errors(case.breaks))
        return {key: value for key, value in shown.items() if value}

    def strongest(self, statement: str) -> str:
        """Do it, and tell the first clause that the server accepts."""
        for clause in LADDER:
            codes = self.errors(asked(statement, clause))
            if not codes:
                return clause
            assert set(codes) <= REFUSED, f"{statement} with {clause}: {codes}"
        raise AssertionError(f"{statement}: nothing is accepted")


def asked(statement: str, clause: str) -> str:
    """The statement with a clause of the ladder."""
    algorithm, dummy, lock = clause.partition(", ")
    if " PARTITION BY" in statement:
        return statement.replace(" PARTITION BY", f" ALGORITHM={algorithm}, LOCK={lock or 'DEFAULT'} PARTITION BY")
    comma = ", " if statement.startswith("ALTER") else " "
    return f"{statement}{comma}ALGORITHM={algorithm}" + (f"{comma}LOCK={lock}" if lock else "")


def mariadb(corpus: Corpus) -> t.Iterator[MariaDb]:
    with server(START) as host:
        yield MariaDb(host, corpus)
