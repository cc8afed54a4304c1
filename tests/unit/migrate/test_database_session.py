"""Sessions: what goes over the pipes, by recorded output, and real pipes."""

from __future__ import annotations

import os
import sys
import time

import pytest
from unit.migrate.database_fakes import FakePipe

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import MigrateError
from ansible_collections.steady.deploy.plugins.module_utils.migrate.database.dialect import MariadbClient, Psql
from ansible_collections.steady.deploy.plugins.module_utils.migrate.database.pipe import Late, ProcessPipe
from ansible_collections.steady.deploy.plugins.module_utils.migrate.database.session import Session, open_session
from ansible_collections.steady.deploy.plugins.module_utils.migrate.database.where import parse_where

# Of psql 17 and mariadb 11.8, with the token `t`.
PSQL = "<begin-t>\n{}<begin-t> {} <end-t>\n"
XML = (
    '<?xml version="1.0"?>\n\n<resultset statement="SELECT \'{0}\'" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">\n'
    '  <row>\n\t<field name="{0}">{0}</field>\n  </row>\n</resultset>\n'
)
FIELDS = (
    '<?xml version="1.0"?>\n\n<resultset statement="select 1,null,&apos;a&lt;b&gt;" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">\n'
    '  <row>\n\t<field name="1">1</field>\n\t<field name="NULL" xsi:nil="true" />\n\t<field name=""></field>\n'
    '\t<field name="a&lt;b">a&lt;b&gt;&amp;lt;&quot;\t\n</field>\n  </row>\n\n'
    '  <row>\n\t<field name="1">ERROR 1 (x): y</field>\n  </row>\n</resultset>\n'
)
NOTHING = '<?xml version="1.0"?>\n\n<resultset statement="select 1 from dual where 0" xmlns:xsi="x"></resultset>\n'
FAILED = "--------------\nselect * from nope\n--------------\n\nERROR 1146 (42S02) at line 4: Table 'shop.nope' doesn't exist\n"


def psql(rows, state="false 00000 "):
    return PSQL.format(rows, state).encode()


def maria(body):
    return (XML.format("begin-t") + body + XML.format("end-t")).encode()


def ask(pipe, way):
    return Session("the database", pipe, way).query("SELECT 1", timeout=5)


@pytest.mark.parametrize(
    ("printed", "rows"),
    [
        ("", []),
        ("\n", [[""]]),
        ("1<|t><0t><|t><;t>a\nb\t<|t>x<|t>y\n", [["1", None, ""], ["a\nb\t", "x", "y"]]),
        ("\n\n", [["\n"]]),
    ],
)
def test_rows_of_psql(printed, rows):
    assert ask(FakePipe([psql(printed)]), Psql("t")) == rows


def test_rows_of_mariadb():
    told = ask(FakePipe([maria(FIELDS)]), MariadbClient("t"))
    assert told == [["1", None, "", 'a<b>&lt;"\t\n'], ["ERROR 1 (x): y"]]
    assert ask(FakePipe([maria(NOTHING)]), MariadbClient("t")) == []
    assert ask(FakePipe([maria("")]), MariadbClient("t")) == []


@pytest.mark.parametrize(
    ("way", "answer", "code", "said"),
    [
        (
            Psql("t"),
            psql('ERROR:  relation "nope" does not exist\n', 'true 42P01 relation "nope"\ndoes not exist'),
            "42P01",
            'relation "nope"\ndoes not exist',
        ),
        (MariadbClient("t"), maria(FAILED), "1146", "Table 'shop.nope' doesn't exist"),
    ],
)
def test_an_error_of_the_server_is_told_and_the_session_goes_on(way, answer, code, said):
    good = psql("1\n") if isinstance(way, Psql) else maria(FIELDS)
    pipe = FakePipe([answer, good])
    session = Session("the database", pipe, way)
    with pytest.raises(MigrateError) as caught:
        session.query("x")
    assert caught.value.facts == {"kind": None, "code": code, "said": said}
    assert session.query("x")
    assert pipe.closed == 0


@pytest.mark.parametrize("way", [Psql("t"), MariadbClient("t")])
def test_an_answer_comes_in_pieces(way):
    answer = psql("ä☃\n") if isinstance(way, Psql) else maria(FIELDS.replace("ERROR 1 (x): y", "ä☃"))
    pipe = FakePipe([answer[place : place + 1] for place in range(len(answer))])
    assert ask(pipe, way)[-1] == ["ä☃"]


