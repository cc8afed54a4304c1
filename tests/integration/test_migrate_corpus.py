"""The linter's corpus on real servers: each dangerous statement is dangerous, each safe one is safe, and no rule is folklore."""

from __future__ import annotations

import re
import subprocess

import pytest
from integration.edge.host import ROOT
from integration.migrate_corpus import mariadb, postgresql
from integration.migrate_corpus.cases import Case, corpus
from integration.migrate_corpus.server import IMAGE

from ansible_collections.steady.deploy.plugins.module_utils.migrate.database.online import answers
from ansible_collections.steady.deploy.plugins.module_utils.migrate.online import FREE, REFUSED, Question, read
from ansible_collections.steady.deploy.plugins.module_utils.migrate.spec import MARIADB, POSTGRESQL, Migration
from ansible_collections.steady.deploy.plugins.plugin_utils.migrate_lint.verdict import ALLOW

ON_POSTGRESQL = [case for case in corpus(POSTGRESQL).cases if not case.not_shown]
ON_MARIADB = [case for case in corpus(MARIADB).cases if not case.not_shown]
ASKED = [case for case in ON_MARIADB if isinstance(read(case.sql[-1]), Question)]


@pytest.fixture(scope="module")
def image() -> None:
    mirror = subprocess.run(
        ["bash", "-c", "source lab/lib.sh && debian_mirror"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()
    subprocess.run(["bash", "lab/base-image.sh"], cwd=ROOT, check=True)
    build = ["docker", "build", "-q", "-t", IMAGE, "--label", "steady.lab=1", "--build-arg", f"MIRROR={mirror}"]
    done = subprocess.run([*build, "tests/integration/migrate_corpus"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def postgresql_shows(image):
    for server in postgresql.postgresql(corpus(POSTGRESQL)):
        yield dict(zip(map(id, ON_POSTGRESQL), server.show_all(ON_POSTGRESQL)))


@pytest.fixture(scope="module")
def mariadb_server(image):
    yield from mariadb.mariadb(corpus(MARIADB))


@pytest.mark.parametrize("case", ON_POSTGRESQL, ids=str)
def test_postgresql_shows_what_the_corpus_says(case: Case, postgresql_shows):
    assert postgresql_shows[id(case)] == case.shows


@pytest.mark.parametrize("case", ON_MARIADB, ids=str)
def test_mariadb_shows_what_the_corpus_says(case: Case, mariadb_server):
    assert mariadb_server.show(case) == case.shows


@pytest.mark.parametrize("case", ASKED, ids=str)
def test_the_servers_answer_on_an_empty_copy_is_what_it_does_to_the_table(case: Case, mariadb_server):
    """What it does where nothing is asked for is the first thing that it accepts, in its own order of preference."""
    mariadb_server.fresh(case)
    before = mariadb_server.well("SHOW TABLES", "SHOW CREATE TABLE t")
    answer = answers(mariadb_server.opens, [Migration("m", statements=case.sql[-1:])])["m"][0]
    assert answer is not None
    assert answer.word == (REFUSED if "SHARED" in case.shows["accepts"] else FREE)
    assert mariadb_server.well("SHOW TABLES", "SHOW CREATE TABLE t") == before
    if all(level == ALLOW for level in case.big.values()):
        assert answer.word == FREE


def test_what_is_not_asked_of_the_corpus_is_about_keys_partitions_and_names():
    others = [case.sql[-1] for case in ON_MARIADB if "accepts" in case.shows and case not in ASKED]
    assert len(ASKED) > 55 and all(re.search("REFERENCES|PARTITION|RENAME TO", sql) for sql in others), others


def test_statements_that_build_on_each_other_are_asked_one_after_the_other(mariadb_server):
    mariadb_server.fresh(ON_MARIADB[0])
    first = ("ALTER TABLE t ADD COLUMN x int", "ALTER TABLE t ADD FULLTEXT INDEX (c)", "ALTER TABLE t MODIFY x bigint")
    then = ("ALTER TABLE t DROP COLUMN x", "CREATE INDEX t_c ON t (c(20))", "ALTER TABLE t DROP KEY c", "ALTER TABLE t MODIFY nn int")
    found = answers(mariadb_server.opens, [Migration("1", statements=first), Migration("2", statements=then)])
    truth = [mariadb_server.strongest(statement) for statement in (*first, *then)]
    assert [one.word for one in (*found["1"], *found["2"])] == [REFUSED if "SHARED" in clause else FREE for clause in truth]
    assert truth[3] == "INPLACE, SHARED", "with a full-text index it is no longer done at once"
    # What fails is no answer, and what comes behind it is not known.
    wrong = ("ALTER TABLE t DROP COLUMN x", "ALTER TABLE t ADD COLUMN y int")
    assert answers(mariadb_server.opens, [Migration("3", statements=wrong)]) == {"3": (None, None)}


def test_what_the_copy_lacks_does_not_make_it_more_willing_than_the_table(mariadb_server):
    """A table whose foreign key deletes its rows is never copied beside writers, and nor is any where the server locks as of old."""
    mariadb_server.fresh(ON_MARIADB[0])
    mariadb_server.well("ALTER TABLE t ADD CONSTRAINT to_p FOREIGN KEY (p_id) REFERENCES p (id) ON DELETE CASCADE")
    change, beside = "ALTER TABLE t MODIFY a bigint", "ALTER TABLE t MODIFY nn int"
    assert mariadb_server.errors(f"{change}, ALGORITHM=COPY, LOCK=NONE") == ["1846"]
    asked = [Migration("m", statements=(change, beside))]
    assert [one.word for one in answers(mariadb_server.opens, asked)["m"]] == [REFUSED, FREE]
    mariadb_server.well("ALTER TABLE t DROP FOREIGN KEY to_p")
    assert [one.word for one in answers(mariadb_server.opens, asked)["m"]] == [FREE, FREE]
    mariadb_server.well("SET SESSION old_mode = 'LOCK_ALTER_TABLE_COPY'")
    assert [one.word for one in answers(mariadb_server.opens, asked)["m"]] == [REFUSED, FREE]
    mariadb_server.well("SET SESSION old_mode = DEFAULT")
