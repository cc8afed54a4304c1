"""The backup gate: as it is read, and what it lets pass."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import pytest
from unit.migrate.database_fakes import FakeClock, FakeRunner

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import CommandError, MigrateError, SpecError
from ansible_collections.steady.deploy.plugins.module_utils.core.runner import SubprocessRunner
from ansible_collections.steady.deploy.plugins.module_utils.migrate.backup import Backup, check_engine, gate, parse_backup
from ansible_collections.steady.deploy.plugins.module_utils.migrate.database.where import parse_where
from ansible_collections.steady.deploy.plugins.module_utils.migrate.dumps import whole

NOW = 1_800_000_000.0
WHERE = parse_where({"engine": "postgresql", "service": "db"}).at("c")
RESTIC = {"newest": "restic", "max_age": "24h", "repository": "/srv/r", "password_file": "/etc/r"}
PG_END = "--\n-- PostgreSQL database dump complete\n--\n\n\\unrestrict abcdefgh\n\n"
MARIA_END = "/*M!100616 SET NOTE_VERBOSITY=@OLD_NOTE_VERBOSITY */;\n\n-- Dump completed on 2026-11-28 14:03:25\n"


def test_what_is_given():
    assert parse_backup({**RESTIC, "tag": "db"}) == Backup("restic", 86400.0, (), "", "/srv/r", "/etc/r", "db")
    assert parse_backup({"take": ["backup", "now"]}) == Backup(take=("backup", "now"))
    assert parse_backup({"newest": ["age"], "max_age": 60, "take": "pg_dump", "folder": "/b"}) == Backup(("age",), 60.0, "pg_dump", "/b")


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        ("restic", "backup must be a mapping such as {newest: restic, max_age: 24h}, not 'restic'"),
        ({"newst": "restic"}, "backup has the key 'newst', which is not known, did you mean `newest`?"),
        ({}, "backup has neither `newest`, which tells the newest backup, nor `take`, which makes one: give it one"),
        ({"newest": "restik", "max_age": 1}, "backup: newest 'restik' is not known, did you mean `restic`?"),
        ({"take": "restic"}, "backup: take 'restic' is not known; there are pg_dump and mariadb-dump, or a command as a list of words"),
        ({"newest": []}, "backup: newest is a command without a word: name a program, or one of restic, pg_dump and mariadb-dump"),
        ({"newest": ["x"]}, "backup: `newest` needs `max_age`, how old the newest backup may be, such as 24h"),
        ({"take": ["x"], "max_age": 5}, "backup: `max_age` needs `newest`, which tells the newest backup"),
        ({"take": "pg_dump"}, "backup: pg_dump needs `folder`"),
        ({**RESTIC, "repository": None}, "backup: restic needs `repository`"),
        ({"take": ["x"], "folder": "/b"}, "backup: folder is for pg_dump and mariadb-dump: remove it, or name that preset"),
        ({"take": ["x"], "tag": "b"}, "backup: tag is for restic: remove it, or name that preset"),
        ({"take": "pg_dump", "folder": "b"}, "backup: folder is an absolute path, not 'b'"),
        ({"newest": ["x"], "max_age": 0}, "backup: max_age must lie between 1 and 1e+08 seconds, not 0"),
    ],
)
def test_bad_input_gets_one_sentence(raw, sentence):
    with pytest.raises(SpecError) as caught:
        parse_backup(raw)
    assert caught.value.message == sentence


def test_a_dump_of_another_engine():
    check_engine(parse_backup({"take": "pg_dump", "folder": "/b"}), WHERE)
    with pytest.raises(SpecError, match="mariadb-dump can't dump the database of service db, which is postgresql"):
        check_engine(parse_backup({"take": "mariadb-dump", "folder": "/b"}), WHERE)


def command(printed, max_age="1h", rc=0, **more):
    """What the gate says where a command prints this about the newest backup."""
    runner = FakeRunner((rc, printed, "it broke\n"), (0, "", ""))
    return gate(parse_backup({"newest": ["newest-backup"], "max_age": max_age, **more}), runner, WHERE, FakeClock(NOW)), runner


@pytest.mark.parametrize(
    "printed",
    ["1799999000\n", "some words\n1799999000.5\n\n", "2027-01-15T07:43:20Z", "2027-01-15 07:43:20", "2027-01-15T09:43:20.25+02:00"],
)
def test_a_command_tells_the_time_of_the_newest(printed):
    told, dummy = command(printed)
    assert 998 <= told["age"] <= 1001
    assert told["taken"] is False


@pytest.mark.parametrize(
    ("printed", "sentence"),
    [
        ("", "there is no whole backup, and none older than 60 minutes is accepted before a migration: make one, then run again"),
        (
            "1799990000",
            "the newest backup, 1799990000, is 3 hours old, and none older than 60 minutes is accepted before a migration: "
            "make one, then run again",
        ),
        (
            "1800090000",
            "the newest backup, 1800090000, is from a time that has yet to come, by 25 hours, and none older than 60 minutes "
            "is accepted before a migration: make one, then run again",
        ),
        (
            "yesterday",
            "newest-backup is to print the time of the newest backup in its last line, as seconds since 1970 or such as "
            "2026-01-31T04:00:00Z, but printed 'yesterday'",
        ),
    ],
)
def test_without_a_young_backup_there_is_no_way_on(printed, sentence):
    with pytest.raises(MigrateError) as caught:
        command(printed)
    assert caught.value.message == sentence


def test_a_command_that_fails_is_no_backup():
    with pytest.raises(CommandError, match="newest-backup can't tell the newest backup: it broke"):
        command("1799999000\n", rc=1)


def test_one_is_made_only_where_there_is_none():
    told, runner = command("1799999000", take=["make", "it"])
    assert (told["taken"], len(runner.ran)) == (False, 1)
    told, runner = command("1700000000", take=["make", "it"])
    assert told == {"name": "make it", "age": 0, "taken": True}
    assert runner.ran[1] == ["make", "it"]


def test_a_backup_that_fails_is_told():
    with pytest.raises(CommandError, match=r"the backup before the migration failed \(make\): no room"):
        gate(parse_backup({"take": ["make"]}), FakeRunner((1, "", "no room\n")), WHERE, FakeClock(NOW))


# Of restic 0.18, one snapshot of each of two paths.
SNAPSHOTS = [
    {"time": "2027-01-15T07:43:20.123456789Z", "paths": ["/srv/a"], "hostname": "web1", "id": "aa11", "short_id": "aa11"},
    {"time": "2027-01-15T08:53:20.5+01:00", "paths": ["/srv/b"], "hostname": "web1", "id": "bb22", "short_id": "bb22"},
]


def test_restic():
    runner = FakeRunner((0, json.dumps(SNAPSHOTS), ""))
    told = gate(parse_backup({**RESTIC, "tag": "db"}), runner, WHERE, FakeClock(NOW))
    assert told["name"] == "restic snapshot bb22"
    assert 399 <= told["age"] <= 400
    assert runner.ran == [
        ["restic", "-r", "/srv/r", "--password-file", "/etc/r", "--no-lock", "snapshots", "--json", "--latest", "1", "--tag", "db"]
    ]


@pytest.mark.parametrize("printed", ["null\n", "[]\n"])
def test_restic_without_a_snapshot(printed):
    with pytest.raises(MigrateError, match="there is no whole backup"):
        gate(parse_backup(RESTIC), FakeRunner((0, printed, "")), WHERE, FakeClock(NOW))


@pytest.mark.parametrize("printed", ["x", '[{"id": "a"}]', "[1]", "5"])
def test_restic_in_words_that_are_not_known(printed):
    with pytest.raises(MigrateError, match="restic's answer is none that is known"):
        gate(parse_backup(RESTIC), FakeRunner((0, printed, "")), WHERE, FakeClock(NOW))


# --- dumps


def put(folder: Path, name: str, text: bytes, at: float = NOW - 60) -> str:
    path = folder / name
    path.write_bytes(text)
    os.utime(path, (at, at))
    return str(path)


@pytest.mark.parametrize("end", [PG_END, MARIA_END])
def test_a_whole_dump_and_ones_cut_short(tmp_path, end):
    text = (b"CREATE TABLE t (a int);\n" * 5000) + end.encode()
    assert whole(put(tmp_path, "a.sql", text))
    assert not whole(put(tmp_path, "b.sql", text[: -len(end)]))
    packed = gzip.compress(text)
    assert whole(put(tmp_path, "a.sql.gz", packed))
    assert not whole(put(tmp_path, "b.sql.gz", packed[:-20]))
    assert not whole(put(tmp_path, "c.sql.gz", packed[:-5] + b"xxxxx"))
    assert not whole(put(tmp_path, "d.sql.gz", gzip.compress(text[: -len(end)])))
    assert not whole(put(tmp_path, "e.sql.gz", text))
    assert not whole(put(tmp_path, "f.sql", b""))
    assert not whole(str(tmp_path / "none.sql"))


def test_the_newest_whole_dump_counts(tmp_path):
    good = put(tmp_path, "a.sql", PG_END.encode(), NOW - 500)
    put(tmp_path, "b.sql", b"CREATE", NOW - 50)
    put(tmp_path, "c.sql.part", PG_END.encode(), NOW - 5)
    put(tmp_path, "d.sql", PG_END.encode(), NOW - 5000)
    backup = parse_backup({"newest": "pg_dump", "max_age": 600, "folder": str(tmp_path)})
    assert gate(backup, FakeRunner(), WHERE, FakeClock(NOW)) == {"name": good, "age": 500, "taken": False}
    with pytest.raises(MigrateError, match=r"the newest backup, .*a\.sql, is 17 minutes old"):
        gate(backup, FakeRunner(), WHERE, FakeClock(NOW + 500))


def test_a_folder_that_is_not_there():
    backup = parse_backup({"newest": "pg_dump", "max_age": 600, "folder": "/none/at/all"})
    with pytest.raises(MigrateError, match="the folder of the backups, /none/at/all, can't be read: No such file or directory"):
        gate(backup, FakeRunner(), WHERE, FakeClock(NOW))


def client(tmp_path, script):
    """A docker that is none: does what the script says instead of dumping."""
    program = tmp_path / "bin" / "docker"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return SubprocessRunner({"PATH": f"{program.parent}:{os.environ['PATH']}"})


def test_a_dump_has_its_name_once_it_is_whole(tmp_path):
    folder = tmp_path / "b"
    folder.mkdir()
    backup = parse_backup({"take": "pg_dump", "folder": str(folder)})
    told = gate(backup, client(tmp_path, f"ls {folder} >{tmp_path}/seen; cat <<'E'\n{PG_END}\nE"), WHERE, FakeClock(NOW))
    assert told["name"] == f"{folder}/db-20270115T080000Z.sql"
    assert (tmp_path / "seen").read_text() == "db-20270115T080000Z.sql.part\n"
    assert os.listdir(folder) == ["db-20270115T080000Z.sql"]


@pytest.mark.parametrize(
    ("script", "error", "sentence"),
    [
        (
            "echo half; echo 'no such database' >&2; exit 3",
            CommandError,
            "a dump of the database of service db can't be made: no such database",
        ),
        ("echo half", MigrateError, "pg_dump of the database of service db ended without an error but wrote no whole dump to "),
    ],
)
def test_a_dump_that_is_not_whole_is_removed(tmp_path, script, error, sentence):
    folder = tmp_path / "b"
    folder.mkdir()
    backup = parse_backup({"take": "pg_dump", "folder": str(folder)})
    with pytest.raises(error) as caught:
        gate(backup, client(tmp_path, script), WHERE, FakeClock(NOW))
    assert caught.value.message.startswith(sentence)
    assert os.listdir(folder) == []
