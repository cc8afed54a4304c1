"""Assets of several releases in one folder: copied from containers that are not trusted, kept for a while, never too much."""

from __future__ import annotations

import io
import json
import os
import tarfile

import pytest

from ansible_collections.steady.deploy.plugins.module_utils.compose import assets
from ansible_collections.steady.deploy.plugins.module_utils.compose.assets import AssetBridge, clean, parse_assets
from ansible_collections.steady.deploy.plugins.module_utils.compose.cli import DockerCli
from ansible_collections.steady.deploy.plugins.module_utils.compose.store import Store
from ansible_collections.steady.deploy.plugins.module_utils.core.errors import PreflightError, SpecError
from ansible_collections.steady.deploy.plugins.module_utils.core.runner import Completed
from ansible_collections.steady.deploy.plugins.module_utils.rollout.spec import Assets, Service

DAY = 86400.0


def entry(name, content=b"", kind=tarfile.REGTYPE, link="", mode=0o600):
    member = tarfile.TarInfo(name)
    member.size, member.type, member.linkname, member.mode = len(content), kind, link, mode
    return member, io.BytesIO(content)


def archive(*entries):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as tar:
        tar.addfile(*entry("./", kind=tarfile.DIRTYPE, mode=0o755))
        for member, content in entries:
            tar.addfile(member, content)
    return stream.getvalue()


def tar_of(**files):
    return archive(*(entry(f"./{name.replace('__', '/').replace('_', '.')}", content.encode()) for name, content in files.items()))


class Docker:
    """Answers ``docker cp``: container -> tar, or what docker says instead."""

    def __init__(self):
        self.tars = {}
        self.asked = []

    def run(self, argv, **dummy):
        container, folder, most, path = argv[4:]
        self.asked.append((container, folder))
        found = self.tars.get(container, "Error: Could not find the file")
        with open(path, "wb") as stream:
            stream.write(found[: int(most)] if isinstance(found, bytes) else b"")
        return Completed(tuple(argv), 0, "", found if isinstance(found, str) else "")


class State:
    def __init__(self, service, identity):
        self.service, self.id = service, identity


class FakeClock:
    def __init__(self):
        self.time = 1e9

    def now(self):
        return self.time


class Site:
    def __init__(self, folder):
        self.docker, self.clock = Docker(), FakeClock()
        self.store = Store(str(folder / "steady"), "hotel")
        self.store.make()
        self.bridge = AssetBridge(DockerCli(self.docker), self.store, self.clock, "hotel")
        self.root = folder / "steady-assets" / "hotel"
        self.services = (Service("web", "web", "x-steady", "web:1", port=80, assets=Assets("/build", "/srv/public/build")),)

    def release(self, name):
        os.makedirs(os.path.dirname(self.store.compose_file(name)), exist_ok=True)

    def states(self, release):
        return [State("app", f"{release}-app"), State("web", f"{release}-web")]

    def add(self, name, tar):
        self.release(name)
        self.docker.tars[f"{name}-web"] = tar
        self.bridge.add(name, self.services, self.states)

    def remove(self, name):
        self.bridge.forget(name)
        self.store.remove_release(name)

    def files(self):
        return {str(path.relative_to(self.root)): path.read_text() for path in self.root.rglob("*") if not path.is_dir()}

    def list(self, name):
        return json.loads((self.root.parent.parent / "steady/hotel/releases" / name / "assets.json").read_text())


@pytest.fixture
def site(tmp_path):
    former = os.umask(0o077)
    yield Site(tmp_path)
    os.umask(former)


# --- what the user says -----------------------------------------------------------------------------


def test_assets_are_a_path_and_a_folder():
    assert parse_assets({"path": "/build/", "folder": "/srv/public/build/"}, "web", 80) == Assets("/build", "/srv/public/build")
    assert parse_assets({"path": "/_next/static", "folder": "/a b"}, "web", 80) == Assets("/_next/static", "/a b")
    assert parse_assets(None, "web", None) is None


