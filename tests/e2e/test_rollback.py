"""Going back to a kept release, running again without a change, and planning without touching anything."""

from __future__ import annotations

import base64

from e2e.inside import journal, look
from e2e.users import Users
from hotel import ROOT, Host


def test_back_to_the_release_before_by_a_shift_and_forth_by_name(host: Host) -> None:
    before = look(host)
    (kept,) = before.kept
    with Users(host) as users:
        back = host.rollback(app_stream_drain_timeout=1)
        assert back.ok, back.output[-4000:]
        after = look(host)
        assert (after.served, after.kept) == (kept, [before.served])
        assert host.version() == before.versions[kept]
        assert after.leftovers() == []
        # The very containers that were kept, started again: nothing was made anew, no migration was run.
        assert set(after.lives()) == set(before.lives())
        actions = [entry["action"] for entry in back.rollout["timeline"]]
        assert "shift" in actions and not {"create", "job", "migrate", "pull"} & set(actions), actions

        forth = host.rollback(app_release=before.served, app_stream_drain_timeout=1)
        assert forth.ok, forth.output[-4000:]
        again = look(host)
        assert (again.served, again.kept) == (before.served, [kept])
        assert set(again.lives()) == set(before.lives())
        assert again.leftovers() == []
        users.check(cuts=2)


def test_a_release_that_is_not_kept_is_refused(host: Host) -> None:
    before = look(host)
    done = host.rollback(app_release="0123456789ab")
    assert not done.ok
    assert done.rollout["msg"] == (
        f"release 0123456789ab of hotel is not kept on this host, so it can't be gone back to; kept: {before.served}, {before.kept[0]}"
    )
    after = look(host)
    assert (after.lives(), after.files[_CONF]) == (before.lives(), before.files[_CONF])
    assert after.leftovers() == []


def test_a_rerun_without_change_restarts_nothing(host: Host) -> None:
    before = look(host)
    entries = len(journal(host))
    done = host.deploy(host.version())
    assert done.ok, done.output[-4000:]
    assert (done.changed, done.rollout["changed"], done.rollout["plan"]) == (0, False, [])
    after = look(host)
    assert after.lives() == before.lives()
    assert after.files == {**before.files, _LOCK: after.files[_LOCK]}
    assert len(journal(host)) == entries
    assert after.leftovers() == []


def test_a_check_plans_and_touches_nothing(host: Host, unseen: str) -> None:
    # The lab's registry has no TLS, so Docker tells nothing of an image that is only there; the release would be provisional.
    for image in ("app", "web", "ws"):
        host.run(f"docker pull -q registry.lab:5000/hotel/{image}:{unseen}")
    before = look(host)
    done = host.deploy(unseen, "--check", "--diff")
    assert done.ok, done.output[-4000:]
    plan = done.rollout["plan"]
    release = done.rollout["release"]
    assert done.rollout["changed"] and release not in before.folders
    for begin in (
        "create release",
        "wait until app, web and ws",
        "migrate for release",
        "shift traffic from",
        "hand scheduler over",
        "remove",
    ):
        assert any(step.startswith(begin) for step in plan), f"no {begin!r} in {plan}"
    diff = done.rollout["diff"]
    assert f'"release": "{before.served}"' in diff["before"] and f'"release": "{release}"' in diff["after"]
    after = look(host)
    assert after.files == before.files
    assert after.lives() == before.lives()
    assert (after.networks, after.volumes, after.half_written) == (before.networks, before.volumes, [])
    _no_secret_in(done.output)

    # What was planned is what is done: the same release, the same steps.
    real = host.deploy(unseen, "--diff", app_stream_drain_timeout=1)
    assert real.ok, real.output[-4000:]
    assert real.rollout["release"] == release
    assert real.rollout["plan"] == [step for step in plan if not step.startswith("pull ")]
    _no_secret_in(real.output)


_CONF = "/etc/nginx/steady/hotel.conf"
_LOCK = "/var/lib/steady/hotel/lock"


def _no_secret_in(output: str) -> None:
    for name in ("app_key", "db_password", "redis_password"):
        secret = (ROOT / ".lab/demo" / name).read_text().strip()
        assert len(secret) >= 32
        for shape in (secret, base64.b64encode(secret.encode()).decode()):
            assert shape not in output, f"{name} was printed"
