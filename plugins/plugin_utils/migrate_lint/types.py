# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a column's new type holds every old value as it is stored. Pure."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

# No row changes; every value is checked, one may not fit; every row is written again; nobody knows.
FREE, SHRINK, REWRITE, UNKNOWN = "free", "shrink", "rewrite", "unknown"

POSTGRESQL_NAMES = {
    "character varying": "varchar", "character": "char", "bpchar": "char", "int": "integer", "int4": "integer", "int8": "bigint",
    "int2": "smallint", "decimal": "numeric", "bool": "boolean", "float8": "double precision", "float4": "real", "bit varying": "varbit",
    "timestamp without time zone": "timestamp", "timestamp with time zone": "timestamptz",
}  # fmt: skip
# What is no domain: the types of PostgreSQL itself and of its common extensions, by their one names.
_PLAIN = {
    "smallint", "integer", "bigint", "numeric", "real", "double precision", "float", "money", "boolean", "text", "varchar", "char", "name",
    "bytea", "date", "timestamp", "timestamptz", "time", "timetz", "time with time zone", "time without time zone", "interval", "uuid",
    "json", "jsonb", "jsonpath", "xml", "inet", "cidr", "macaddr", "macaddr8", "bit", "varbit", "point", "line", "lseg", "box", "path",
    "polygon", "circle", "tsvector", "tsquery", "oid", "pg_lsn", "int4range", "int8range", "numrange", "tsrange", "tstzrange", "daterange",
    "int4multirange", "int8multirange", "nummultirange", "tsmultirange", "tstzmultirange", "datemultirange", "citext", "hstore", "ltree",
    "cube", "geometry", "geography", "vector", "halfvec",
}  # fmt: skip
_MARIADB = {
    "integer": "int", "numeric": "decimal", "dec": "decimal", "character varying": "varchar", "bool": "tinyint", "boolean": "tinyint",
}  # fmt: skip
# Bytes of a character in utf8mb4, which MariaDB 11.8 takes unless it is told otherwise.
_WIDEST = 4


@dataclass(frozen=True)
class Kind:
    """A type: its one name, its sizes, and what stands behind them."""

    name: str
    sizes: tuple[int, ...] = ()
    rest: str = ""


def kind(text: str, names: t.Mapping[str, str]) -> Kind:
    """Take a type apart."""
    plain = " ".join(re.sub(r"\s*([(),])\s*", r"\1", text.lower().replace('"', "").replace("pg_catalog.", "")).split())
    plain = plain.replace(")with", ") with")  # timestamp(0) without time zone
    found = re.fullmatch(r"(character varying|bit varying|double precision|[a-z0-9_.]+)(?:\(([\d,]+)\))?((?: [a-z ]+|\[\])*)", plain)
    if not found:
        return Kind(plain)
    whole = found[1] + (found[3] if found[1] in ("time", "timestamp") else "")
    name = names.get(whole, whole)
    rest = "" if whole != found[1] else found[3].strip()
    return Kind(name, tuple(int(size) for size in (found[2] or "").split(",") if size), rest)


def is_plain(text: str) -> bool:
    """Whether it is surely no domain of PostgreSQL. The constraints of a domain are no matter where it is in an array."""
    name = kind(re.sub(r"\s*\.\s*", ".", text), POSTGRESQL_NAMES).name.rpartition(".")[2]
    return name in _PLAIN or text.endswith("]")


def on_postgresql(old: str, new: str) -> str:
    """FREE, SHRINK or REWRITE. Source: the casts that PostgreSQL does without a function, and their typmod rules."""
    was, will = kind(old, POSTGRESQL_NAMES), kind(new, POSTGRESQL_NAMES)
    if was == will:
        return FREE
    if was.rest or will.rest:
        return REWRITE
    if was.name in ("varchar", "text") and will.name in ("varchar", "text"):
        if not will.sizes or (was.sizes and will.sizes[0] >= was.sizes[0]):
            return FREE
        return SHRINK
    if was.name == will.name == "varbit":
        return FREE if not will.sizes or (was.sizes and will.sizes[0] >= was.sizes[0]) else SHRINK
    if was.name == will.name == "numeric":
        if not will.sizes:
            return FREE
        if not was.sizes:
            return SHRINK
        scale = [sizes[1] if len(sizes) > 1 else 0 for sizes in (was.sizes, will.sizes)]
        if scale[0] == scale[1]:
            return FREE if will.sizes[0] >= was.sizes[0] else SHRINK
        return REWRITE
    if (was.name, will.name) == ("cidr", "inet"):
        return FREE
    if was.name == will.name and was.name in ("timestamp", "timestamptz", "time", "interval"):
        # No precision is the largest one, 6.
        return FREE if (will.sizes or (6,))[0] >= (was.sizes or (6,))[0] else SHRINK
    return REWRITE


def on_mariadb(old: str, new: str) -> str:
    """FREE (the server does it at once), SHRINK or REWRITE. Lengths of texts are taken for utf8mb4."""
    old_values, new_values = values(old), values(new)
    if old_values is not None and new_values is not None:
        if new_values[: len(old_values)] == old_values and _set_bytes(old, old_values) == _set_bytes(new, new_values):
            return FREE
        return REWRITE
    was, will = kind(old, _MARIADB), kind(new, _MARIADB)
    if was.name in ("varchar", "varbinary") and will.name == was.name and was.sizes and will.sizes:
        if will.sizes[0] < was.sizes[0]:
            return SHRINK
        # Up to 127 bytes may become anything; from 128 to 255 only up to 255, where the length still fits one byte.
        width = _WIDEST if was.name == "varchar" else 1
        before, after = was.sizes[0] * width, will.sizes[0] * width
        return FREE if before <= 127 or before > 255 or after <= 255 else REWRITE
    if was.name == will.name and was.rest == will.rest:
        # The width of an integer is only for show.
        same = was.sizes == will.sizes or was.name.endswith("int")
        return FREE if same else SHRINK if will.sizes < was.sizes else REWRITE
    return REWRITE


def values(text: str) -> list[str] | None:
    """The values of an ENUM or SET, in order, or None for another type."""
    found = re.fullmatch(r"\s*(?:enum|set)\s*\((.*)\).*?", text, re.IGNORECASE | re.DOTALL)
    return re.findall(r"'((?:[^']|'')*)'", found[1]) if found else None


def _set_bytes(text: str, members: t.Sequence[str]) -> int:
    """How many bytes a value takes: an ENUM one up to 255 members, a SET one for each 8."""
    if text.strip().lower().startswith("set"):
        return (len(members) + 7) // 8
    return 1 if len(members) < 256 else 2
