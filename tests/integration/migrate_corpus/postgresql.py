# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What PostgreSQL shows of a case: locks from pg_locks, rewrites by the table's file, scans and writes by its own counters."""

from __future__ import annotations

import json
import subprocess
import time
import typing as t

from integration.migrate_corpus.cases import Case, Corpus
from integration.migrate_corpus.server import Server, server

BIN = "/usr/lib/postgresql/17/bin"
START = (
    "install -d -o postgres /data/pg && su postgres -c '"
    f"{BIN}/initdb -D /data/pg -A trust -E UTF8 --locale C >/dev/null && exec"
    f" {BIN}/postgres -D /data/pg -k /tmp -c fsync=off -c autovacuum=off'"
)
PSQL = ("psql", "-X", "-A", "-t", "-q", "-h", "/tmp", "-U", "postgres")
# From weak to strong, as in the manual's table of conflicting lock modes.
MODES = ("AccessShare", "RowShare", "RowExclusive", "ShareUpdateExclusive", "Share", "ShareRowExclusive", "Exclusive", "AccessExclusive")
_RELATIONS = "relkind IN ('r', 'p', 'm') AND relnamespace = 'public'::regnamespace AND relname <> 'kept'"
# A row counts as seen by the transaction's own counters. Reading one row in a thousand, or an index, is no scan.
_LOCKS = f"""(SELECT json_agg(json_build_array(relname, mode)) FROM pg_locks JOIN pg_class c ON c.oid = relation
    WHERE pid = {{pid}} AND {_RELATIONS} AND mode <> 'AccessShareLock' AND c.oid IN (SELECT oid FROM kept))"""
_LOOK = f"""
SELECT json_build_object(
  'locks', {_LOCKS},
  'rewritten', (SELECT json_agg(k.relname ORDER BY k.relname) FROM kept k JOIN pg_class c USING (oid) WHERE c.relfilenode <> k.relfilenode),
  'scanned', (SELECT json_agg(relname ORDER BY relname) FROM pg_stat_xact_user_tables WHERE seq_tup_read >= 3000),
  'written', (SELECT json_agg(relname ORDER BY relname) FROM pg_stat_xact_user_tables WHERE n_tup_upd + n_tup_del >= 3000));
"""
_HELD = f"SELECT json_build_object('held', {_LOCKS.format(pid='pg_backend_pid()')});"
_FLUSH = "SELECT pg_stat_force_next_flush();"
_KEEP = f"INSERT INTO kept SELECT oid, relname, relfilenode FROM pg_class WHERE {_RELATIONS};"


class PostgreSql:
    """A server with the corpus' schema as a template."""

    def __init__(self, host: Server, corpus: Corpus) -> None:
        self._host = host
        host.until(*PSQL, "-c", "CREATE DATABASE corpus")
        self._sql("corpus", f"{corpus.schema}CREATE TABLE kept (oid oid, relname name, relfilenode oid); {_KEEP}")

    def _sql(self, database: str, text: str) -> str:
        done = self._host.run(*PSQL, "-v", "ON_ERROR_STOP=1", "-d", database, text=text)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def show_all(self, cases: t.Sequence[Case]) -> list[dict[str, t.Any]]:
        """All in one session of psql, those that can't run in a transaction afterwards."""
        said = self._host.run(*PSQL, "-d", "corpus", text="".join(self._script(index, case) for index, case in enumerate(cases))).stdout
        shown = []
        for index, (case, text) in enumerate(zip(cases, said.split("@case\n")[1:])):
            shown.append(self._alone(f"case_{index}", case) if case.alone else self._read(case, text))
        return shown

    @staticmethod
    def _script(index: int, case: Case) -> str:
        lines = ["\\echo @case"]
        if case.before or case.sql[1:] or case.alone:
            # What can't be rolled back gets a database of its own.
            lines += ["\\c postgres", f"CREATE DATABASE case_{index} TEMPLATE corpus;", f"\\c case_{index}"]
            lines += [f"{sql};" for sql in case.before]
            # What was counted so far is no part of the case.
            lines += ["TRUNCATE kept;", _KEEP, _FLUSH]
        # As migration tools do it, and what ends the transaction is among the statements. What it counted is then no part either.
        first = ["BEGIN;", *(f"{_FLUSH if sql == 'COMMIT' else ''}{sql};" for sql in case.sql[:-1])]
        statement = [f"{case.sql[-1]}\n;", "\\echo @failed :ERROR"]
        if not case.alone:
            lines += [*first, _HELD, *statement, _LOOK.format(pid="pg_backend_pid()"), "ROLLBACK;"]
        if case.breaks:
            lines += ["BEGIN;", f"{case.breaks};", "\\echo @old :ERROR", "ROLLBACK;"]
            lines += [*first, *statement, f"{case.breaks};", "\\echo @new :ERROR", "ROLLBACK;"]
        return "\n".join([*lines, "\\c corpus"]) + "\n"

    @staticmethod
    def _read(case: Case, text: str) -> dict[str, t.Any]:
        assert "@failed false" in text, f"{case}: {text}"
        held, found = (json.loads(line) for line in text.splitlines() if line.startswith("{"))
        shown = _tidy({**held, **found})
        if case.breaks:
            assert "@old false" in text, f"{case}: what old code asks must work before: {text}"
            shown["breaks"] = "@new true" in text
        return shown

    def _alone(self, name: str, case: Case) -> dict[str, t.Any]:
        """A writer's open transaction keeps the statement from ending, so that its locks can be read, asked for or held."""
        table = "parts" if "parts" in case.sql[-1] else "t"
        writer = self._session(name)
        writer.stdin.write(f"BEGIN; UPDATE {table} SET id = id WHERE id = 1; \\echo begun\n")
        writer.stdin.flush()
        assert writer.stdout.readline() == "begun\n"
        worker = self._session(name)
        worker.stdin.write(f"SELECT pg_backend_pid();\n{case.sql[-1]};\n\\echo done :ERROR\n")
        worker.stdin.close()
        pid = worker.stdout.readline().strip()
        waiting = f"SELECT count(*) FROM pg_locks WHERE pid = {pid} AND NOT granted"
        look = "{}"
        for dummy in range(50):
            if self._sql(name, f"{waiting};").strip() != "0":
                look = self._sql(name, _LOOK.format(pid=pid))
                break
            if worker.poll() is not None:
                break
            time.sleep(0.05)
        writer.stdin.write("ROLLBACK;\n")
        writer.stdin.close()
        assert worker.stdout.read() == "done false\n", case
        writer.wait(20)
        after = self._sql(name, _LOOK.format(pid="0"))
        shown = _tidy(json.loads(look))
        return {**shown, **{key: value for key, value in _tidy(json.loads(after)).items() if key == "rewritten"}}

    def _session(self, database: str) -> subprocess.Popen[str]:
        command = ["docker", "exec", "-i", self._host.name, *PSQL, "-d", database]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1)


def _tidy(found: dict[str, t.Any]) -> dict[str, t.Any]:
    """The strongest lock of each table, and only what there is."""
    shown: dict[str, t.Any] = {"locks": {}, "held": {}, **{key: found.get(key) for key in ("rewritten", "scanned", "written")}}
    for when in ("locks", "held"):
        for table, mode in found.get(when) or ():
            name = mode.removesuffix("Lock")
            shown[when][table] = max(name, shown[when].get(table, name), key=MODES.index)
    return {key: value for key, value in shown.items() if value}


def postgresql(corpus: Corpus) -> t.Iterator[PostgreSql]:
    with server(START) as host:
        yield PostgreSql(host, corpus)
