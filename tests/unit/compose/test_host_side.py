"""Images, ports, plugs, the app's folder on the host, and reading an app: what is asked of Docker and what is told."""

from __future__ import annotations

import json
import os
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.compose.compose_models import FIXTURES, DockerTable, recorded

from ansible_collections.steady.deploy.plugins.module_utils.compose.cli import DockerCli
from ansible_collections.steady.deploy.plugins.module_utils.compose.images import Image, find_images, pin
from ansible_collections.steady.deploy.plugins.module_utils.compose.plugs import plugged
from ansible_collections.steady.deploy.plugins.module_utils.compose.ports import allocate, listening, parse_range
from ansible_collections.steady.deploy.plugins.module_utils.compose.read import read_app
from ansible_collections.steady.deploy.plugins.module_utils.compose.store import Store, file_hashes
from ansible_collections.steady.deploy.plugins.module_utils.core.container import ContainerState
from ansible_collections.steady.deploy.plugins.module_utils.core.errors import CommandError, PreflightError, SpecError

HERE = json.dumps([{"Id": "sha256:here", "RepoDigests": ["shop/web@sha256:aa"]}])
REMOTE = json.dumps({"config": {"digest": "sha256:there"}})
ABSENT = ("image inspect", 1, "", "No such image")
PRESENT = ("image inspect", 0, HERE, "")


def find(policy, pull, *answers, reference="shop/web:1"):
    docker = DockerTable(*answers)
    found = find_images(DockerCli(docker), {reference: policy}, pull)[reference]
    return found, [text for text in docker.ran if "pull" in text or "manifest" in text]


@pytest.mark.parametrize("pull", [True, False])
@pytest.mark.parametrize("policy", ["missing", "never"])
def test_an_image_that_is_here_is_taken_as_it_is(policy, pull):
    assert find(policy, pull, PRESENT) == (Image("shop/web:1", "sha256:here", "shop/web@sha256:aa", True), [])


def test_an_image_with_a_digest_is_never_asked_for_again():
    reference = "shop/web@sha256:aa"
    assert find("always", True, PRESENT, reference=reference) == (Image(reference, "sha256:here", reference, True), [])


def test_always_pulls_and_check_mode_only_asks():
    found, asked = find("always", True, PRESENT, ("pull", 0, "", ""))
    assert (found.id, asked) == ("sha256:here", ["docker pull --quiet shop/web:1"])
    found, asked = find("always", False, PRESENT, ("manifest", 0, REMOTE, ""))
    assert found == Image("shop/web:1", "sha256:there", "shop/web:1", False)
    assert asked == ["docker manifest inspect shop/web:1"]
    found, _asked = find("always", False, PRESENT, ("manifest", 1, "", "no registry"))
    assert (found.id, found.present) == ("sha256:here", True)


def test_an_image_that_is_nowhere_is_told():
    with pytest.raises(PreflightError) as refused:
        find("never", True, ABSENT)
    assert refused.value.message == (
        "image shop/web:1 is not on this host and must not be pulled (pull policy never): build or load it first"
    )
    with pytest.raises(CommandError) as failed:
        find("missing", True, ABSENT, ("pull", 1, "", "trying\npull access denied\n"))
    assert failed.value.message == (
        "image shop/web:1 can't be pulled: pull access denied; check its name, the registry, and `docker login` of the user "
        "that runs the rollout"
    )


@pytest.mark.parametrize(
    ("reference", "digests", "pinned"),
    [
        ("debian:trixie", ["other@sha256:1", "debian@sha256:2"], "debian@sha256:2"),
        ("docker.io/library/debian", ["debian@sha256:2"], "debian@sha256:2"),
        ("shop/web", ["docker.io/shop/web@sha256:3"], "docker.io/shop/web@sha256:3"),
        ("localhost:5000/web:1", ["localhost:5000/web@sha256:4"], "localhost:5000/web@sha256:4"),
        ("localhost:5000/web", ["web@sha256:4"], "sha256:id"),
        ("built:here", [], "sha256:id"),
        ("built:here", None, "sha256:id"),
    ],
)
def test_a_pin_is_the_digest_in_the_images_own_repository(reference, digests, pinned):
    assert pin(reference, {"Id": "sha256:id", "RepoDigests": digests}) == pinned


