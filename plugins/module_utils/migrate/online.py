# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether MariaDB does a statement beside writers: which statements it can be asked about, and how. Pure.

The server refuses in milliseconds, by errors 1845 and 1846 and before it touches a row, what it can't do with the ``ALGORITHM`` and
``LOCK`` that are asked for. So a statement can be tried on an empty copy of its table. The copy has the columns, indexes and checks
of the table, but no rows, foreign keys or triggers: what depends on rows (a duplicate, a NULL) does not show.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

from ansible_collections.steady.deploy.plugins.module_utils.migrate.spec import Migration

FREE, REFUSED, LATER = ("free", "refused", "later")

_TOKEN = re.compile(
    r"(?P<gap>(?:\s|--(?=[\s\x00]|$)[^\n]*|\#[^\n]*|/\*(?!!|M!).*?\*/)+)|'(?:[^'\\]|\\.|'')*'|\"(?:[^\"\\]|\\.|\"\")*\""
    r"|`(?P<name>(?:[^`]|``)*)`|(?P<word>[\w$]+)|.",
    re.DOTALL,
)
_ONE = r"(?:`[^`]*`|[^\W\d][\w$]*)"
_IF = r"(?: IF(?: NOT)? EXISTS)?"
_ALTER = re.compile(rf"ALTER (?:ONLINE )?(?:IGNORE )?TABLE{_IF} (?={_ONE} (?!\.))")
_CREATE_INDEX = re.compile(
    rf"CREATE (?:OR REPLACE )?(?:UNIQUE |FULLTEXT |SPATIAL |VECTOR )?INDEX{_IF} {_ONE}(?: USING {_ONE})? ON (?={_ONE} (?!\.))"
)
# These take no ALGORITHM behind them, or are about what the copy lacks.
_NOT_ASKED = re.compile(
    r"(?:.* )?(?:ALGORITHM|LOCK|PARTITION|PARTITIONING|DISCARD|IMPORT)(?: |$)"
    r"|(?:.* , )?(?:ORDER BY|RENAME(?! COLUMN| INDEX| KEY)|DROP CONSTRAINT)(?: |$)"
)
# A foreign key would tie the copy to another table, and its users would wait for what is done to the copy.
_TIES = re.compile(r"(?:.* )?(?:REFERENCES|FOREIGN)(?: |$)")
# They change no table, or one that is not there yet.
_HARMLESS = re.compile(
    r"(?:SELECT|INSERT|UPDATE|DELETE|REPLACE|WITH|SHOW|ANALYZE|EXPLAIN|BEGIN(?! NOT)|START TRANSACTION|COMMIT|ROLLBACK|SAVEPOINT|GRANT"
    r"|REVOKE|CREATE TABLE|CREATE SEQUENCE)(?= |$)"
)
_CHANGES = re.compile(r"(?:ALTER|CREATE|DROP|RENAME|TRUNCATE|OPTIMIZE|REPAIR) ")
_SETS = re.compile(r"SET (?!STATEMENT )")


@dataclass(frozen=True)
class Answer:
    """What the server says of a statement: FREE, or REFUSED in its own words, ``said``. LATER: a run asks, a check does not."""

    word: str
    said: str = ""


# By migration, one for each statement; None where there is no answer.
Answers = t.Mapping[str, "tuple[Answer | None, ...]"]


@dataclass(frozen=True)
class Question:
    """A statement about which the server can be asked. ``table`` is its table's name as written."""

    table: str
    _head: str
    _rest: str
    _comma: str

    def on(self, copy: str, *asked: str) -> str:
        """The statement for the table ``copy``, with what is ``asked`` for behind it: ``LOCK=NONE``."""
        return self._head + copy + self._rest + "".join(self._comma + part for part in asked)


@dataclass(frozen=True)
class Other:
    """A statement that is not asked about. After it nothing is known of the ``tables``, named as by ``plain``.

    ``ends`` says that nothing is known of any table: in this ``session``, or not even in later ones (``all``).
    """

    tables: frozenset[str] = frozenset()
    ends: str = ""


