# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a database is, and how its command line client gets there. Pure.

There is no driver on managed hosts. The client is the database's own: in the accessory's container, where it takes user,
password and name from the container's environment, or on the host, where the system's user says who one is. So no password is
ever among the arguments of a process of the host.
"""

from __future__ import annotations

import dataclasses
import re
import typing as t
from dataclasses import dataclass

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import SpecError
from ansible_collections.steady.deploy.plugins.module_utils.migrate.spec import ENGINES, MARIADB, POSTGRESQL
from ansible_collections.steady.deploy.plugins.module_utils.probe import readers
from ansible_collections.steady.deploy.plugins.module_utils.probe.wording import instead, show

# What the images of PostgreSQL and MariaDB themselves read; the first that is set counts.
USER = {POSTGRESQL: ("POSTGRES_USER",), MARIADB: ("MARIADB_USER", "MYSQL_USER")}
PASSWORD = {POSTGRESQL: ("POSTGRES_PASSWORD",), MARIADB: ("MARIADB_PASSWORD", "MYSQL_PASSWORD")}
NAME = {POSTGRESQL: ("POSTGRES_DB", "POSTGRES_USER"), MARIADB: ("MARIADB_DATABASE", "MYSQL_DATABASE")}
# The user of the host who may do everything without a password.
RUN_AS = {POSTGRESQL: "postgres", MARIADB: "root"}

_IN_CONTAINER = ("service", "user", "password", "name")
_ON_HOST = ("name", "run_as")
_FIELDS = ("engine", "service", "name", "user", "password", "run_as")
# Where the settings are a module's own parameters, which can keep a password to themselves.
_BY_LOGIN = ("engine", "name", "run_as", "host", "port", "user", "password")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ACCOUNT = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,31}")


@dataclass(frozen=True)
class Where:
    """A database. With a ``service`` it is in that accessory's ``container``, and ``user``, ``password`` and ``name`` are names
    of variables in there; without one it is called ``database``, and asked by a client on the host: as the system's user
    ``run_as``, or as the database's user ``login`` with its ``secret``, on another ``host`` where there is one.
    """

    engine: str
    service: str = ""
    user: tuple[str, ...] = ()
    password: tuple[str, ...] = ()
    name: tuple[str, ...] = ()
    database: str = ""
    run_as: str = ""
    container: str = ""
    host: str = ""
    port: int = 0
    login: str = ""
    secret: str = dataclasses.field(default="", repr=False)

    def at(self, container: str) -> Where:
        """The same, with the container that runs now."""
        return dataclasses.replace(self, container=container)

    @property
    def label(self) -> str:
        """What sentences call it."""
        if self.service:
            return f"the database of service {self.service}"
        return f"the database {self.database} {f'on {self.host}' if self.host else 'of this host'}"

    def environment(self) -> dict[str, str]:
        """What a client on the host has in its environment: a password is nowhere else."""
        if not self.secret:
            return {}
        return {"PGPASSWORD" if self.engine == POSTGRESQL else "MYSQL_PWD": self.secret}


def parse_where(raw: t.Any, by_login: bool = False) -> Where:
    """Read the setting ``database``. Raises SpecError with one sentence about the first thing that is wrong.

    ``by_login``: it is asked by a client on the host, which may be given a host, a user and a password; else it may be in a container.
    """
    given = readers.mapping(raw, "database", _BY_LOGIN if by_login else _FIELDS, "{engine: postgresql, service: db}")
    engine = given.pop("engine", None)
    if engine is None:
        raise SpecError("database has no `engine`: say postgresql or mariadb")
    if engine == "mysql":
        raise SpecError("database: engine 'mysql' is not supported, since MySQL shows its locks in other ways than MariaDB")
    if engine not in ENGINES:
        raise SpecError(f"database: engine {show(engine)} is not known{instead(engine, ENGINES)}")
    if by_login:
        return _by_login(engine, given)
    return _in_container(engine, given) if "service" in given else _on_host(engine, given)


def _in_container(engine: str, given: t.Mapping[str, t.Any]) -> Where:
    if "run_as" in given:
        raise SpecError("database: run_as is for a database of the host, which has no service: remove one of the two")
    service = given["service"]
    if not isinstance(service, str) or not service:
        raise SpecError(f"database: service must be the name of an accessory of the app, not {show(service)}")
    found = {}
    for key, known in (("user", USER), ("password", PASSWORD), ("name", NAME)):
        variable = given.get(key)
        if variable is not None and (not isinstance(variable, str) or not _VARIABLE.fullmatch(variable)):
            # Not shown: it may be the password itself.
            raise SpecError(f"database: {key} must be the name of a variable in the environment of {service}, such as {known[engine][0]}")
        found[key] = known[engine] if variable is None else (variable,)
    return Where(engine, service, found["user"], found["password"], found["name"])


def _on_host(engine: str, given: t.Mapping[str, t.Any]) -> Where:
    for key in given:
        if key not in _ON_HOST:
            raise SpecError(f"database: {key} is for a database in a container: name its service, or remove {key}")
    if "name" not in given:
        raise SpecError("database has neither `service`, the accessory it is in, nor `name`, what it is called on the host: give it one")
    name, run_as = _plain(given, "name", "what the database is called on the host"), given.get("run_as", RUN_AS[engine])
    if not isinstance(run_as, str) or not _ACCOUNT.fullmatch(run_as):
        raise SpecError(f"database: run_as must be a user of the host, not {show(run_as)}")
    return Where(engine, database=name, run_as=run_as)


def _by_login(engine: str, given: t.Mapping[str, t.Any]) -> Where:
    if "name" not in given:
        raise SpecError("database has no `name`: say what it is called")
    for key, needs, why in (("host", "user", "who connects to it"), ("password", "user", "whose it is"), ("port", "host", "where it is")):
        if key in given and needs not in given:
            raise SpecError(f"database: {key} needs `{needs}`, {why}")
    if "user" not in given:
        return _on_host(engine, given)
    if "run_as" in given:
        raise SpecError(
            "database: run_as is for a database that knows the system's users, user is the database's own: remove one of the two"
        )
    port = given.get("port", 0)
    if "port" in given and (isinstance(port, bool) or not isinstance(port, int) or not 1 <= port <= 65535):
        raise SpecError(f"database: port must be a whole number from 1 to 65535, not {show(port)}")
    secret = given.get("password", "")
    if not isinstance(secret, str) or "\0" in secret:
        raise SpecError("database: password must be a text")
    return Where(
        engine,
        database=_plain(given, "name", "what the database is called"),
        host=_plain(given, "host", "a name or an address") if "host" in given else "",
        port=port,
        login=_plain(given, "user", "a user of the database"),
        secret=secret,
    )


def _plain(given: t.Mapping[str, t.Any], key: str, meaning: str) -> str:
    """A text that can stand among a client's arguments."""
    text = given[key]
    if not isinstance(text, str) or not text.strip() or not text.isprintable() or text.startswith("-"):
        raise SpecError(f"database: {key} must be {meaning}, not {show(text)}")
    return text


