# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a statement ends, and where a semicolon is something else."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import MigrateError
from ansible_collections.steady.deploy.plugins.module_utils.migrate.spec import ENGINES, MARIADB, POSTGRESQL
from ansible_collections.steady.deploy.plugins.module_utils.migrate.statements import split

BOTH = {
    "": (),
    " ;; \n; -- nothing; here": (),
    "a; b": ("a", "b"),
    "a 'x;''y' b; c": ("a 'x;''y' b", "c"),
    'a "x;""y"; c': ('a "x;""y"', "c"),
    "a -- it's; this\n b; c": ("a -- it's; this\n b", "c"),
    "a /* it's; */ b; c": ("a /* it's; */ b", "c"),
    "-- why: x;\na;b": ("-- why: x;\na", "b"),
    "a;b -- end": ("a", "b -- end"),
}
EACH = {
    POSTGRESQL: {
        r"a '\'; b": (r"a '\'", "b"),
        r"a E'\';'; b": (r"a E'\';'", "b"),
        "do $$ begin; end $$; b": ("do $$ begin; end $$", "b"),
        "do $x1$ $$;$x$;$ $x1$; b": ("do $x1$ $$;$x$;$ $x1$", "b"),
        "a$b$ ; c$b$": ("a$b$", "c$b$"),
        "select $1; b": ("select $1", "b"),
        "a /* /* ; */ ; */; b": ("a /* /* ; */ ; */", "b"),
        "create rule r as on insert to t do (insert into u values (1); delete from v); b": (
            "create rule r as on insert to t do (insert into u values (1); delete from v)",
            "b",
        ),
        "create or replace function f() returns int begin atomic; select case when 1=1 then 2 end; select 1; end; b": (
            "create or replace function f() returns int begin atomic; select case when 1=1 then 2 end; select 1; end",
            "b",
        ),
        "begin; create table f(); end; b": ("begin", "create table f()", "end", "b"),
    },
    MARIADB: {
        r"a '\';'; b": (r"a '\';'", "b"),
        r'a "\";"; b': (r'a "\";"', "b"),
        "a `x;``y`; b": ("a `x;``y`", "b"),
        r"a `\`; b": (r"a `\`", "b"),
        "a # it's; this\n; b": ("a # it's; this", "b"),
        "select 5--1; b": ("select 5--1", "b"),
        "select $$; b $$": ("select $$", "b $$"),
        "a /* /* ; */; b": ("a /* /* ; */", "b"),
        "/*!50003 set x=1; */; /*M!100 a */; b": ("/*!50003 set x=1; */", "/*M!100 a */", "b"),
        "a;\nDELIMITER $$\ncreate procedure p() begin x; end$$\n delimiter ;\nb;c": ("a", "create procedure p() begin x; end", "b", "c"),
        "a;\r\ndelimiter //\r\nb;c//\r\n": ("a", "b;c"),
        "a\n delimiter x; b": ("a\n delimiter x", "b"),
    },
}


@pytest.mark.parametrize(
    ("engine", "text", "found"),
    [(engine, text, found) for engine in ENGINES for text, found in {**BOTH, **EACH[engine]}.items()],
)
def test_where_statements_end(engine, text, found):
    assert split(text, engine) == found


@pytest.mark.parametrize(
    ("engine", "text", "what"),
    [
        (POSTGRESQL, "a;\n'b;", "quote in line 2"),
        (POSTGRESQL, "$x$ b; $y$", "dollar quote in line 1"),
        (POSTGRESQL, "/* /* */", "comment in line 1"),
        (MARIADB, r"'b\'", "quote in line 1"),
        (MARIADB, "\n\n/* b", "comment in line 3"),
    ],
)
def test_what_is_left_open_is_told(engine, text, what):
    with pytest.raises(MigrateError, match=what):
        split(text, engine)


PLAIN = st.text("abEe1_ ,.=\n", min_size=1)
ANY = st.text("ab;'\"`$\\#-/*\n \té")


def quoted(mark: str) -> st.SearchStrategy[str]:
    return ANY.map(lambda text: mark + text.replace("\\", "").replace(mark, mark * 2) + mark)


def pieces(engine: str) -> st.SearchStrategy[str]:
    own = {
        # Behind a letter a dollar would be part of a name.
        POSTGRESQL: [ANY.map(lambda text: " $q$" + text.replace("$q$", "") + "$q$ ")],
        MARIADB: [quoted("`"), ANY.map(lambda text: "#" + text.replace("\n", " ") + "\n")],
    }
    return st.one_of(
        PLAIN,
        quoted("'"),
        quoted('"'),
        ANY.map(lambda text: "-- " + text.replace("\n", " ") + "\n"),
        ANY.map(lambda text: "/* " + text.replace("*/", "").replace("/*", "").rstrip("*/") + " */"),
        *own[engine],
    )


def statements(engine: str) -> st.SearchStrategy[list[str]]:
    return st.lists(st.lists(pieces(engine), min_size=1).map(lambda parts: "x " + "".join(parts) + " y"), max_size=6)


@pytest.mark.parametrize("engine", ENGINES)
@given(data=st.data())
def test_statements_come_back_as_they_were_joined(engine, data):
    wanted = data.draw(statements(engine))
    assert split(";\n".join(wanted), engine) == tuple(wanted)


@pytest.mark.parametrize("engine", ENGINES)
@given(text=ANY)
@example(text="#\n;\\")
def test_any_text_is_split_or_refused_in_words_and_nothing_but_ends_goes(engine, text):
    try:
        found = split(text, engine)
    except MigrateError:
        return
    rest = text
    for one in found:
        before, rest = rest.split(one, 1)
        # What is left out holds no statement: ends, white space and comments that stand alone, perhaps with the same words.
        with contextlib.suppress(MigrateError):
            assert not split(before, engine)
