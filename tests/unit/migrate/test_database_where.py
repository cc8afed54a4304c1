"""Where a database is: as it is read, and the client's argv."""

from __future__ import annotations

import subprocess

import pytest

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import SpecError
from ansible_collections.steady.deploy.plugins.module_utils.migrate.database.where import Where, client, parse_where

PG = {"engine": "postgresql", "service": "db"}
HOTEL = {"engine": "mariadb", "service": "mariadb", "user": "DB_USERNAME", "password": "DB_PASSWORD", "name": "DB_DATABASE"}


def test_what_is_given_and_what_is_not():
    assert parse_where({**PG, "user": None, "run_as": None}) == Where(
        "postgresql", "db", ("POSTGRES_USER",), ("POSTGRES_PASSWORD",), ("POSTGRES_DB", "POSTGRES_USER")
    )
    assert parse_where(HOTEL) == Where("mariadb", "mariadb", ("DB_USERNAME",), ("DB_PASSWORD",), ("DB_DATABASE",))
    assert parse_where({"engine": "mariadb", "name": "shop"}) == Where("mariadb", database="shop", run_as="root")
    assert parse_where({"engine": "postgresql", "name": "shop", "run_as": "anna"}).run_as == "anna"
    assert parse_where(PG).at("abc").container == "abc"


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        ("x", "database must be a mapping such as {engine: postgresql, service: db}, not 'x'"),
        ({**PG, "servce": 1}, "database has the key 'servce', which is not known, did you mean `service`?"),
        ({**PG, "x": 1}, "database has the key 'x', which is not known; there are engine, service, name, user, password and run_as"),
        ({"service": "db"}, "database has no `engine`: say postgresql or mariadb"),
        ({**PG, "engine": "postgres"}, "database: engine 'postgres' is not known, did you mean `postgresql`?"),
        ({**PG, "engine": 5}, "database: engine 5 is not known; there are postgresql and mariadb"),
        (
            {**PG, "engine": "mysql"},
            "database: engine 'mysql' is not supported, since MySQL shows its locks in other ways than MariaDB",
        ),
        ({**PG, "service": ""}, "database: service must be the name of an accessory of the app, not ''"),
        (
            {**PG, "password": "geheim!"},
            "database: password must be the name of a variable in the environment of db, such as POSTGRES_PASSWORD",
        ),
        ({**PG, "run_as": "x"}, "database: run_as is for a database of the host, which has no service: remove one of the two"),
        (
            {"engine": "mariadb"},
            "database has neither `service`, the accessory it is in, nor `name`, what it is called on the host: give it one",
        ),
        ({"engine": "mariadb", "user": "X"}, "database: user is for a database in a container: name its service, or remove user"),
        ({"engine": "mariadb", "name": "-x"}, "database: name must be what the database is called on the host, not '-x'"),
        ({"engine": "mariadb", "name": "x", "run_as": "a b"}, "database: run_as must be a user of the host, not 'a b'"),
    ],
)
def test_bad_input_gets_one_sentence(raw, sentence):
    with pytest.raises(SpecError) as caught:
        parse_where(raw)
    assert caught.value.message == sentence


def environment(where, program, **env):
    """What the shell script in the container makes of an environment."""
    argv = client(where.at("c"), program, ["-a", "b c"])
    assert argv[:5] == ["docker", "exec", "-i", "c", "sh"]
    script = argv[6].replace(f"exec {program}", 'printf "%s|" "$PGPASSWORD$MYSQL_PWD"')
    return subprocess.run(["sh", "-c", script, *argv[7:]], env=env, capture_output=True, text=True, check=True).stdout


def test_a_client_in_a_container_has_its_account_from_the_environment_there():
    odd = "a'b\"c $HOME `x` ä"
    told = environment(parse_where(PG), "psql", POSTGRES_USER="u", POSTGRES_PASSWORD=odd, POSTGRES_DB="d")
    assert told == f"{odd}|-a|b c|-h|127.0.0.1|-U|u|-d|d|"
    # As in PostgreSQL's own image.
    assert environment(parse_where(PG), "psql", POSTGRES_USER="u", POSTGRES_PASSWORD="p") == "p|-a|b c|-h|127.0.0.1|-U|u|-d|u|"
    maria = parse_where({"engine": "mariadb", "service": "db"})
    told = environment(maria, "mariadb", MYSQL_USER="u", MYSQL_PASSWORD="p", MYSQL_DATABASE="d")
    assert told == "p|--no-defaults|-a|b c|-h|127.0.0.1|-u|u|d|"
    told = environment(maria, "mariadb", MARIADB_USER="m", MARIADB_PASSWORD="q", MYSQL_PASSWORD="p", MARIADB_DATABASE="e")
    assert told == "q|--no-defaults|-a|b c|-h|127.0.0.1|-u|m|e|"
    assert environment(parse_where(HOTEL), "mariadb", DB_USERNAME="u", DB_PASSWORD="p", DB_DATABASE="d").startswith("p|")


def test_a_client_on_the_host_runs_as_a_user_of_it():
    argv = client(parse_where({"engine": "postgresql", "name": "shop"}), "psql", ["-X"])
    assert argv == ["runuser", "-u", "postgres", "--", "psql", "-X", "-d", "shop"]
    argv = client(parse_where({"engine": "mariadb", "name": "shop"}), "mariadb", ["--batch"])
    assert argv == ["runuser", "-u", "root", "--", "mariadb", "--batch", "shop"]


def test_only_one_that_is_asked_says_its_errors_among_its_answers():
    assert client(parse_where(PG), "psql", [])[6].endswith(" 2>&1")
    assert not client(parse_where(PG), "pg_dump", [], together=False)[6].endswith("2>&1")
