"""A process that asks MariaDB about a statement: ``asker.py CONTAINER STATEMENT WAITS``.

Says ``made`` once a copy is there, then waits: by itself (``here``), or for an answer of the server (``there``).
"""

from __future__ import annotations

import sys
import time

from ansible_collections.steady.deploy.plugins.module_utils.commands.interrupt import interruptible
from ansible_collections.steady.deploy.plugins.module_utils.migrate.database.online import answers
from ansible_collections.steady.deploy.plugins.module_utils.migrate.database.session import Session, open_session
from ansible_collections.steady.deploy.plugins.module_utils.migrate.database.where import parse_where
from ansible_collections.steady.deploy.plugins.module_utils.migrate.spec import Migration

container, statement, waits = sys.argv[1:]
where = parse_where({"engine": "mariadb", "service": "db"}).at(container)


class Slow:
    """A session that dawdles over a copy."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.close = session.close

    def query(self, sql: str) -> list[list[str | None]]:
        """See Asks.query."""
        rows = self._session.query(sql)
        if sql.startswith("CREATE TABLE"):
            print("made", flush=True)
            if waits == "there":
                self._session.query("SELECT SLEEP(4)", 60)
            time.sleep(60)
        return rows


with interruptible():
    answers(lambda: Slow(open_session(where)), [Migration("m", statements=(statement,))])