@pytest.mark.parametrize("text", ["", "20000", "1000-2000", "3000-2000", "20000-70000", "a-b", "20000 - 30000"])
def test_a_port_range_that_is_none_is_told(text):
    with pytest.raises(SpecError) as caught:
        parse_range(text)
    assert caught.value.message == f"port_range must be FIRST-LAST within 1024-65535, not {text!r}"


@given(st.dictionaries(st.sampled_from("abc"), st.integers(1, 4), min_size=1), st.sets(st.integers(2000, 2024)))
def test_ports_are_free_in_a_row_and_given_once(sizes, taken):
    allowed = parse_range("2000-2019")
    try:
        found = allocate(sizes, taken, allowed)
    except PreflightError:
        # Refused only where free runs are scarce: no row of free ports could take every service.
        longest = run = 0
        for port in allowed:
            run = 0 if port in taken else run + 1
            longest = max(longest, run)
        assert longest < sum(sizes.values())
        return
    given_out = [port for numbers in found.values() for port in numbers]
    assert len(given_out) == len(set(given_out)) == sum(sizes.values())
    assert not set(given_out) & taken
    assert set(given_out) <= set(allowed)
    for service, numbers in found.items():
        assert numbers == tuple(range(numbers[0], numbers[0] + sizes[service]))


def test_too_few_ports_is_told():
    with pytest.raises(PreflightError) as caught:
        allocate({"web": 3}, {2001}, range(2000, 2004))
    assert caught.value.message == (
        "service web needs 3 free ports in a row and 2000-2003 has none left: widen port_range or remove releases"
    )


def test_ports_in_use_are_read_from_the_kernels_table():
    table = (
        "  sl  local_address rem_address   st tx_queue\n"
        "   0: 0100007F:4E20 00000000:0000 0A 00000000:00000000\n"
        "   1: 0100007F:4E21 0100007F:1234 01 00000000:00000000\n"
    )
    six = "  sl\n   0: 00000000000000000000000000000000:4E22 00000000000000000000000000000000:0000 0A 0:0\n"
    assert listening([table, six]) == {20000, 20002}


def accessory(*networks):
    return ContainerState("1", "db", "db", networks=tuple((name, "") for name in networks))


@pytest.mark.parametrize(
    ("there", "whole"),
    [((accessory("shop-1_inner", "shop_inner"),), True), ((accessory("shop_inner"),), False), ((), False)],
)
def test_plugged_means_each_accessory_in_each_network(there, whole):
    assert plugged("shop-1", {"inner": {"db": ["db"]}}, there) is whole
    assert plugged("shop-1", {}, there)


@pytest.fixture
def store(tmp_path):
    made = Store(str(tmp_path / "steady"), "shop")
    made.make()
    return made


def test_an_apps_folder_is_roots_own(store):
    store.make()
    store.write_release("0123456789ab", {"services": {}}, {"ports": {"web": [20000, 20001]}})
    assert store.releases() == ["0123456789ab"]
    for path in (store.folder, os.path.dirname(store.compose_file("0123456789ab"))):
        assert os.stat(path).st_mode & 0o777 == 0o700
    assert os.stat(store.compose_file("0123456789ab")).st_mode & 0o777 == 0o600
    assert os.stat(store.write_base({})).st_mode & 0o777 == 0o600
    store.remove_release("0123456789ab")
    store.remove_release("0123456789ab")
    assert store.releases() == []


@pytest.mark.parametrize("damage", ["", "{", "[]", "null"])
def test_a_damaged_record_is_none(store, damage):
    store.write_release("0123456789ab", {}, {"release": "0123456789ab"})
    assert store.record("0123456789ab") == {"release": "0123456789ab"}
    with open(os.path.join(os.path.dirname(store.compose_file("0123456789ab")), "release.json"), "w") as stream:
        stream.write(damage)
    assert store.record("0123456789ab") is None
    assert store.record("none") is None


def test_ports_of_every_app_are_reserved_also_of_stopped_releases(store):
    store.write_release("0123456789ab", {}, {"ports": {"web": [20000, 20001]}})
    other = Store(store.root, "other")
    other.make()
    other.write_release("ba9876543210", {}, {"ports": {"web": [20007]}})
    with store.port_book():
        assert store.reserved_ports() == {20000, 20001, 20007}
    assert Store(store.root + "/none", "x").reserved_ports() == set()