@pytest.mark.parametrize(
    ("said", "port", "told"),
    [
        ("/build", 80, "`assets` must have a path (of URLs) and a folder (in the container), such as"),
        ({"path": "/build"}, 80, "`assets` must have a path"),
        ({"path": "/build", "folder": "/b", "more": 1}, 80, "`assets` must have a path"),
        ({"path": 1, "folder": "/b"}, 80, "`assets` must have a path"),
        ({"path": "/build", "folder": "/b"}, None, "`assets` are for a service that takes traffic: give it a `port`"),
        ({"path": "/", "folder": "/b"}, 80, "must be the start of URLs below /, such as"),
        ({"path": "build", "folder": "/b"}, 80, "not 'build'"),
        ({"path": "/a/../b", "folder": "/b"}, 80, "not '/a/../b'"),
        ({"path": "/a//b", "folder": "/b"}, 80, "not '/a//b'"),
        ({"path": "/a;b", "folder": "/b"}, 80, "not '/a;b'"),
        ({"path": "/.git", "folder": "/b"}, 80, "not '/.git'"),
        ({"path": "/a", "folder": "b"}, 80, "must be a whole path in the container, such as"),
        ({"path": "/a", "folder": "/srv/../etc"}, 80, "not '/srv/../etc'"),
        ({"path": "/a", "folder": "/"}, 80, "not '/'"),
    ],
)
def test_what_can_be_no_assets_is_refused(said, port, told):
    with pytest.raises(SpecError) as caught:
        parse_assets(said, "web", port)
    assert caught.value.message.startswith("service web: ")
    assert told in caught.value.message


# --- copying ----------------------------------------------------------------------------------------


def test_a_releases_files_are_there_under_their_urls(site):
    site.add("one", tar_of(app_123_css="one", js__app_456_js="code"))
    assert site.docker.asked == [("one-web", "/srv/public/build")]
    assert site.files() == {"build/app.123.css": "one", "build/js/app.456.js": "code"}
    assert site.list("one") == ["build/app.123.css", "build/js/app.456.js"]


def test_the_edges_workers_can_read_them_whatever_the_umask_and_nobody_can_write(site):
    site.add("one", tar_of(js__app_456_js="code"))
    modes = {str(path.relative_to(site.root.parent)): path.stat().st_mode & 0o7777 for path in site.root.parent.rglob("*")}
    assert modes == {"hotel": 0o755, "hotel/build": 0o755, "hotel/build/js": 0o755, "hotel/build/js/app.456.js": 0o644}
    assert site.root.parent.stat().st_mode & 0o7777 == 0o755


def test_an_app_without_assets_has_no_folder(site):
    site.release("one")
    site.bridge.add("one", (Service("web", "web", "x-steady", "web:1", port=80),), site.states)
    site.remove("one")
    assert site.docker.asked == []
    assert not site.root.parent.exists()


def test_both_releases_have_theirs_and_the_newer_wins_where_both_have_one(site):
    site.add("one", tar_of(app_1_css="one", manifest_json="one", same_js="same"))
    before = (site.root / "build/same.js").stat()
    site.add("two", tar_of(app_2_css="two", manifest_json="two", same_js="same"))
    assert site.files() == {"build/app.1.css": "one", "build/app.2.css": "two", "build/manifest.json": "two", "build/same.js": "same"}
    assert (site.root / "build/same.js").stat().st_ino == before.st_ino, "what is there already is not written again"
    assert not list(site.root.rglob(".steady-*"))


def test_a_release_from_before_the_first_assets_gets_its_own_too(site):
    site.release("zero")
    site.docker.tars["zero-web"] = tar_of(app_0_css="zero")
    site.release("odd")
    site.add("one", tar_of(app_1_css="one"))
    assert site.files() == {"build/app.0.css": "zero", "build/app.1.css": "one"}
    assert not os.path.exists(os.path.join(os.path.dirname(site.store.compose_file("odd")), "assets.json"))


