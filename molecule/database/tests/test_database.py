"""What the role has made of a fresh host, for both engines."""

from __future__ import annotations

import subprocess

import pytest
from e2e.outside import REFUSED, reach

ENGINES = ("mariadb", "postgresql")
PASSWORDS = {"shop": "one-of-mine", "clerk": "two-of-mine", "auditor": "three'of \"mine"}


@pytest.fixture(scope="module")
def address(host):
    """The host's address on the lab's network."""
    form = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
    name = host.ansible.get_variables()["inventory_hostname"]
    return subprocess.run(["docker", "inspect", "-f", form, name], capture_output=True, text=True, check=True).stdout.strip()


def ask(host, engine, statement, user="", database="shop_main", password=None, where="127.0.0.1"):
    """One statement as a user by TCP, or as the operating system's own user by the socket."""
    secret = PASSWORDS.get(user, "") if password is None else password
    if engine == "mariadb":
        way = "MYSQL_PWD=%s mariadb --no-defaults --batch --skip-column-names"
        way += f" --protocol=TCP --host={where} --user={user}" if user else ""
        return host.run(f"{way} --database=%s --execute %s", secret, database, statement)
    way = "psql --no-psqlrc --tuples-only --no-align --set=ON_ERROR_STOP=1"
    if user:
        way = f"PGPASSWORD=%s {way} --host={where} --username={user}"
        return host.run(f"{way} --dbname=%s --command=%s", secret, database, statement)
    return host.run(f"{way} --dbname=%s --command=%s", database, statement)


def test_nothing_is_reached_from_another_machine(host, address):
    assert reach([(address, 3306), (address, 5432)]) == {(address, 3306): REFUSED, (address, 5432): REFUSED}
    with host.sudo():
        listening = host.check_output("ss -Hltn '( sport = 3306 or sport = 5432 )'").splitlines()
    assert sorted(line.split()[3] for line in listening) == ["127.0.0.1:3306", "127.0.0.1:5432"]


@pytest.mark.parametrize("engine", ENGINES)
def test_everyone_may_do_what_they_should_and_nothing_else(host, engine):
    may = {
        ("shop", "CREATE TABLE IF NOT EXISTS item (id int)"): True,
        ("shop", "INSERT INTO item VALUES (1)"): True,
        ("clerk", "INSERT INTO item VALUES (2)"): True,
        ("clerk", "CREATE TABLE other (id int)"): False,
        ("clerk", "DROP TABLE item"): False,
        ("auditor", "SELECT count(*) FROM item"): True,
        ("auditor", "INSERT INTO item VALUES (3)"): False,
    }
    found = {key: ask(host, engine, key[1], key[0]) for key in may}
    assert {key: result.rc == 0 for key, result in found.items()} == may, [result.stderr for result in found.values()]
    assert ask(host, engine, "SELECT 1", "shop", database="reports").rc != 0
    assert ask(host, engine, "SELECT 1", "clerk", database="reports").rc == 0
    assert ask(host, engine, "SELECT 1", "shop", password="wrong").rc != 0
    assert ask(host, engine, "SELECT 1", "shop", password="").rc != 0
    assert ask(host, engine, "SELECT 1", "nobody", password="").rc != 0


@pytest.mark.parametrize("engine", ENGINES)
def test_without_a_password_the_socket_knows_who_it_is(host, engine):
    assert ask(host, engine, "SELECT 1", database="reports").rc == 0
    assert ask(host, engine, "SELECT 1", "ops", database="reports", password="").rc != 0
    assert ask(host, engine, "SELECT 1", database="shop_main").rc != 0


def test_mariadb_has_no_account_nobody_asked_for(host):
    way = "mariadb --batch --skip-column-names --execute %s"
    with host.sudo():
        accounts = host.check_output(way, "SELECT CONCAT(User, '@', Host) FROM mysql.user WHERE is_role = 'N'").split()
        grants = host.check_output(way, "SHOW GRANTS FOR auditor@localhost").splitlines()
    users = ("mariadb.sys", "root", "mysql", "shop", "clerk", "auditor", "ops")
    assert sorted(accounts) == sorted(f"{user}@localhost" for user in users)
    assert [line.split(" TO ")[0] for line in grants] == ["GRANT USAGE ON *.*", "GRANT SELECT, SHOW VIEW ON `shop\\\\_main`.*"]


def test_sizes_fit_the_memory_given(host):
    with host.sudo():
        assert host.check_output("mariadb -BNe %s", "SELECT @@innodb_buffer_pool_size DIV 1048576, @@max_connections") == "240\t24"
        assert host.check_output("psql -XAtU postgres -c %s", "SHOW shared_buffers") == "128MB"


@pytest.mark.parametrize("engine", ENGINES)
def test_tls_is_there_for_who_wants_it(host, engine):
    if engine == "mariadb":
        done = host.run("MYSQL_PWD=one-of-mine mariadb --no-defaults --ssl -h 127.0.0.1 -u shop -BNe %s", "SHOW STATUS LIKE 'Ssl_version'")
        assert done.stdout.split() == ["Ssl_version", "TLSv1.3"], done.stderr
    else:
        way = "host=127.0.0.1 user=shop dbname=shop_main sslmode=verify-full sslrootcert=/etc/steady/database/postgresql/fullchain.pem"
        done = host.run("PGPASSWORD=one-of-mine psql -XAtc %s %s", "SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()", way)
        assert done.stdout.strip() == "TLSv1.3", done.stderr
    with host.sudo():
        key = host.file(f"/etc/steady/database/{engine}/privkey.pem")
        assert (key.mode, key.user) == (0o600, "mysql" if engine == "mariadb" else "postgres")


@pytest.mark.parametrize("engine", ENGINES)
def test_slow_statements_are_logged_and_logs_rotate(host, engine):
    slow = "SELECT SLEEP(1.1)" if engine == "mariadb" else "SELECT pg_sleep(1.1)"
    assert ask(host, engine, slow, "shop").rc == 0
    with host.sudo():
        assert slow[7:15].lower() in host.check_output("cat /var/log/mysql/mariadb-slow.log /var/log/postgresql/*.log").lower()
        name = "mariadb" if engine == "mariadb" else "postgresql-common"
        host.check_output(f"logrotate --force /etc/logrotate.d/{name}")
        assert host.check_output("ls /var/log/mysql /var/log/postgresql | grep -c '\\.1$'") != "0"