def client(where: Where, program: str, options: t.Sequence[str], together: bool = True) -> list[str]:
    """The argv that runs a client program there; ``together``: stderr comes out of stdout, so that what it says stays in order."""
    if where.login:
        return [program, *options, *_login(where), *(["-d"] if where.engine == POSTGRESQL else []), where.database]
    if not where.service:
        return ["runuser", "-u", where.run_as, "--", program, *options, *(["-d"] if where.engine == POSTGRESQL else []), where.database]
    user, password, name = (_first(names) for names in (where.user, where.password, where.name))
    if where.engine == POSTGRESQL:
        secret, account = "PGPASSWORD", f'-h 127.0.0.1 -U "{user}" -d "{name}"'
    else:
        # A file in an image may set anything; on a host it names the socket.
        program, secret, account = f"{program} --no-defaults", "MYSQL_PWD", f'-h 127.0.0.1 -u "{user}" "{name}"'
    script = f'export LC_ALL=C {secret}="{password}"; exec {program} "$@" {account}' + (" 2>&1" if together else "")
    return ["docker", "exec", "-i", where.container, "sh", "-c", script, "sh", *options]


def _login(where: Where) -> list[str]:
    """Where to, and as whom: in the words of PostgreSQL's clients, which never ask for a password then, or of MariaDB's."""
    user, port = ("-U", "-p") if where.engine == POSTGRESQL else ("-u", "-P")
    words = ["-w"] if where.engine == POSTGRESQL else []
    words += ["-h", where.host] if where.host else []
    words += [port, str(where.port)] if where.port else []
    return [*words, user, where.login]


def _first(names: t.Sequence[str]) -> str:
    """What a shell makes the value of the first of these variables that is set."""
    found = ""
    for name in reversed(names):
        found = f"${{{name}:-{found}}}"
    return found