def test_a_client_that_ends_says_why():
    said = b'psql: error: connection to server at "127.0.0.1", port 5432 failed: Connection refused\n\tIs the server running?\n'
    pipe = FakePipe([said])
    with pytest.raises(MigrateError) as caught:
        ask(pipe, Psql("t"))
    assert caught.value.facts["kind"] == "down"
    assert "Connection refused Is the server running?); see that it runs and answers" in caught.value.message
    assert pipe.closed == 1


def test_a_mariadb_client_that_goes_on_without_a_connection_is_ended():
    printed = XML.format("begin-t") + "ERROR 1927 (70100) at line 5: Connection was killed\nERROR 2006 (HY000): Server has gone away\n"
    pipe = FakePipe([printed.encode()], end=Late())
    with pytest.raises(MigrateError) as caught:
        ask(pipe, MariadbClient("t"))
    assert caught.value.facts["kind"] == "down"
    assert pipe.closed == 1


def test_such_words_in_a_value_end_nothing():
    odd = FIELDS.replace("ERROR 1 (x): y", "x\nERROR 2006 (HY000): Server has gone away\n")
    answer = maria(odd)
    cut = answer.index(b"gone away")
    assert ask(FakePipe([answer[:cut], answer[cut:]]), MariadbClient("t"))[1] == ["x\nERROR 2006 (HY000): Server has gone away\n"]


def test_no_answer_in_time_ends_the_session():
    pipe = FakePipe([b"<begin-t>\n"], end=Late())
    session = Session("the database", pipe, Psql("t"))
    with pytest.raises(MigrateError, match=r"^the database gave no answer within 5 s; see what it is busy with$"):
        session.query("SELECT 1", timeout=5)
    assert pipe.closed == 1
    with pytest.raises(MigrateError, match=r"^the database: the connection has ended$"):
        session.query("SELECT 1")
    session.close()
    assert pipe.closed == 1


class Stop(BaseException):
    pass


@pytest.mark.parametrize(("end", "error"), [(Stop(), Stop), (b"<end-t>\n", MigrateError)])
def test_what_comes_after_an_interruption_is_no_answer_to_the_next_question(end, error):
    pipe = FakePipe([b"<begin-t>\n"], end=end)
    session = Session("the database", pipe, Psql("t"))
    with pytest.raises(error):
        session.query("SELECT 1")
    assert pipe.closed == 1
    with pytest.raises(MigrateError, match="the connection has ended"):
        session.query("SELECT 1")


def test_text_in_sql():
    assert Psql().literal("a'b\\") == "'a''b\\'"
    assert MariadbClient().literal("ä'") == "CONVERT(x'c3a427' USING utf8mb4)"


def test_marks_are_never_the_same():
    assert Psql().mark != Psql().mark
    assert MariadbClient().mark != MariadbClient().mark


# --- real pipes


def python(code):
    return ProcessPipe([sys.executable, "-c", code], os.environ)


def test_a_real_pipe_carries_much_both_ways_and_ends():
    pipe = python("import sys; sys.stdout.write(sys.stdin.readline() * 2); sys.stdout.flush(); print(sys.stdin.read())")
    text = b"x" * 500_000 + b"\n"
    pipe.send(text, time.monotonic() + 10)
    got = b""
    while len(got) < 2 * len(text):
        got += pipe.receive(time.monotonic() + 10)
    assert got == text * 2
    pipe.close()


def test_a_real_pipe_waits_no_longer_than_it_may():
    pipe = python("import time; time.sleep(60)")
    begun = time.monotonic()
    with pytest.raises(Late):
        pipe.receive(begun + 0.3)
    with pytest.raises(Late):
        pipe.send(b"x" * 1_000_000, time.monotonic() + 0.3)
    assert time.monotonic() - begun < 5
    pipe.close()
    assert time.monotonic() - begun < 10


def test_a_client_that_has_ended():
    pipe = python("import os; os.write(1, b'bye\\n')")
    assert pipe.receive(time.monotonic() + 10) == b"bye\n"
    assert pipe.receive(time.monotonic() + 10) == b""
    # Its output ends a moment before its input does.
    with pytest.raises(BrokenPipeError):
        while True:
            pipe.send(b"x", time.monotonic() + 10)
            time.sleep(0.01)
    pipe.close()


def test_a_program_that_is_not_there(monkeypatch):
    monkeypatch.setenv("PATH", "/none")
    with pytest.raises(MigrateError) as caught:
        open_session(parse_where({"engine": "postgresql", "service": "db"}).at("c"))
    assert caught.value.message == "the database of service db refuses: docker: No such file or directory"
