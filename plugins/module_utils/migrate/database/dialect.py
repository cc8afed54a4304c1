# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a question and its answer look on the pipes of each client. Pure.

What ends an answer, and what stands between values, is random for each session, so no value can look like it.
"""

from __future__ import annotations

import re
import secrets
import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.migrate.spec import POSTGRESQL

Row = list[t.Optional[str]]


class Refused(Exception):
    """What the server said instead of rows: its code (SQLSTATE of PostgreSQL, number of MariaDB) and its sentence."""

    def __init__(self, code: str, said: str) -> None:
        super().__init__(said)
        self.code = code
        self.said = said


class Dialect(t.Protocol):
    """One client's way."""

    options: tuple[str, ...]
    program: str
    mark: bytes

    def ask(self, sql: str) -> str:
        """What is sent: one statement, and what makes the client print ``mark`` after its answer."""

    def over(self, got: bytearray) -> bool:
        """Whether the client has told that its connection has ended, and goes on without one."""

    def read(self, answer: str) -> list[Row]:
        """The rows of all that was printed up to ``mark``. Raises Refused."""

    def literal(self, value: str) -> str:
        """``value`` as text in SQL, whatever characters it has."""


class Psql:
    """psql: unaligned output. Its own variables tell whether the statement failed, so what it prints of that is not read."""

    program = "psql"

    def __init__(self, token: str = "") -> None:
        token = token or secrets.token_hex(8)
        self._begin, self._end = f"<begin-{token}>", f"<end-{token}>"
        self._field, self._record, self._null = f"<|{token}>", f"<;{token}>", f"<0{token}>"
        # Without psqlrc, without what it says of each command.
        self.options: tuple[str, ...] = ("-X", "-q", "-A", "-t", "-F", self._field, "-R", self._record, "-P", f"null={self._null}")
        self.mark = f"{self._end}\n".encode()

    def ask(self, sql: str) -> str:
        """See Dialect.ask."""
        return f"\\echo '{self._begin}'\n{sql};\n\\echo '{self._begin}' :ERROR :SQLSTATE :LAST_ERROR_MESSAGE '{self._end}'\n"

    def over(self, got: bytearray) -> bool:
        """See Dialect.over. psql ends then."""
        return False

    def read(self, answer: str) -> list[Row]:
        """See Dialect.read."""
        dummy, rows, state = answer.split(f"{self._begin}", 2)
        error, code, said = state[1:].split(" ", 2)
        if error != "false":
            raise Refused(code, said[: said.rindex(self._end)].strip())
        # After the first mark psql has begun a new line, and it ends the last row with one.
        rows = rows[1:]
        if not rows:
            return []
        return [[None if value == self._null else value for value in row.split(self._field)] for row in rows[:-1].split(self._record)]

    def literal(self, value: str) -> str:
        """See Dialect.literal. The session has standard_conforming_strings on."""
        return "'" + value.replace("'", "''") + "'"


class MariadbClient:
    """mariadb: XML, the only one of its formats that tells NULL from the text NULL."""

    program = "mariadb"
    _FIELD = re.compile(r'<field name="[^"]*"(?: xsi:nil="true" />|>([^<]*)</field>)')
    _ERROR = re.compile(r"ERROR (\d+) \(\w+\)(?: at line \d+)?: (.*)", re.DOTALL)
    _OVER = re.compile(rb"^ERROR (2006|2013|2055) \(", re.MULTILINE)
    _ENTITIES = re.compile(r"&(lt|gt|quot|amp);")
    _CHARACTERS: t.ClassVar[t.Mapping[str, str]] = {"lt": "<", "gt": ">", "quot": '"', "amp": "&"}

    def __init__(self, token: str = "") -> None:
        token = token or secrets.token_hex(8)
        self._begin, self._end = f"begin-{token}", f"end-{token}"
        # A connection that was lost must not come back as another one, which would hold no lock.
        self.options: tuple[str, ...] = (
            "--batch",
            "--xml",
            "--force",
            "--unbuffered",
            "--comments",
            "--skip-reconnect",
            "--default-character-set=utf8mb4",
            "--loose-disable-ssl-verify-server-cert",
        )
        self.mark = f">{self._end}</field>\n  </row>\n</resultset>\n".encode()

    def ask(self, sql: str) -> str:
        """See Dialect.ask."""
        return f"SELECT '{self._begin}';\n{sql};\nSELECT '{self._end}';\n"

    def over(self, got: bytearray) -> bool:
        """See Dialect.over. After an error it goes on, since it is to go on after those of the server."""
        last = got[max(0, got.rfind(b"</resultset>")) :]
        return b"<field" not in last and self._OVER.search(last) is not None

    def read(self, answer: str) -> list[Row]:
        """See Dialect.read. NUL characters come as blanks."""
        body = answer[answer.rindex(f">{self._begin}</field>") : answer.rindex("<?xml")]
        body = body[body.index("</resultset>") :]
        error = self._ERROR.search(body.partition("<row>")[0])
        if error or "<row>" not in body:
            if error:
                raise Refused(error.group(1), error.group(2).strip())
            return []
        return [self._row(part) for part in body.split("<row>")[1:]]

    def _row(self, text: str) -> Row:
        found: Row = []
        for match in self._FIELD.finditer(text):
            value = match.group(1)
            found.append(None if value is None else self._ENTITIES.sub(lambda entity: self._CHARACTERS[entity.group(1)], value))
        return found

    def literal(self, value: str) -> str:
        """See Dialect.literal. In hexadecimal, since sql_mode decides what a backslash means."""
        return f"CONVERT(x'{value.encode().hex()}' USING utf8mb4)"


def dialect(engine: str) -> Dialect:
    """A new one of this engine."""
    return Psql() if engine == POSTGRESQL else MariadbClient()
