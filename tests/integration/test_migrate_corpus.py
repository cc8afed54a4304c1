"""The linter's corpus on real servers: each dangerous statement is dangerous, each safe one is safe, and no rule is folklore."""

from __future__ import annotations

import subprocess

import pytest
from integration.edge.host import ROOT
from integration.migrate_corpus import mariadb, postgresql
from integration.migrate_corpus.cases import Case, corpus
from integration.migrate_corpus.server import IMAGE

from ansible_collections.steady.deploy.plugins.module_utils.migrate.spec import MARIADB, POSTGRESQL
from ansible_collections.steady.deploy.plugins.plugin_utils.migrate_lint.enforce import guarded, probe_statements
from ansible_collections.steady.deploy.plugins.plugin_utils.migrate_lint.verdict import ALLOW

ON_POSTGRESQL = [case for case in corpus(POSTGRESQL).cases if not case.not_shown]
ON_MARIADB = [case for case in corpus(MARIADB).cases if not case.not_shown]
TRIED = [case for case in ON_MARIADB if len(case.sql) == 1 and guarded(case.sql[0])]


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


@pytest.mark.parametrize("case", TRIED, ids=str)
def test_a_guarded_statement_is_refused_exactly_where_the_rules_say_so(case: Case, mariadb_server):
    """Refused on the table and on its empty copy alike, or accepted on both."""
    harmless = case.shows["accepts"] in ("INSTANT", "NOCOPY, NONE")
    mariadb_server.fresh(case)
    *tried, clean = probe_statements(case.sql[0])
    on_copy = mariadb_server.errors(*tried)
    mariadb_server.well(clean)
    on_table = mariadb_server.errors(guarded(case.sql[0]))
    assert bool(on_table) is bool(on_copy) is not harmless
    assert set(on_table) | set(on_copy) <= mariadb.REFUSED
    if all(level == ALLOW for level in case.big.values()):
        assert harmless