def test_what_somebody_removed_comes_back(site):
    site.add("one", tar_of(app_1_css="one"))
    (site.root / "build/app.1.css").unlink()
    site.add("two", tar_of(app_2_css="two"))
    assert site.files() == {"build/app.1.css": "one", "build/app.2.css": "two"}
    site.add("three", tar_of(app_3_css="three"))
    assert [container for container, dummy in site.docker.asked] == ["one-web", "two-web", "one-web", "three-web"]


def test_a_folder_that_is_missing_is_told(site):
    site.release("one")
    with pytest.raises(SpecError) as caught:
        site.bridge.add("one", site.services, site.states)
    assert caught.value.message == (
        "the assets of service web (/srv/public/build in the container) can't be read: Error: Could not find the file"
    )
    assert os.listdir(os.path.dirname(site.store.compose_file("one"))) == []


def test_a_stream_that_breaks_off_is_told(site):
    with pytest.raises(SpecError, match="can't be read: unexpected end of data"):
        site.add("one", tar_of(app_1_css="x" * 5000)[:3000])
    with pytest.raises(SpecError, match="can't be read"):
        site.add("one", b"no tar at all" * 100)


def test_a_full_disk_is_told(site, monkeypatch):
    def full(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(assets.os, "fsync", full)
    with pytest.raises(PreflightError, match=r"can't be copied to .*steady-assets/hotel: No space left on device"):
        site.add("one", tar_of(app_1_css="one"))


def test_a_folder_that_is_too_large_is_refused(site, monkeypatch):
    monkeypatch.setattr(assets, "MOST_BYTES", 1 << 20)
    with pytest.raises(SpecError, match=r"are more than 1 MiB"):
        site.add("one", tar_of(app_1_css="x" * (1 << 20)))
    monkeypatch.setattr(assets, "MOST_FILES", 10)
    with pytest.raises(SpecError, match=r"or 10 files"):
        site.add("one", tar_of(**{f"a{number}": "" for number in range(11)}))


def test_a_sparse_file_does_not_fill_the_disk(site, monkeypatch):
    monkeypatch.setattr(assets, "MOST_BYTES", 1 << 20)
    member, dummy = entry("./hole.js")
    member.pax_headers = {"GNU.sparse.major": "0", "GNU.sparse.minor": "1", "GNU.sparse.map": "0,0", "GNU.sparse.size": str(1 << 40)}
    with pytest.raises(SpecError, match="are more than 1 MiB"):
        site.add("one", archive((member, dummy)))


# --- containers are not trusted ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "clean_name"),
    [
        ("./app.css", "app.css"),
        ("./a//b/./c.js", "a/b/c.js"),
        ("a b é.js", "a b é.js"),
        ("./", None),
        ("", None),
        ("/etc/passwd", None),
        ("../x", None),
        ("a/../../x", None),
        ("./..", None),
        (".env", None),
        (".git/config", None),
        ("a/.steady-b", None),
        ("a\nb", None),
        ("a\x00b", None),
        ("\udcff", None),
        ("a" * 241, None),
        ("/".join("a" * 33), None),
    ],
)
def test_names_that_lead_elsewhere_are_left_out(name, clean_name):
    assert clean(name) == clean_name


