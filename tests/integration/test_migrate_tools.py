"""Each adapter against its real tool on a real database: one contract for all of them."""

from __future__ import annotations

import subprocess
import time

import pytest
from full import FULL
from integration.edge.host import ROOT
from integration.migrate.kits import ARTISAN, DJANGO, HERE, IMAGE, KITS, NAME, RAILS, Release, fresh, inside

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import MigrateError
from ansible_collections.steady.deploy.plugins.module_utils.migrate.spec import CONTRACT, EXPAND, MARIADB, UNKNOWN, Outcome


@pytest.fixture(scope="module")
def machine():
    subprocess.run(["bash", "lab/base-image.sh"], cwd=ROOT, check=True)
    build = ["docker", "build", "-q", "-t", IMAGE, "--target", "full" if FULL else "usual", "--label", "steady.lab=1", str(HERE)]
    done = subprocess.run(build, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    options = ["--init", "--name", NAME, "--label", "steady.lab=1", "--volume", f"{HERE}:/src:ro"]
    start = ["docker", "run", "-d", *options, IMAGE, "sh", "/src/serve"]
    subprocess.run(start, stdout=subprocess.DEVNULL, check=True)
    try:
        until = time.monotonic() + 60
        while subprocess.run(["docker", "exec", NAME, "test", "-e", "/run/ready"], capture_output=True, check=False).returncode:
            assert time.monotonic() < until, subprocess.run(["docker", "logs", NAME], capture_output=True, text=True, check=False).stderr
            time.sleep(0.2)
        yield
    finally:
        subprocess.run(["docker", "rm", "-f", NAME], capture_output=True, check=False)


@pytest.fixture(params=KITS, ids=str)
def kit(request, machine):
    fresh(request.param)
    return request.param


def test_from_an_empty_database_to_one_that_the_code_does_not_know(kit):
    release, adapter = Release(kit), kit.adapter
    assert adapter.pending(release).pending == kit.ids
    assert [(each.id, each.phase) for each in adapter.migrations(release, kit.ids)] == list(
        zip(kit.ids, (UNKNOWN, EXPAND, CONTRACT), strict=True)
    )
    # Alembic makes its own table, empty, when it is asked.
    assert release.tables() & {"rooms", "rooms_room", "migrations", "django_migrations", "schema_migrations", "steady_migrations"} == set()

    assert adapter.apply(release, kit.ids[:2]) == Outcome(kit.ids[:2])
    assert "nights" in release.columns()
    assert adapter.pending(release).pending == kit.ids[2:]
    (last,) = adapter.migrations(release, kit.ids[2:])
    if kit.tool == "rails":
        assert last.statements is None and "no dry run" in last.opaque
    else:
        assert last.opaque == "" and len(last.statements) == 1
        statement = last.statements[0].lower()
        assert "alter table" in statement and "drop" in statement and "nights" in statement

    release.add_broken()
    adapter.pending(release)
    outcome = adapter.apply(release, [kit.ids[2], kit.broken])
    assert (outcome.applied, outcome.failed) == ((kit.ids[2],), kit.broken)
    assert "nowhere" in outcome.reason and "\n" not in outcome.reason and "sesame" not in outcome.reason
    assert "nights" not in release.columns()
    assert (kit.half in release.tables()) == (not kit.transactional)
    assert (outcome.left == "nothing: it ran in a transaction") == kit.transactional
    assert outcome.left.startswith("possibly a part of it: ") != kit.transactional
    now = adapter.pending(release)
    if kit.tool == "sql" and kit.engine == MARIADB:
        assert now.pending == () and "004_broken.sql was begun and never ended" in now.drift[0]
        release.sql("DELETE FROM steady_migrations WHERE ended IS NULL")
    else:
        assert now.pending == (kit.broken,) and now.drift == ()

    release.remove_broken()
    release.asked.clear()
    done = adapter.pending(release)
    assert (done.pending, done.drift, len(release.asked)) == ((), (), 1)
    assert done.known == (() if kit.tool == "command" else kit.ids)

    release.remove(2)
    found = adapter.pending(release)
    assert found.pending == ()
    # These two list what the code has, and say nothing of anything else in the database.
    if kit.tool in ("artisan", "command"):
        assert found.drift == ()
    else:
        assert len(found.drift) == 1 and kit.ids[2] in found.drift[0] and "the code does not have it" in found.drift[0]


def test_artisan_finds_the_migrations_that_a_package_brings(machine):
    fresh(ARTISAN)
    inside("mkdir /work/vendor && mv /work/package /work/vendor/tokens")
    release, adapter, theirs = Release(ARTISAN), ARTISAN.adapter, "2026_01_02_120000_create_tokens"
    create, expand, contract = ARTISAN.ids
    # Before there is a table, in which Laravel keeps what it has applied, and afterwards.
    assert adapter.pending(release).pending == (create, expand, theirs, contract)
    assert adapter.apply(release, [create]) == Outcome((create,))
    (found,) = adapter.migrations(release, [theirs])
    assert found.opaque == "" and "create table `tokens`" in found.statements[0] and "class CreateTokens" in found.text
    assert ARTISAN.adapter.apply(release, [expand, theirs]) == Outcome((expand, theirs))
    assert "tokens" in release.tables() and "nights" in release.columns()
    assert ARTISAN.adapter.pending(release).pending == (contract,)


MORE = """from django.db import migrations
class Migration(migrations.Migration):
    dependencies = [("rooms", "0001_squashed")]
"""
SQUASHED = """from django.db import migrations, models
class Migration(migrations.Migration):
    initial = True
    replaces = [("rooms", "0001_initial"), ("rooms", "0002_nights"), ("rooms", "0003_contract_nights")]
    operations = [
        migrations.CreateModel("Room", [("id", models.BigAutoField(primary_key=True)), ("name", models.CharField(max_length=40))]),
    ]
"""


def test_django_may_lack_what_was_squashed(machine):
    fresh(DJANGO)
    release, adapter = Release(DJANGO), DJANGO.adapter
    assert adapter.apply(release, DJANGO.ids) == Outcome(DJANGO.ids)
    inside("rm /work/rooms/migrations/000?_*.py; cat >/work/rooms/migrations/0001_squashed.py", SQUASHED)
    squashed = adapter.pending(release)
    assert (squashed.known, squashed.pending, squashed.drift) == (("rooms.0001_squashed",), (), ())
    # Django notes down the squashed one behind whatever it applies next.
    inside("cat >/work/rooms/migrations/0002_more.py", MORE)
    assert adapter.pending(release).pending == ("rooms.0002_more",)
    assert adapter.apply(release, ["rooms.0002_more"]) == Outcome(("rooms.0002_more",))
    inside("mv /work/rooms/migrations/0002_more.py /tmp")
    (ahead,) = adapter.pending(release).drift
    assert "rooms.0002_more is applied" in ahead
    # Then the code may forget what it replaces.
    inside("mv /tmp/0002_more.py /work/rooms/migrations && sed -i /replaces/d /work/rooms/migrations/0001_squashed.py")
    forgot = adapter.pending(release)
    assert (forgot.pending, forgot.drift) == ((), ())


@pytest.mark.skipif(not FULL, reason="only in a full run, which has Rails")
def test_rails_may_lack_old_migrations(machine):
    fresh(RAILS)
    release, adapter = Release(RAILS), RAILS.adapter
    assert adapter.apply(release, RAILS.ids[:2]) == Outcome(RAILS.ids[:2])
    release.remove(0)
    found = adapter.pending(release)
    assert (found.known, found.pending, found.drift) == (RAILS.ids[1:], RAILS.ids[2:], ())
    # With none in common it may be another app's database.
    release.remove(1)
    assert len(adapter.pending(release).drift) == 2


def test_the_database_is_down_or_refuses_the_password(kit):
    with pytest.raises(MigrateError, match="can't reach the database") as down:
        kit.adapter.pending(Release(kit, port="1"))
    with pytest.raises(MigrateError, match="is refused by the database") as refused:
        kit.adapter.pending(Release(kit, password="open-open"))
    for error in (down, refused):
        assert "open-open" not in error.value.message and "sesame" not in error.value.message
        assert "line " not in error.value.message and "release's environment" in error.value.message
