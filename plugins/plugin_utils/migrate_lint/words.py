# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SQL as words: comments gone, quotes understood, one spelling. Pure; the reading itself is sqlglot's."""

from __future__ import annotations

import logging
import re
import typing as t
from dataclasses import dataclass
from functools import cached_property

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import MigrateError
from ansible_collections.steady.deploy.plugins.module_utils.migrate.spec import POSTGRESQL

try:
    import sqlglot
except ImportError:  # told to the user by `need_sqlglot`
    sqlglot = None

# sqlglot logs what it does not know. That is told as a verdict.
logging.getLogger("sqlglot").addHandler(logging.NullHandler())

# A name in `Sql.canon`, with its schema or without.
ONE = r'(?:"[^"]*"|[^\W\d][\w$]*)'
NAME = rf"{ONE}(?: \. {ONE})*"
# What makes a table only where none of that name is there, or one that hides it from this session alone.
MADE_BESIDE = r"CREATE (?:(?!TABLE )\w+ )*(?:TEMP|TEMPORARY|TABLE IF NOT EXISTS)"
# Statements with a body of their own: a semicolon in them separates nothing that concerns the linter.
_BODY = re.compile(r"^(DO|BEGIN NOT ATOMIC|(CREATE|ALTER)\b.*?\b(FUNCTION|PROCEDURE|TRIGGER|EVENT|PACKAGE))\b")
# MariaDB runs what stands in such a comment (https://mariadb.com/kb/en/comment-syntax/).
_EXECUTED = re.compile(r"/\*M?!\d*(.*?)\*/", re.DOTALL)
# The server runs the statement behind it, to say how that went.
_RUN = (
    r"(?:EXPLAIN|DESCRIBE|DESC) (?:\( (?:[^)]* )?ANALY[SZ]E [^)]*\)|ANALY[SZ]E(?: VERBOSE)?(?: FORMAT = \w+)?)"
    r"|ANALYZE(?: FORMAT = \w+)?(?= (?:SELECT|INSERT|REPLACE|UPDATE|DELETE|WITH) )"
)
_TEXTS = ("STRING", "NATIONAL_STRING", "RAW_STRING", "HEREDOC_STRING", "UNICODE_STRING", "BYTE_STRING", "HEX_STRING", "BIT_STRING")


class Unreadable(Exception):
    """The text is no SQL that can be read."""


class Word(t.NamedTuple):
    """``canon`` is for patterns: upper case, without spaces, ``'?'`` for a text. ``raw`` is the name or text itself.

    ``begin`` and ``end`` say where it stands.
    """

    canon: str
    raw: str
    begin: int = 0
    end: int = 0


@dataclass(frozen=True)
class Sql:
    """Words of a statement or of a part of one. A whole statement has its ``text``, without comments around it."""

    words: tuple[Word, ...]
    text: str = ""

    @cached_property
    def canon(self) -> str:
        """The words with one space between them."""
        return " ".join(word.canon for word in self.words)

    @cached_property
    def flat(self) -> Sql:
        """The same without what stands in parentheses: ``VARCHAR ( ) DEFAULT ( )``."""
        depth, kept = 0, []
        for word in self.words:
            depth -= word.canon == ")"
            if depth <= 0:
                kept.append(word)
            depth += word.canon == "("
        return Sql(tuple(kept))

    def has(self, pattern: str) -> bool:
        """Whether the pattern is anywhere in it, outside of parentheses."""
        return re.search(rf"(?:^|(?<= )){pattern}(?= |$)", self.flat.canon) is not None

    def starts(self, pattern: str) -> Sql | None:
        """What follows the pattern at the beginning, or None where it is not there."""
        found = re.match(rf"(?:{pattern})(?: |$)", self.canon)
        return Sql(self.words[found[0].rstrip().count(" ") + 1 :]) if found else None

    def name(self) -> str:
        """The name it begins with, as the database writes it, or nothing."""
        found = re.match(NAME, self.canon)
        return "".join(word.raw for word in self.words[: found[0].count(" ") + 1]) if found else ""

    def after_name(self) -> Sql:
        """What follows the name it begins with."""
        return self.starts(NAME) or Sql(())

    def parts(self) -> tuple[Sql, ...]:
        """The parts between commas, not counting commas in parentheses."""
        depth, parts = 0, [[]]  # type: tuple[int, list[list[Word]]]
        for word in self.words:
            depth += (word.canon in ("(", "[")) - (word.canon in (")", "]"))
            if word.canon == "," and depth <= 0:
                parts.append([])
            else:
                parts[-1].append(word)
        return tuple(Sql(tuple(part)) for part in parts if part)

    def inside(self) -> Sql:
        """What stands in the parentheses it begins with."""
        depth = 0
        for index, word in enumerate(self.words):
            depth += (word.canon == "(") - (word.canon == ")")
            if depth == 0:
                return Sql(self.words[1:index])
        return Sql(())