def test_nothing_but_files_below_the_folder_is_taken(site, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("secret")
    hostile = archive(
        entry("./good.css", b"good"),
        entry("/abs.css", b"bad"),
        entry("../../out.css", b"bad"),
        entry("./link.css", kind=tarfile.SYMTYPE, link=str(secret)),
        entry("./dir", kind=tarfile.SYMTYPE, link=str(tmp_path)),
        entry("./dir/through.css", b"inside"),
        entry("./hard.css", kind=tarfile.LNKTYPE, link=str(secret)),
        entry("./hard2.css", kind=tarfile.LNKTYPE, link="link.css"),
        entry("./hard3.css", kind=tarfile.LNKTYPE, link="../../secret"),
        entry("./self.css", kind=tarfile.LNKTYPE, link="self.css"),
        entry("./twin.css", kind=tarfile.LNKTYPE, link="./good.css"),
        entry("./pipe", kind=tarfile.FIFOTYPE),
        entry("./null", kind=tarfile.CHRTYPE),
        entry("./disk", kind=tarfile.BLKTYPE),
        entry("./suid.css", b"suid", mode=0o6777),
    )
    site.add("one", hostile)
    assert site.files() == {
        "build/good.css": "good",
        "build/twin.css": "good",
        "build/suid.css": "suid",
        "build/dir/through.css": "inside",
    }
    assert not any(path.is_symlink() for path in site.root.rglob("*"))
    assert (site.root / "build/suid.css").stat().st_mode & 0o7777 == 0o644
    assert sorted(os.listdir(tmp_path)) == ["secret", "steady", "steady-assets"]


def test_a_link_that_somebody_put_there_is_replaced_and_not_followed(site, tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (site.root / "build").mkdir(parents=True)
    (site.root / "build/app.css").symlink_to(victim)
    (site.root / "build/.steady-app.js").symlink_to(victim)
    site.add("one", tar_of(app_css="one"))
    with pytest.raises(PreflightError):
        (site.root / "build/.steady-app.js").symlink_to(victim)
        site.add("two", tar_of(app_js="two"))
    assert victim.read_text() == "mine"
    assert not (site.root / "build/app.css").is_symlink()


def test_a_file_where_another_release_has_a_folder_is_left_out(site):
    site.add("one", tar_of(a="file", b__c="in a folder"))
    site.add("two", tar_of(a__b="in a folder", b="file", d="fine"))
    assert site.files() == {"build/a": "file", "build/b/c": "in a folder", "build/d": "fine"}
    assert site.list("two") == ["build/d"]


# --- keeping ----------------------------------------------------------------------------------------


def test_files_of_a_removed_release_stay_for_some_days(site):
    site.add("one", tar_of(app_1_css="one", both_js="both"))
    site.add("two", tar_of(app_2_css="two", both_js="both"))
    site.remove("one")
    site.clock.time += 6.9 * DAY
    site.add("three", tar_of(app_3_css="three"))
    assert set(site.files()) == {"build/app.1.css", "build/app.2.css", "build/app.3.css", "build/both.js"}
    site.clock.time += 0.2 * DAY
    site.add("four", tar_of(app_4_css="four"))
    assert set(site.files()) == {"build/app.2.css", "build/app.3.css", "build/app.4.css", "build/both.js"}


def test_files_of_a_release_that_is_kept_stay_however_old(site):
    site.add("one", tar_of(app_1_css="one"))
    site.clock.time += 1000 * DAY
    site.add("two", tar_of(app_2_css="two"))
    assert set(site.files()) == {"build/app.1.css", "build/app.2.css"}


def test_of_too_many_old_files_the_oldest_go(site, monkeypatch):
    monkeypatch.setattr(assets, "MOST_OLD_BYTES", 100)
    for name in ("one", "two", "three"):
        site.add(name, tar_of(**{f"{name}_css": "x" * 60}))
    site.remove("one")
    site.clock.time += 10
    site.remove("two")
    assert set(site.files()) == {"build/two.css", "build/three.css"}


def test_empty_folders_and_half_written_files_go(site):
    site.add("one", tar_of(js__deep__app_js="one"))
    (site.root / "build/.steady-left").write_text("half")
    site.remove("one")
    assert set(site.files()) == {"build/js/deep/app.js"}
    site.clock.time += 8 * DAY
    site.bridge.forget("another")
    assert not site.root.exists()


def test_a_damaged_list_keeps_nothing_and_breaks_nothing(site):
    site.add("one", tar_of(app_1_css="one"))
    (site.root.parent.parent / "steady/hotel/releases/one/assets.json").write_text("{")
    site.add("two", tar_of(app_2_css="two"))
    assert "build/app.2.css" in site.files()