def test_ports_are_chosen_by_one_at_a_time(store):
    inside = threading.Event()

    def other():
        with store.port_book():
            inside.set()

    with store.port_book():
        thread = threading.Thread(target=other)
        thread.start()
        assert not inside.wait(0.1)
    thread.join(5)
    assert inside.is_set()


def test_a_release_keeps_its_own_copies_of_files(store, tmp_path):
    first, second = tmp_path / "a" / "token", tmp_path / "b" / "token"
    for path in (first, second):
        path.parent.mkdir()
        path.write_text(str(path))
        path.chmod(0o440)
    paths = [str(first), str(second)]
    hashes = file_hashes(paths)
    copies = store.copy_files("0123456789ab", hashes)
    first.chmod(0o640)
    first.write_text("changed")
    assert file_hashes(paths)[paths[0]] != hashes[paths[0]]
    assert [open(copies[path]).read() for path in paths] == paths  # noqa: SIM115
    assert os.stat(copies[paths[1]]).st_mode & 0o777 == 0o440
    assert copies[paths[0]].startswith(store.folder)


def test_a_file_changed_between_reading_and_copying_is_refused(store, tmp_path):
    token = tmp_path / "token"
    token.write_text("one")
    hashes = file_hashes([str(token)])
    token.write_text("two")
    with pytest.raises(SpecError) as caught:
        store.copy_files("0123456789ab", hashes)
    assert caught.value.message == f"{token} was changed while it was rolled out; run again"


def test_a_file_that_cant_be_read_is_told(tmp_path):
    with pytest.raises(SpecError) as caught:
        file_hashes([str(tmp_path / "none")])
    assert caught.value.message == f"the config or secret file {tmp_path}/none can't be read: No such file or directory"


def reading(folder, *answers, files=(), env_files=()):
    docker = DockerTable(*answers)
    return read_app(DockerCli(docker), "shop", str(folder), files, ["extra"], env_files), docker.ran


def test_an_app_is_read_twice_for_its_extension(tmp_path):
    (tmp_path / "compose.yml").touch()
    (tmp_path / "prod.env").touch()
    plain, raw = ((FIXTURES / "2.26" / f"shop{part}.json").read_text() for part in ("", ".raw"))
    model, ran = reading(tmp_path, ("--no-interpolate", 0, raw, ""), ("config", 0, plain, ""), env_files=[f"{tmp_path}/prod.env"])
    assert model == recorded("shop")
    assert ran[0] == (
        f"docker compose -p shop -f {tmp_path}/compose.yml --env-file {tmp_path}/prod.env --profile=extra --project-directory {tmp_path} "
        "config --format json"
    )
    assert ran[1] == ran[0] + " --no-interpolate"


def test_a_variable_in_the_extension_is_refused(tmp_path):
    (tmp_path / "compose.yml").touch()
    plain = json.dumps({"services": {"web": {"image": "x"}}})
    raw = json.dumps({"services": {"web": {"image": "x", "x-steady": {"port": "${PORT}"}}}})
    with pytest.raises(SpecError) as caught:
        reading(tmp_path, ("--no-interpolate", 0, raw, ""), ("config", 0, plain, ""))
    assert caught.value.message == "service web: `x-steady` can't hold a variable; set it with the parameter `services` instead"


def test_an_app_that_cant_be_read_is_told(tmp_path):
    def said(*answers, folder=tmp_path, **kwargs):
        with pytest.raises((SpecError, CommandError)) as caught:
            reading(folder, *answers, **kwargs)
        return caught.value.message

    assert said(folder=tmp_path / "no") == f"project_dir {tmp_path}/no does not exist on this host: copy the app's files there first"
    assert said() == (f"no Compose file in {tmp_path}: looked for compose.yaml, compose.yml, docker-compose.yaml, docker-compose.yml")
    assert said(files=["prod.yml"]) == f"file {tmp_path}/prod.yml does not exist on this host"
    (tmp_path / "compose.yml").touch()
    assert said(env_files=[f"{tmp_path}/.env"]) == f"file {tmp_path}/.env does not exist on this host"
    broken = 'time="now" level=warning msg="obsolete"\nservices.web.ports must be a list\n'
    assert said(("config", 15, "", broken)) == f"Compose can't read {tmp_path}/compose.yml: services.web.ports must be a list"
    assert said(("config", 1, "", "")) == f"Compose can't read {tmp_path}/compose.yml: exit code 1"
    assert said(("config", 0, "hello", "")) == "docker compose config did not answer with JSON"
