"""Secrets of the environment: rotated by the playbook while users are at it, and a release of their own."""

from __future__ import annotations

import base64
import json
import typing as t

import pytest
from e2e.inside import journal, look
from e2e.users import Users
from full import only_full
from hotel import ROOT, Host

SECRETS = ROOT / ".lab/demo"
NEXT = ("app_key_next", "db_password_next")


@pytest.fixture
def fresh() -> t.Iterator[None]:
    """New secrets are made by the play, and do not stay."""
    for name in NEXT:
        (SECRETS / name).unlink(missing_ok=True)
    yield
    for name in NEXT:
        (SECRETS / name).unlink(missing_ok=True)


def secret(name: str) -> str:
    return (SECRETS / name).read_text().strip()


def key(name: str) -> str:
    return "base64:" + base64.b64encode(secret(name).encode()).decode()


def query(host: Host, password: str) -> bool:
    """Whether the app's user gets into the database with this password."""
    container = host.run("docker ps -q --filter label=steady.app=hotel --filter label=com.docker.compose.service=mariadb").strip()
    options = "--no-defaults --protocol=tcp --host=127.0.0.1 --user=hotel --execute 'select 1' hotel"
    return (
        host.run(f"docker exec --env MYSQL_PWD={password} {container} mariadb {options} >/dev/null 2>&1 && echo yes", check=False)
        == "yes\n"
    )


def restore(host: Host) -> None:
    """Give the database its first password again."""
    container = host.run("docker ps -q --filter label=steady.app=hotel --filter label=com.docker.compose.service=mariadb").strip()
    sql = f"ALTER USER hotel@'%' IDENTIFIED BY '{secret('db_password')}'"
    host.run(f'docker exec --user root {container} mariadb --no-defaults --socket=/tmp/mariadb.sock --execute "{sql}"')


@only_full
def test_secrets_are_rotated_unnoticed(host: Host, fresh: None) -> None:
    version = host.version()
    before = look(host)
    seen = len(journal(host))
    try:
        with Users(host) as users:
            _status, _headers, body = host.get("/bookings", "POST", {"reference": "rotated", "guest": "Grüße"})
            booking = json.loads(body)["id"]
            done = host.play(
                "playbooks/rotate_secret.yml", "-vvv", rotate=["APP_KEY", "DB_PASSWORD"], hotel_version=version, app_stream_drain_timeout=1
            )
            assert done.ok, done.output[-4000:]
            users.check(cuts=3)
        for name in ("app_key", "db_password", *NEXT):
            for shape in (secret(name), base64.b64encode(secret(name).encode()).decode()):
                assert shape not in done.output, f"{name} was printed"

        # Both keys read, the new one used, the old one gone: each a release of its own.
        served = [entry["release"] for entry in journal(host)[seen:] if entry["event"] == "closed"]
        assert len(set(served)) == 3 and before.served not in served
        after = look(host)
        assert after.served == served[-1] and after.leftovers() == []
        environment = host.run("cat /srv/hotel/.env")
        assert "APP_KEY_" not in environment and secret("db_password_next") in environment and secret("db_password") not in environment
        assert (query(host, secret("db_password")), query(host, secret("db_password_next"))) == (False, True)
        # Written with the key that is gone.
        status, _headers, body = host.get(f"/bookings/{booking}")
        assert (status, json.loads(body).get("guest")) == (200, "Grüße")

        # The same secrets again are no change.
        new = {"demo_app_key": key("app_key_next"), "demo_db_password": secret("db_password_next")}
        same = host.deploy(version, **new)
        assert same.ok and (same.changed, same.rollout["plan"]) == (0, []), same.output[-4000:]
        assert look(host).lives() == after.lives()
    finally:
        restore(host)

    # Other secrets are a new release.
    back = host.deploy(version, app_stream_drain_timeout=1)
    assert back.ok and back.rollout["changed"], back.output[-4000:]
    assert look(host).served == before.served
    # What is kept now has a password that is no more: no release to go back to for the next test.
    assert host.deploy("v3" if version == "v2" else "v2", app_stream_drain_timeout=1).ok


def test_a_secret_without_a_new_value_is_not_rotated(host: Host, fresh: None) -> None:
    before = look(host)
    done = host.play("playbooks/rotate_secret.yml", rotate="DB_PASSWORD", demo_db_password_next=secret("db_password"))
    assert not done.ok
    assert "rotate_secrets has no new value for DB_PASSWORD, or the one that app_env has already: give it another as `new`." in done.output
    assert look(host).files == before.files
