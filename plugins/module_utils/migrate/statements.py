# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Splitting SQL text into its statements. Pure."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import MigrateError
from ansible_collections.steady.deploy.plugins.module_utils.migrate.spec import MARIADB

# What begins or ends a transaction.
TRANSACTION = ("BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT")
_OPENS = re.compile(r"(?:\s+|(?:--|#)[^\n]*|/\*(?!!|M!).*?\*/)*(\w+)", re.DOTALL)
_DELIMITER = re.compile(r"[ \t]*delimiter[ \t]+(\S+)[ \t]*(?:\r?\n|$)", re.IGNORECASE)
_DOLLAR = re.compile(r"\$(?:[^\W\d]\w*)?\$")
_WORD = re.compile(r"\w+")
# `--` opens a comment in MariaDB only before white space: 5--1 is a sum there.
_LINE = {MARIADB: re.compile(r"(?:--(?=[\s\x00]|$)|#)[^\n]*")}
_LINE_SQL = re.compile(r"--[^\n]*")


def split(text: str, engine: str) -> tuple[str, ...]:
    """The statements of ``text`` without their trailing semicolons, each with the comments before and within it.

    Knows strings, quoted names, comments, PostgreSQL's dollar quotes and BEGIN ATOMIC, and DELIMITER of MariaDB's client.
    Raises MigrateError where something is opened and not closed.
    """
    return tuple(_Splitter(text, engine).all())


def first_word(statement: str) -> str:
    """The word that opens a statement, in capitals, behind any comments; '' where there is none."""
    found = _OPENS.match(statement)
    return found.group(1).upper() if found else ""


def bare(statements: t.Iterable[str]) -> tuple[str, ...]:
    """These statements without those that begin or end a transaction."""
    return tuple(each for each in statements if first_word(each) not in TRANSACTION)


def has_comment(text: str, engine: str) -> bool:
    """Whether ``text`` holds a comment that goes on to the end of its line."""
    return _Splitter(text, engine).has_comment()


class _Inside:
    """Where semicolons of PostgreSQL end no statement: in parentheses (CREATE RULE) and in BEGIN ATOMIC of a routine."""

    def __init__(self) -> None:
        self._words = 0
        self._creates = self._routine = False
        self._begins = self._parens = 0

    @property
    def is_open(self) -> bool:
        return self._begins > 0 or self._parens > 0

    def take(self, token: str) -> None:
        if token in "()":
            self._parens = max(0, self._parens + (1 if token == "(" else -1))
        elif token[0].isalpha():
            self._words += 1
            if self._words == 1:
                self._creates = token == "create"
            elif self._words in (2, 4) and token in ("function", "procedure"):
                self._routine = self._creates
            elif self._routine and (token == "begin" or (token == "case" and self._begins)):
                self._begins += 1
            elif self._begins and token == "end":
                self._begins -= 1


class _Splitter:
    def __init__(self, text: str, engine: str) -> None:
        self._text = text
        self._maria = engine == MARIADB
        self._comment = _LINE.get(engine, _LINE_SQL)
        self._end = ";"

    def all(self) -> list[str]:
        found: list[str] = []
        at = begun = 0
        holds = False  # something other than comments
        fresh = True  # at the beginning of a line
        inside = _Inside()
        while at < len(self._text):
            order = _DELIMITER.match(self._text, at) if self._maria and fresh and not holds else None
            if order:
                self._end = order.group(1)
                at = begun = order.end()
                continue
            if self._text.startswith(self._end, at) and not inside.is_open:
                if holds:
                    found.append(self._text[begun:at].strip())
                at = begun = at + len(self._end)
                holds = fresh = False
                inside = _Inside()
                continue
            after, says = self._token(at)
            holds = holds or says
            if says and not self._maria:
                inside.take(self._text[at:after].lower())
            fresh = self._text[after - 1] == "\n"
            at = after
        if holds:
            found.append(self._text[begun:].strip())
        return found

    def has_comment(self) -> bool:
        at = 0
        while at < len(self._text):
            if self._comment.match(self._text, at):
                return True
            at = self._token(at)[0]
        return False

    def _token(self, at: int) -> tuple[int, bool]:
        """Where what begins at ``at`` ends, and whether it is more than a comment or white space."""
        text = self._text
        char = text[at]
        if char.isspace():
            return at + 1, False
        comment = self._comment.match(text, at)
        if comment:
            return comment.end(), False
        if text.startswith("/*", at):
            # What MariaDB runs for being of its version is no comment.
            return self._block(at), self._maria and text[at + 2 : at + 3] in ("!", "M")
        if char in "'\"" or (char == "`" and self._maria):
            return self._quoted(at, at + 1, char, self._maria and char != "`"), True
        if char in "eE" and text[at + 1 : at + 2] == "'" and not self._maria:
            return self._quoted(at, at + 2, "'", True), True
        if char == "$" and not self._maria:
            tag = _DOLLAR.match(text, at)
            if tag:
                return self._closed(at, text.find(tag.group(), tag.end()), len(tag.group()), "dollar quote"), True
        word = _WORD.match(text, at)
        if not word:
            return at + 1, True
        # A dollar within a name opens no quote.
        after = word.end()
        while not self._maria and text[after : after + 1] == "$":
            word = _WORD.match(text, after + 1)
            after = word.end() if word else after + 1
        return after, True

    def _block(self, at: int) -> int:
        if self._maria:
            return self._closed(at, self._text.find("*/", at + 2), 2, "comment")
        # PostgreSQL's comments nest.
        depth, here = 1, at + 2
        for mark in re.finditer(r"/\*|\*/", self._text[here:]):
            depth += 1 if mark.group() == "/*" else -1
            if not depth:
                return here + mark.end()
        return self._closed(at, -1, 2, "comment")

    def _quoted(self, at: int, here: int, quote: str, escapes: bool) -> int:
        # A doubled quote is a string that ends and one that begins: to where statements end it is the same.
        while here < len(self._text):
            if escapes and self._text[here] == "\\":
                here += 2
            elif self._text[here] == quote:
                return here + 1
            else:
                here += 1
        return self._closed(at, -1, 1, "quote")

    def _closed(self, at: int, end: int, length: int, what: str) -> int:
        if end < 0:
            line = self._text.count("\n", 0, at) + 1
            raise MigrateError(f"the SQL opens a {what} in line {line} that nothing closes: close it")
        return end + length