def need_sqlglot() -> None:
    """Raises MigrateError where the parser is not installed."""
    if sqlglot is None:
        raise MigrateError(
            "Migrations can't be judged: the Python package sqlglot is not installed on the controller. "
            "Run 'pip install sqlglot' in the environment that Ansible runs in."
        )


def dialect(engine: str) -> str:
    """What sqlglot calls it."""
    return "postgres" if engine == POSTGRESQL else "mysql"


def read(text: str, engine: str) -> tuple[Sql, ...]:
    """The statements that the text runs, usually one; none where it holds comments only. Raises Unreadable."""
    if engine != POSTGRESQL:
        text = _EXECUTED.sub(r" \1 ", text)
    words = _words(text, engine)
    statements: list[list[Word]] = [[]]
    for word in words:
        if word.canon == ";" and not _BODY.match(" ".join(one.canon for one in statements[-1][:40])):
            statements.append([])
        else:
            statements[-1].append(word)
    run = [(Sql(tuple(one)).starts(_RUN) or Sql(tuple(one))).words for one in statements]
    return tuple(Sql(one, text[one[0].begin : one[-1].end]) for one in run if one)


def tree(text: str, engine: str) -> t.Any:
    """A statement as sqlglot's tree. Raises Unreadable, also where sqlglot understands nothing but the first word."""
    try:
        found = sqlglot.parse_one(text, dialect=dialect(engine))
    except Exception as exc:
        raise Unreadable(str(exc)) from exc
    if isinstance(found, sqlglot.exp.Command):
        raise Unreadable("a statement of an unknown kind")
    return found


def _words(text: str, engine: str, shift: int = 0, deep: int = 0) -> list[Word]:
    try:
        spoken = sqlglot.Dialect.get_or_raise(dialect(engine))
        tokens = spoken.tokenize(text)
    except Exception as exc:
        raise Unreadable(str(exc)) from exc
    if deep > 4:
        raise Unreadable("a command in a command in a command")
    words: list[Word] = []
    command, behind = False, 0
    for token in tokens:
        kind = token.token_type.name
        begin, end = shift + token.start, shift + token.end + 1
        if command and kind == "STRING" and text[behind:].lstrip()[:1] not in ("'", '"'):
            # The tokenizer leaves what follows such a verb as one text, and does not say where it begins.
            words += _words(token.text, engine, shift + text.find(token.text, behind), deep + 1)
        elif kind in _TEXTS:
            words.append(Word("'?'", token.text, begin, end))
        elif kind == "IDENTIFIER":
            words.append(Word('"' + re.sub(r"[\s\"]", "_", token.text).upper() + '"', token.text, begin, end))
        else:
            for part in token.text.split():
                words.append(Word(part.upper(), part.lower() if engine == POSTGRESQL else part, begin, end))
        behind = token.end + 1
        command = token.token_type in spoken.tokenizer_class.COMMANDS
    return words
