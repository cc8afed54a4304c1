"""A schema changes under load: a column is renamed over three releases, and what would hold users up is refused or ended."""

from __future__ import annotations

import threading
import typing as t

import pytest
from e2e.inside import look
from e2e.killer import Killer, Moment
from e2e.users import Users
from full import only_full
from hotel import Host, Played, build

MEMORY = "/var/lib/steady/hotel/migrations.json"
OPTIONS: dict[str, t.Any] = {"app_stream_drain_timeout": 1}


def sql(host: Host, text: str) -> str:
    """Ask the hotel's database as its user."""
    container = host.run("docker ps -q -f label=com.docker.compose.project=hotel -f label=com.docker.compose.service=mariadb").strip()
    client = 'MYSQL_PWD="$DB_PASSWORD" exec mariadb --no-defaults -N -B -h 127.0.0.1 -u "$DB_USERNAME" "$DB_DATABASE"'
    return host.run(f"docker exec -i {container} sh -c '{client}' <<'SQL'\n{text}\nSQL\n")


def tables(host: Host) -> list[str]:
    """The names of all tables."""
    return sql(host, "SHOW TABLES;").split()


@pytest.fixture
def schema(host: Host) -> t.Iterator[Host]:
    """The host, whose database is afterwards as it was: the other tests' releases know nothing of these changes."""
    names = tables(host)
    sql(host, "".join(f"CREATE TABLE before_{name} LIKE {name}; INSERT INTO before_{name} SELECT * FROM {name};" for name in names))
    yield host
    now = [name for name in tables(host) if not name.startswith("before_")]
    sql(host, "".join(f"DROP TABLE {name};" for name in now) + "".join(f"RENAME TABLE before_{name} TO {name};" for name in names))
    host.run(f"rm -f {MEMORY}")
    # Two, so that none is kept to which nobody could go back.
    for version in ("v1", "v2"):
        done = host.deploy(version, **OPTIONS)
        assert done.ok, done.output[-4000:]


def test_a_column_is_renamed_over_three_releases_and_nobody_notices(schema: Host) -> None:
    host = schema
    for version in ("rename-1", "rename-2", "rename-3"):
        build(version, version)
    build("rename-3b", "rename-3")
    with Users(host) as users:
        first = host.deploy("rename-1", **OPTIONS)
        assert first.ok, first.output[-4000:]
        assert [one["applied"] for one in first.rollout["migrated"]] == [["2026_04_01_090000_expand_add_stay_nights"]]
        # Nothing is pending any more: no change, and no question of the judge.
        assert host.deploy("rename-1", **OPTIONS).changed == 0
        second = host.deploy("rename-2", **OPTIONS)
        assert second.ok, second.output[-4000:]
        back = host.rollback(**OPTIONS)
        assert back.ok and host.version() == "rename-1", back.output[-4000:]
        assert host.deploy("rename-2", **OPTIONS).ok
        third = host.deploy("rename-3", **OPTIONS)
        assert third.ok, third.output[-4000:]
        # What takes the old column away waits: the release before it is kept, and reads it.
        assert third.rollout["migrated"][0]["held_back"] == ["2026_04_15_090000_contract_drop_nights"]
        assert "nights" in sql(host, "SHOW COLUMNS FROM bookings LIKE 'nights';")
        early = host.deploy("rename-3", **OPTIONS, app_contract=True)
        assert early.ok, early.output[-4000:]
        assert any("is still on the host and may need what it takes away" in one for one in early.rollout["warnings"]), early.rollout[
            "warnings"
        ]
        assert "nights" in sql(host, "SHOW COLUMNS FROM bookings LIKE 'nights';")
        last = host.deploy("rename-3b", **OPTIONS, app_contract=True)
        assert last.ok, last.output[-4000:]
        assert sql(host, "SHOW COLUMNS FROM bookings LIKE 'nights';") == ""
        result = users.check(cuts=6)
    assert set(result.versions) >= {"rename-1", "rename-2", "rename-3", "rename-3b"}
    assert sql(host, "SELECT COUNT(*) FROM bookings WHERE stay_nights IS NULL OR stay_nights = 0;").strip() == "0"


