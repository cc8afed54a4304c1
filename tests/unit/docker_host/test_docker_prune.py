"""What the role docker_host's pruning takes for unused."""

from __future__ import annotations

import fcntl
import importlib.util
import json
from pathlib import Path

import pytest

FILES = Path(__file__).resolve().parents[3] / "roles/docker_host/files"
SPEC = importlib.util.spec_from_file_location("docker_prune", FILES / "prune.py")
prune = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(prune)

NOW = prune.seconds("2026-11-21T12:00:00Z")
OLD, YOUNG = "2026-11-01T12:00:00.123456789Z", "2026-11-20T12:00:00Z"


@pytest.fixture
def state(tmp_path):
    """The state folder of an app with one release."""
    release = tmp_path / "shop/releases/0123456789ab"
    release.mkdir(parents=True)
    (tmp_path / "shop/lock").touch()
    (tmp_path / "ports.lock").touch()
    (tmp_path / "shop/base.json").write_text(
        json.dumps({"services": {"db": {"image": "mariadb:11"}}, "networks": {"proxy": {"name": "proxy"}}})
    )
    (release / "compose.json").write_text(json.dumps({"services": {"job": {"image": "job@sha256:1"}}, "networks": {"default": None}}))
    (release / "release.json").write_text(json.dumps({"images": {"web": {"reference": "shop:1", "pin": "shop@sha256:2"}}}))
    return tmp_path


def container(name, status="exited", finished=OLD, policy="no", networks=(), **labels):
    return {
        "Id": f"id-{name}",
        "Name": f"/{name}",
        "Created": OLD,
        "Image": f"sha256:{name}",
        "State": {"Status": status, "FinishedAt": finished},
        "HostConfig": {"RestartPolicy": {"Name": policy}, "NetworkMode": "default"},
        "Config": {"Labels": {key.replace("__", ".").replace("project", prune.PROJECT): value for key, value in labels.items()}},
        "NetworkSettings": {"Networks": {network: {"NetworkID": f"id-{network}"} for network in networks}},
    }


def network(name, project, created=OLD, containers=None):
    labels = {prune.PROJECT: project} if project else None
    return {"Id": f"id-{name}", "Name": name, "Labels": labels, "Scope": "local", "Containers": containers or {}, "Created": created}


def test_what_releases_keep(state):
    releases = prune.Releases(str(state))
    assert releases.images == {"mariadb:11", "job@sha256:1", "shop:1", "shop@sha256:2"}
    assert releases.projects == {"shop", "shop-0123456789ab"}
    assert releases.networks == {"proxy"}


def test_no_rollouts_at_all(tmp_path):
    releases = prune.Releases(str(tmp_path / "nothing"))
    assert not releases.images and releases.rolling_out() is None


@pytest.mark.parametrize("text", ["{", "[]", '"text"'])
def test_a_damaged_record_stops_everything(state, text):
    (state / "shop/releases/0123456789ab/release.json").write_text(text)
    with pytest.raises(prune.Trouble, match="nothing is removed"):
        prune.Releases(str(state))


def test_a_rollout_at_work_is_seen(state):
    releases = prune.Releases(str(state))
    assert releases.rolling_out() is None
    with (state / "shop/lock").open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert releases.rolling_out() == "shop"


def test_containers(state):
    releases = prune.Releases(str(state))
    containers = [
        container("gone"),
        container("never-started", status="created", finished="0001-01-01T00:00:00Z"),
        container("young", finished=YOUNG),
        container("running", status="running"),
        container("paused-by-somebody", policy="unless-stopped"),
        container("of-a-release", steady__release="0123456789ab"),
        container("of-an-app", project="shop"),
        container("of-compose", project="other"),
    ]
    found = prune.idle_containers(containers, releases, NOW, 7)
    assert [name for dummy, name in found] == ["gone", "never-started", "of-compose"]


def test_networks(state):
    releases = prune.Releases(str(state))
    containers = [container("stopped", networks=("kept_by_stopped",), project="still"), container("other", networks=("borrowed",))]
    networks = [
        network("gone_default", "gone"),
        network("young_default", "gone", created=YOUNG),
        network("by-hand", None),
        network("shop-0123456789ab_default", "shop-0123456789ab"),
        network("shop_default", "shop"),
        network("proxy", "elsewhere"),
        network("kept_by_stopped", "still"),
        network("still_other", "still"),
        network("borrowed", "gone"),
        network("plugged", "gone", containers={"id-x": {}}),
    ]
    found = prune.idle_networks(networks, containers, releases, NOW, 7)
    assert [name for dummy, name in found] == ["gone_default"]


def test_images_go_after_days_without_use():
    images = [{"Id": name} for name in ("used", "long", "lately", "new")]
    noted = {"used": NOW - 99 * prune.DAY, "long": NOW - 8 * prune.DAY, "lately": NOW - prune.DAY, "vanished": 0.0}
    idle, since = prune.idle_images(images, {"used"}, noted, NOW, 7)
    assert [one["Id"] for one in idle] == ["long"]
    assert since == {"long": noted["long"], "lately": noted["lately"], "new": NOW}, "use begins the count anew"


@pytest.mark.parametrize(
    ("text", "value"),
    [("2026-11-21T12:00:00Z", NOW), ("2026-11-21T13:00:00.5+01:00", NOW), ("0001-01-01T00:00:00Z", 0.0), ("", 0.0)],
)
def test_times(text, value):
    assert prune.seconds(text) == value
