# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The definition of a column in a statement, taken apart. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ansible_collections.steady.deploy.plugins.plugin_utils.migrate_lint.words import NAME, Sql

# Words that end a type or a default.
_STOP = (
    r"(?:NOT|NULL|DEFAULT|PRIMARY|UNIQUE|KEY|CHECK|REFERENCES|GENERATED|AS|CONSTRAINT|COLLATE|CHARACTER SET|CHARSET|COMMENT|AUTO_INCREMENT"
    r"|FIRST|AFTER|ON UPDATE|USING|COMPRESSION|STORAGE|VISIBLE|INVISIBLE|STORED|PERSISTENT|VIRTUAL|WITH SYSTEM|WITHOUT SYSTEM|DEFERRABLE"
    r"|INITIALLY|COMPRESSED|REF_SYSTEM_ID)"
)


NOTHING = Sql(())


@dataclass(frozen=True)
class Definition:
    """What a column shall be. ``default`` is the expression, empty where there is none."""

    name: str
    type: str
    not_null: bool = False
    default: Sql = NOTHING
    stored: bool = False
    virtual: bool = False
    numbered: bool = False
    primary: bool = False
    unique: bool = False
    check: bool = False
    references: str = ""
    charset: bool = False


def definition(sql: Sql) -> Definition:
    """Read ``name type ...``."""
    words = sql.words
    rest = Sql(words[1:])
    kind, after = _until_stop(rest)
    spelled = " ".join(f"'{word.raw}'" if word.canon == "'?'" else word.raw for word in kind.words)
    default = NOTHING
    depth = 0
    for index, word in enumerate(after.words):
        depth += (word.canon == "(") - (word.canon == ")")
        if depth == 0 and word.canon == "DEFAULT" and after.words[index - 1].canon != "BY":
            default, dummy = _until_stop(Sql(after.words[index + 1 :]), 1)
            break
    target = re.search(rf"(?:^| )REFERENCES ({NAME})", after.canon)
    references = Sql(after.words[after.canon[: target.start(1)].count(" ") :]).name() if target else ""
    serial = re.match(r"(BIG|SMALL)?SERIAL\d?$", kind.canon) is not None
    # GENERATED ALWAYS AS ( ... ), or its short form AS ( ... ).
    computed = after.has(r"AS \(")
    stored = computed and after.has("(?:STORED|PERSISTENT)")
    return Definition(
        name=words[0].raw if words else "",
        type=spelled,
        not_null=after.has("NOT NULL"),
        default=default,
        stored=stored,
        virtual=computed and not stored,
        numbered=serial or after.has("AS IDENTITY") or after.has("AUTO_INCREMENT"),
        primary=after.has("PRIMARY KEY"),
        unique=after.has("UNIQUE"),
        check=after.has("CHECK"),
        references=references,
        charset=after.has("(?:CHARACTER SET|CHARSET)"),
    )


def _until_stop(sql: Sql, least: int = 0) -> tuple[Sql, Sql]:
    """What comes before the next word that ends a type or a default, and the rest. At least so many words are taken."""
    depth = 0
    for index, word in enumerate(sql.words):
        if depth == 0 and index >= least and re.match(rf"{_STOP}(?= |$)", Sql(sql.words[index : index + 2]).canon):
            return Sql(sql.words[:index]), Sql(sql.words[index:])
        depth += (word.canon == "(") - (word.canon == ")")
    return sql, NOTHING
