# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A second app on the hotel's host, with a database that changes from release to release: the community under load."""

from __future__ import annotations

import typing as t

import pytest
from e2e.community import Community, Users
from e2e.inside import look
from full import only_full
from hotel import Host, Played, build


@pytest.fixture
def community(host: Host) -> t.Iterator[Community]:
    """The community at v1, as a new second app. At its end nothing of it is left, and the hotel has not noticed any of it."""
    before = look(host)
    for version, variant in (("v1", ""), ("v2", "expand"), ("unsafe", "unsafe")):
        build(version, variant, "community")
    made = Community(host.name, host.ssh_port, host.http_port, host.certificates)
    try:
        provisioned = made.play("playbooks/provision.yml", "--tags", "nginx,tls")
        assert provisioned.ok, provisioned.output[-4000:]
        _went(made.deploy("v1"))
        yield made
    finally:
        made.remove()
    after = look(host)
    assert after.lives() == before.lives()
    assert after.files == before.files
    assert after.leftovers() == []
    assert host.version() == before.versions[before.served]


def test_migrations_are_judged_and_applied_before_a_shift_and_stay_on_the_way_back(host: Host, community: Community) -> None:
    # More rows than a table may have whose rows are all rewritten under a lock.
    community.sql("INSERT INTO members (handle, name) VALUES ('many', 'Many')")
    many = "SELECT id, 'many', '', 'v1' FROM members, generate_series(1, 11000) WHERE handle = 'many'"
    community.sql(f"INSERT INTO posts (member_id, reference, text, version) {many}; ANALYZE posts")
    for version in ("v2", "unsafe"):
        host.run(f"docker pull -q registry.lab:5000/community/app:{version}")
    with Users(community) as users:
        planned = _went(community.deploy("v2", "--check", "--diff"))
        assert _pending(planned) == ["0003_display_name"]
        shown = str(planned.rollout["diff"])
        assert "ALTER TABLE members ADD COLUMN display_name TEXT" in shown and "0003_display_name" in shown

        refused = community.deploy("unsafe")
        assert not refused.ok and "migration 0003_post_token" in refused.rollout["msg"]
        assert refused.rollout["msg"].endswith("nothing was changed") and community.version() == "v1"
        assert _revision(community) == "0002_jobs"

        done = _went(community.deploy("v2", app_stream_drain_timeout=1))
        assert [one["applied"] for one in done.rollout["migrated"]] == [["0003_display_name"]]
        assert (community.version(), _revision(community)) == ("v2", "0003_display_name")
        _went(community.rollback(app_stream_drain_timeout=1))
        assert (community.version(), _revision(community)) == ("v1", "0003_display_name")
        users.check()


@only_full
def test_what_old_releases_need_goes_only_once_none_of_them_is_left(community: Community) -> None:
    for version in ("v3", "v4"):
        build(version, "contract", "community")
    with Users(community) as users:
        old = _went(community.deploy("v2")).rollout["release"]
        held = _went(community.deploy("v3")).rollout
        assert [(one["applied"], one["held_back"]) for one in held["migrated"]] == [(["0004_fill_display_name"], ["0005_drop_name"])]
        assert any("0005_drop_name waits until no older code is left" in warning for warning in held["warnings"])

        # Release v2 is kept, and could be gone back to.
        waits = _went(community.deploy("v3", app_contract=True)).rollout
        assert any(f"contract migration 0005_drop_name has to wait: release {old}" in warning for warning in waits["warnings"])
        assert (community.version(), _revision(community)) == ("v3", "0004_fill_display_name")

        _went(community.deploy("v4"))
        done = _went(community.deploy("v4", app_contract=True)).rollout
        assert [one["applied"] for one in done["migrated"]] == [["0005_drop_name"]]
        assert (community.version(), _revision(community)) == ("v4", "0005_drop_name")
        gone = community.deploy("v2")
        assert not gone.ok and "can't be rolled out: contract migration 0005_drop_name of service migrate" in gone.rollout["msg"]
        users.check()
    assert community.sql("SELECT count(*) FROM members WHERE display_name IS NULL") == "0"


def _went(played: Played) -> Played:
    assert played.ok, played.rollout.get("msg", played.output[-4000:])
    return played


def _pending(played: Played) -> list[str]:
    return [one["id"] for service in played.rollout["migrations"] for one in service["pending"]]


def _revision(community: Community) -> str:
    return community.sql("SELECT version_num FROM alembic_version")