def read(statement: str) -> Question | Other:
    """What a statement is."""
    tokens = [found for found in _TOKEN.finditer(statement) if not found["gap"]]
    words = [_canon(found) for found in tokens]
    canon = " ".join(words)
    if any(found[0] in ("'", '"', "`", ";") for found in tokens) or "/ *" in canon:
        return Other(ends="all")
    verb = _ALTER.match(canon) or _CREATE_INDEX.match(canon)
    if verb is None:
        return _other(canon, tokens)
    place = verb[0].count(" ")
    rest = " ".join(_flat(words[place + 1 :]))
    # A mode of the server decides what a backslash means.
    if "\\" in statement or any("\n" in found[0] for found in tokens) or _NOT_ASKED.match(rest) or _TIES.match(canon):
        return Other(_names(tokens) if "RENAME " in rest else frozenset((plain(tokens[place][0]),)))
    begin, end = tokens[place].span()
    comma = ", " if verb.re is _ALTER else " "
    return Question(tokens[place][0], _line(statement, tokens[0].start(), begin), _line(statement, end, tokens[-1].end()), comma)


def plain(name: str) -> str:
    """A table's name to compare by: without quotes, in small letters."""
    return name.strip("`").replace("``", "`").casefold()


def questions(migrations: t.Iterable[Migration]) -> t.Iterator[tuple[str, int, Question]]:
    """What can be asked, in order: the migration, the number of its statement from 0, and the question.

    A table that something else has changed before would be another one by then, so nothing is asked about it any more.
    """
    changed: set[str] = set()
    for migration in migrations:
        session_known = True
        for index, statement in enumerate(migration.statements or ()):
            found = read(statement)
            if isinstance(found, Other):
                changed |= found.tables
                session_known = session_known and not found.ends
                if found.ends == "all":
                    return
            elif not session_known:
                changed.add(plain(found.table))
            elif plain(found.table) not in changed:
                yield migration.id, index, found
        if migration.statements is None:
            return


def later(migrations: t.Sequence[Migration]) -> Answers:
    """What a check has for answers: which statements a run asks the server about."""
    return table_of(migrations, {(name, index): Answer(LATER) for name, index, dummy in questions(migrations)})


def table_of(migrations: t.Sequence[Migration], found: t.Mapping[tuple[str, int], Answer]) -> Answers:
    """The answers by migration, from those by migration and number."""
    return {one.id: tuple(found.get((one.id, index)) for index in range(len(one.statements or ()))) for one in migrations}


def _other(canon: str, tokens: t.Sequence[re.Match[str]]) -> Other:
    if not canon or _HARMLESS.match(canon):
        return Other()
    if _CHANGES.match(canon):
        return Other(_names(tokens))
    return Other(ends="session" if _SETS.match(canon) else "all")


def _names(tokens: t.Iterable[re.Match[str]]) -> frozenset[str]:
    """All words of a statement: the tables it may be about are among them."""
    return frozenset(plain(found[0]) for found in tokens if found["word"] or found["name"])


def _canon(found: re.Match[str]) -> str:
    if found["name"] is not None:
        return "`" + re.sub(r"[\s`]", "_", found["name"]) + "`"
    return found[0].upper() if found["word"] else found[0] if found[0][0] not in "'\"" else "'?'"


def _flat(words: t.Iterable[str]) -> t.Iterator[str]:
    """Without what stands in parentheses, where a word is a column or a value."""
    depth = 0
    for word in words:
        depth -= word == ")"
        if depth <= 0:
            yield word
        depth += word == "("


def _line(text: str, begin: int, end: int) -> str:
    """A part of the statement in one line and without comments, which the client might take for its own commands."""
    return "".join(" " if found["gap"] else found[0] for found in _TOKEN.finditer(text, begin, end))
