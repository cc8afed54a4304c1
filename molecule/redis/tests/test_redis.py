"""What the role has made of a fresh host."""

from __future__ import annotations

import hashlib
import subprocess

import pytest
from e2e.outside import REFUSED, reach
from e2e.shown import shown

PASSWORD = "of-the-default-user"


@pytest.fixture(scope="module")
def address(host):
    """The host's address on the lab's network."""
    form = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
    name = host.ansible.get_variables()["inventory_hostname"]
    return subprocess.run(["docker", "inspect", "-f", form, name], capture_output=True, text=True, check=True).stdout.strip()


def ask(host, *words, user="default", password=PASSWORD):
    """What Redis says to a user."""
    command = "REDISCLI_AUTH=%s redis-cli --no-auth-warning --user %s " + " ".join(["%s"] * len(words))
    return host.run(command, password, user, *words).stdout.strip()


def test_nothing_is_reached_from_another_machine(host, address):
    assert reach([(address, 6379)]) == {(address, 6379): REFUSED}


def test_nobody_comes_in_without_the_password(host):
    assert ask(host, "ping") == "PONG"
    assert "NOAUTH" in host.run("redis-cli ping").stdout
    assert "WRONGPASS" in host.run("redis-cli -a wrong ping 2>&1").stdout


@pytest.mark.parametrize("command", ["config get dir", "flushall", "shutdown", "acl list", "replicaof no one"])
def test_users_may_not_manage(host, command):
    assert "NOPERM" in ask(host, *command.split())


def test_users_may_do_what_apps_do(host):
    assert ask(host, "set", "list", "1") == "OK"
    assert ask(host, "eval", "return redis.call('get', 'list')", "0") == "1"
    assert "redis_version" in ask(host, "info", "server")
    assert ask(host, "set", "cart:1", "x", user="cart", password="of-the-cart") == "OK"
    assert "NOPERM" in ask(host, "get", "list", user="cart", password="of-the-cart")
    assert "NOPERM" in ask(host, "eval", "return 1", "0", user="cart", password="of-the-cart")


def test_data_outlives_a_crash(host):
    ask(host, "set", "kept", "yes")
    with host.sudo():
        host.run("sleep 1.2; systemctl kill --signal=KILL redis-server.service")
        host.check_output("for i in $(seq 100); do redis-cli ping 2>&1 | grep -q NOAUTH && exit; sleep 0.1; done; exit 1")
    assert ask(host, "get", "kept") == "yes"


def test_no_secret_is_shown(host):
    secrets = [PASSWORD, "of-the-cart", "only-for-the-master"]
    secrets += [hashlib.sha256(word.encode()).hexdigest() for word in secrets]
    # Redis takes something over.
    assert shown(host, secrets, "-e", "redis_memory_mb=65") == []


def test_no_secret_is_told(host):
    with host.sudo():
        for name in ("redis.conf", "users.acl"):
            file = host.file(f"/etc/redis/{name}")
            assert (file.mode, file.user, file.group) == (0o640, "root", "redis")
            assert PASSWORD not in file.content_string
        assert host.file("/var/lib/steady-redis").mode == 0o700
        assert host.file("/var/lib/steady-redis/password").mode == 0o600
