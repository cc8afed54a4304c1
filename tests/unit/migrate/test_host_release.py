"""A release that is a folder: whose it is, where its tool runs, and what is beside it."""

from __future__ import annotations

import os

import pytest
from unit.migrate.database_fakes import FakeRunner

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import PreflightError, SpecError
from ansible_collections.steady.deploy.plugins.module_utils.core.runner import Account, SubprocessRunner
from ansible_collections.steady.deploy.plugins.module_utils.migrate import host
from ansible_collections.steady.deploy.plugins.module_utils.migrate.database.where import Where, client, parse_where
from ansible_collections.steady.deploy.plugins.module_utils.migrate.wish import MigrateWish

LOGIN = {"engine": "postgresql", "name": "shop", "user": "anna", "password": "geheim!", "host": "db.example.com", "port": 5433}


class Asked(FakeRunner):
    def run(self, argv, *, stdin=None, timeout=None, env=None, cwd=None):
        self.env, self.cwd = env, cwd
        return super().run(argv)


def test_the_tool_runs_in_the_release_with_its_environment():
    runner = Asked((0, "", ""), (0, "", ""))
    tool = host.HostTool(runner, "/srv/1", {"APP_ENV": "production", "PGOPTIONS": "-c search_path=shop"})
    tool.run(["php", "artisan"], env={"PGOPTIONS": "-c lock_timeout=2000", "PGAPPNAME": "x"})
    assert runner.cwd == "/srv/1" and runner.ran == [["php", "artisan"]]
    assert runner.env == {"APP_ENV": "production", "PGOPTIONS": "-c search_path=shop -c lock_timeout=2000", "PGAPPNAME": "x"}
    tool.run(["php"])
    assert runner.env["PGOPTIONS"] == "-c search_path=shop"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become somebody else")
def test_a_command_runs_as_another_user_with_the_conventions_of_all(tmp_path):
    runner = SubprocessRunner({"PATH": os.environ["PATH"]}, account=Account.named("nobody"))
    done = runner.run(["sh", "-c", "id -un; echo $USER; cat"], stdin="x", cwd="/")
    assert done.stdout.split() == ["nobody", "nobody", "x"]
    assert runner.run(["no-such-program"], cwd="/").rc == 127
    assert runner.run(["sleep", "5"], timeout=0.1, cwd="/").rc == 124
    assert runner.running == 0


def test_a_link_to_a_release_means_the_release(tmp_path):
    for name in ("1", "2", ".git"):
        (tmp_path / "releases" / name).mkdir(parents=True)
    (tmp_path / "releases" / "current").symlink_to("2")
    (tmp_path / "releases" / "notes.txt").touch()
    assert host.release_path(f"{tmp_path}/releases/current") == f"{tmp_path}/releases/2"
    assert host.kept_releases(f"{tmp_path}/releases") == ("1", "2")


def test_bad_folders_and_users_get_one_sentence(tmp_path, monkeypatch):
    for path, sentence in (("srv", "path must be a whole path"), (f"{tmp_path}/none", "is no folder on this host: unpack the release")):
        with pytest.raises(SpecError, match=sentence):
            host.release_path(path)
    with pytest.raises(SpecError, match="can't be read: No such file or directory; name the folder that holds the releases"):
        host.kept_releases(f"{tmp_path}/none")
    with pytest.raises(SpecError, match="this host has no user 'nobody-knows'"):
        host.account_of(str(tmp_path), "nobody-knows")
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    with pytest.raises(PreflightError, match="which only root may do: set `become: true`"):
        host.account_of(str(tmp_path), "nobody")


def test_the_tool_runs_as_who_owns_the_release(tmp_path, monkeypatch):
    owner = os.stat(tmp_path).st_uid
    assert host.account_of(str(tmp_path), None) is None
    monkeypatch.setattr(os, "stat", lambda path: os.stat_result((0, 0, 0, 0, 65534, 0, 0, 0, 0, 0)))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert host.account_of(str(tmp_path), None) == Account.named("nobody")
    monkeypatch.setattr(os, "stat", lambda path: os.stat_result((0, 0, 0, 0, 123456, 0, 0, 0, 0, 0)))
    with pytest.raises(SpecError, match="belongs to user number 123456, whom this host does not know: set `user`"):
        host.account_of(str(tmp_path), None)
    del owner


@pytest.mark.parametrize("command", ["mariadb shop", ["mariadb", "shop"]])
def test_a_client_that_the_engine_starts_on_mariadb_holds_a_mark(command):
    settings = host.settings_of(MigrateWish("sql", Where("mariadb", database="shop"), {"command": command}))
    said = settings["command"] if isinstance(command, str) else settings["command"][-1]
    assert "--init-command=DO GET_LOCK(" in said
    others = MigrateWish("sql", Where("postgresql", database="shop"), {"command": command})
    assert host.settings_of(others) == {"command": command}


def test_a_password_is_in_the_environment_only():
    where = parse_where(LOGIN, by_login=True)
    argv = client(where, "psql", ("-X",))
    assert argv == ["psql", "-X", "-w", "-h", "db.example.com", "-p", "5433", "-U", "anna", "-d", "shop"]
    assert where.environment() == {"PGPASSWORD": "geheim!"} and "geheim" not in repr(where)
    assert where.label == "the database shop on db.example.com"
    maria = parse_where({**LOGIN, "engine": "mariadb"}, by_login=True)
    assert client(maria, "mariadb", ()) == ["mariadb", "-h", "db.example.com", "-P", "5433", "-u", "anna", "shop"]
    assert maria.environment() == {"MYSQL_PWD": "geheim!"}
    local = parse_where({"engine": "mariadb", "name": "shop"}, by_login=True)
    assert local == parse_where({"engine": "mariadb", "name": "shop"}) and local.environment() == {}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            {"service": "db"},
            "database has the key 'service', which is not known; there are engine, name, run_as, host, port, user and password",
        ),
        ({"name": None}, "database has no `name`: say what it is called"),
        ({"user": None}, "database: host needs `user`, who connects to it"),
        ({"user": None, "host": None, "port": None}, "database: password needs `user`, whose it is"),
        ({"host": None}, "database: port needs `host`, where it is"),
        ({"run_as": "postgres"}, "database: run_as is for a database that knows the system's users"),
        ({"port": 0}, "database: port must be a whole number from 1 to 65535, not 0"),
        ({"host": "-x"}, "database: host must be a name or an address, not '-x'"),
        ({"password": 7}, "database: password must be a text"),
    ],
)
def test_a_bad_login_gets_one_sentence(change, sentence):
    with pytest.raises(SpecError) as caught:
        parse_where({**LOGIN, **change}, by_login=True)
    assert caught.value.message.startswith(sentence) and "geheim" not in caught.value.message


def test_a_compose_file_holds_no_password_of_a_database_of_the_host():
    with pytest.raises(SpecError, match="database has the key 'host', which is not known"):
        parse_where(LOGIN)
