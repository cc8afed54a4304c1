# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Functions that a query calls: those of the server, and those that nobody knows. Pure."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.steady.deploy.plugins.plugin_utils.migrate_lint.words import sqlglot

# Functions of the servers that write no table, beside those that sqlglot knows itself. Most have the names of a family.
_HARMLESS = re.compile(
    r"pg_\w+|jsonb?_\w+|regexp_\w+|has_\w+_privilege|\w+_description|txid_\w+|ts_\w+|\w*to_tsquery|xml\w+|xpath\w*|inet6?_\w+|range_\w+"
    r"|to_(?:jsonb?|ascii|tsvector|reg\w+|oct|seconds)|array_(?:dims|fill|lower|upper|ndims|positions|replace|to_json|to_tsvector)"
    r"|(?:set|curr|next|last)val|set_config|current_\w+|\w+_timestamp|quote\w*|format_\w+|row_to_json|generate_subscripts|enum_\w+"
    r"|(?:get|release)_lock|release_all_locks|is_(?:free|used)_lock|row_count|found_rows|last_insert_id|connection_id|sleep|database|schemas?"
    r"|version|now|coalesce|count|max|min|concat|greatest|if|exists|values|octet_length|num_n(?:on)?nulls|cardinality|numeric|text|lcm|gcd"
    r"|int[248]|float[48]|timestamptz?|timetz|varchar|bpchar|regclass|width|timeofday|parse_ident|convert_(?:from|to)|make_\w+|unistr"
    r"|uuid_\w+|sys_guid|random_\w+|row_security_active|col_\w+|bit_\w+|bool|conv|bin|oct|ord|mid|field|find_in_set|strcmp|crc32c?|adddate"
    r"|subdate|addtime|subtime|timediff|time_\w+|sec_to_time|from_days|makedate|microsecond|week\w+|yearweek|period_\w+|is_ipv\w+|name_const"
    r"|aes_\w+|uncompress\w*|export_set|extractvalue|updatexml|natural_sort_key|sformat|vec_\w+|benchmark|column_\w+",
    re.IGNORECASE,
)


def strange(query: t.Any) -> list[str]:
    """The functions called in a query of which nobody can say what they do, by name."""
    calls = {call.name for call in query.find_all(sqlglot.exp.Anonymous)}
    return sorted(call for call in calls if not _HARMLESS.fullmatch(call))