# tests/integration/test_migrate_run.py kills runs and tools in every run.
@only_full
@pytest.mark.parametrize("delay", [0.1, 1.0, 2.0, 3.0])
def test_a_run_killed_while_it_migrates_is_finished_by_the_next(schema: Host, delay: float) -> None:
    host = schema
    build("rename-1", "rename-1")
    before = look(host)
    ended: list[Played] = []
    with Users(host) as users:
        with Killer(host, Moment("migrate", delay)) as killer:
            run = threading.Thread(target=lambda: ended.append(host.deploy("rename-1", **OPTIONS)))
            run.start()
            seen = killer.wait(run.is_alive)
            run.join()
        assert seen["last"]["event"] == "step" or delay > 1, seen
        assert not ended[0].ok
        assert look(host).served == before.served and look(host).incomplete() == []
        # The tool that it had started goes on without it, and keeps others away for so long.
        again = host.deploy("rename-1", **OPTIONS, app_lock_wait=90)
        assert again.ok, again.output[-4000:]
        users.check(cuts=2)
    assert host.version() == "rename-1"
    assert sql(host, "SELECT COUNT(*) FROM migrations WHERE migration LIKE '%stay_nights%';").strip() == "1"
    assert "stay_nights" in sql(host, "SHOW COLUMNS FROM bookings LIKE 'stay_nights';")
    assert look(host).leftovers() == []


def test_what_copies_a_large_table_is_refused_and_its_safe_rewrite_passes(schema: Host) -> None:
    host = schema
    for version in ("unsafe-migration", "safe-migration"):
        build(version, version)
    _fill(host, 60_000)
    before = look(host)
    with Users(host, rate=30) as users:
        refused = host.deploy("unsafe-migration", **OPTIONS)
        assert not refused.ok
        assert "nothing was changed" in refused.rollout["msg"] and "Safe way:" in refused.rollout["msg"], refused.rollout["msg"]
        assert "\n" not in refused.rollout["msg"] and "Traceback" not in refused.output
        assert (look(host).served, look(host).lives()) == (before.served, before.lives())
        safe = host.deploy("safe-migration", **OPTIONS)
        assert safe.ok, safe.output[-4000:]
        users.check(cuts=1)


def test_what_is_waived_holds_users_up_no_longer_than_the_guard_lets_it(schema: Host) -> None:
    host = schema
    build("waived-migration", "waived-migration")
    _fill(host, 1_500_000)
    before = look(host)
    limits = {"limits": {"stall": 0.5, "lock_timeout": 0.5}, "tries": 2}
    migrate = {"tool": "artisan", "database": {"engine": "mariadb", "service": "mariadb", **_VARIABLES}, **limits}
    with Users(host, rate=30) as users:
        done = host.deploy("waived-migration", **OPTIONS, app_services={"migrate": {"migrate": migrate}})
        assert not done.ok and "the guard:" in done.rollout["msg"], done.rollout.get("msg", done.output[-3000:])
        assert done.rollout["msg"].endswith(f"Undone: release {before.served} serves as before")
        result = users.check(cuts=0)
    assert result.max_gap < 3, result.max_gap


_VARIABLES = {"user": "DB_USERNAME", "password": "DB_PASSWORD", "name": "DB_DATABASE"}


def _fill(host: Host, rows: int) -> None:
    """So many bookings more, like one that is there."""
    columns = "reference, room, nights, guest, status, created_at, updated_at"
    values = "CONCAT('filled-', seq), one.room, one.nights, one.guest, one.status, NOW(), NOW()"
    one = "(SELECT room, nights, guest, status FROM bookings ORDER BY id LIMIT 1) AS one"
    sql(host, f"INSERT INTO bookings ({columns}) SELECT {values} FROM {one}, seq_1_to_{rows}; ANALYZE TABLE bookings;")
