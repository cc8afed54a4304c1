"""What a refusal means, by recorded words of servers and of tools that repeat them."""

from __future__ import annotations

import pytest

from ansible_collections.steady.deploy.plugins.module_utils.migrate.database.explain import KINDS, failure, kind_of, sentence

RECORDED = [
    ("down", 'psql: error: connection to server at "127.0.0.1", port 5432 failed: Connection refused'),
    ("down", 'psql: error: connection to server on socket "/var/run/postgresql/.s.PGSQL.5432" failed: No such file or directory'),
    ("down", "FATAL:  the database system is starting up"),
    ("down", "ERROR 2002 (HY000): Can't connect to server on '127.0.0.1' (115)"),
    ("down", "SQLSTATE[HY000] [2002] Connection refused (SQL: select * from `migrations`)"),
    ("down", "SQLSTATE[HY000] [2002] php_network_getaddresses: getaddrinfo for db failed: Name or service not known"),
    ("down", "(2006, 'Server has gone away')"),
    ("password", 'FATAL:  password authentication failed for user "shop"'),
    ("password", "ERROR 1045 (28000): Access denied for user 'shop'@'127.0.0.1' (using password: YES)"),
    ("password", 'FATAL:  role "nobody" does not exist'),
    ("password", 'FATAL:  no pg_hba.conf entry for host "172.18.0.3", user "shop", database "shop", no encryption'),
    ("no_database", 'FATAL:  database "x" does not exist'),
    ("no_database", "ERROR 1044 (42000): Access denied for user 'shop'@'%' to database 'x'"),
    ("no_database", "SQLSTATE[HY000] [1049] Unknown database 'x'"),
    ("read_only", "ERROR:  cannot execute CREATE TABLE in a read-only transaction"),
    ("read_only", "ERROR 1290 (HY000): The MariaDB server is running with the --read-only option so it cannot execute this statement"),
    ("disk_full", 'could not extend file "base/16384/16402": No space left on device'),
    ("disk_full", "ERROR 1114 (HY000): The table 'big' is full"),
    ("connections", "FATAL:  sorry, too many clients already"),
    ("connections", "FATAL:  remaining connection slots are reserved for roles with the SUPERUSER attribute"),
    ("connections", "ERROR 1226 (42000): User 'shop' has exceeded the 'max_user_connections' resource (current value: 2)"),
    ("locked", "ERROR:  canceling statement due to lock timeout"),
    ("locked", "ERROR 1205 (HY000) at line 1: Lock wait timeout exceeded; try restarting transaction"),
    ("stopped", "Error response from daemon: No such container: shop-db-1"),
    ("stopped", "Error response from daemon: container 0123abc is not running"),
    ("client", "sh: 1: exec: mariadb: not found"),
    (
        "client",
        'OCI runtime exec failed: exec failed: unable to start container process: exec: "sh": executable file not found in $PATH: unknown',
    ),
    ("client", "runuser: failed to execute psql: No such file or directory"),
    ("pooler", "FATAL:  unsupported startup parameter: options"),
    (None, 'relation "nope" does not exist'),
    (None, 'ERROR:  role "reporting" does not exist'),
    (None, "column 28000 of relation 1045 does not exist"),
    (None, "You have an error in your SQL syntax near '2006'"),
]


@pytest.mark.parametrize(("kind", "text"), RECORDED)
def test_recorded_words(kind, text):
    assert kind_of(text) == kind
    assert (
        kind_of(f"Traceback (most recent call last):\n  File x\nsqlalchemy.exc.OperationalError: {text}\n(Background on this error)")
        == kind
    )


def test_every_kind_has_been_recorded_and_has_a_sentence():
    assert {kind for kind, dummy in RECORDED} == {*KINDS, None}
    for kind in KINDS:
        assert sentence("the database", kind, "x").startswith("the database ")


def test_a_code_counts_whatever_language_the_server_speaks():
    assert kind_of("keine Berechtigung", "28P01") == "password"
    assert kind_of("Aufnahme verweigert", "53300") == "connections"
    assert kind_of("x", "42P01") is None


def test_the_error_has_the_servers_words():
    error = failure("the database of service db", "FATAL:  password authentication\nfailed for user", "28P01")
    assert error.message == (
        "the database of service db refuses the user or the password (FATAL: password authentication failed for user); "
        "see that the variables named under `database` hold what the server knows"
    )
    assert error.facts == {"kind": "password", "code": "28P01", "said": "FATAL:  password authentication\nfailed for user"}
    assert failure("the database", "syntax error", "42601").message == "the database refuses: syntax error (42601)"
