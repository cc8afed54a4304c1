"""Commands in containers of a release that is not there yet."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

from unit.compose.compose_models import recorded

from ansible_collections.steady.deploy.plugins.module_utils.compose import split
from ansible_collections.steady.deploy.plugins.module_utils.compose.cli import DockerCli
from ansible_collections.steady.deploy.plugins.module_utils.compose.images import Image
from ansible_collections.steady.deploy.plugins.module_utils.compose.oneoff import OneOff
from ansible_collections.steady.deploy.plugins.module_utils.compose.services import services_of
from ansible_collections.steady.deploy.plugins.module_utils.compose.store import SCRATCH, Store
from ansible_collections.steady.deploy.plugins.module_utils.compose.target import Target
from ansible_collections.steady.deploy.plugins.module_utils.core.runner import Completed

INSPECTED = [
    {
        "Id": "c1",
        "Name": "/one",
        "State": {"Status": "running"},
        "Config": {"Labels": {}},
        "NetworkSettings": {"Networks": {"hotel_default": {"IPAddress": "172.18.0.9"}}, "Ports": {}},
    }
]


def document(change=None):
    model = recorded("hotel")
    if change:
        change(model)
    services = services_of(model, {})
    pins = {one.image: f"pin of {one.name}" for one in services if one.name == "migrate"}
    return split.oneoff_document(model, services, "hotel-oneoff", "migrate", pins)


def test_it_is_the_service_itself_beside_the_accessories():
    made = document()
    section = made["services"]["migrate"]
    assert list(made["services"]) == ["migrate"]
    assert section["image"] == "pin of migrate"
    assert section["environment"] == recorded("hotel")["services"]["migrate"]["environment"]
    assert made["networks"] == {"default": {"name": "hotel_default", "external": True}}
    assert section["restart"] == "no"
    for gone in ("healthcheck", "ports", "depends_on", "x-steady"):
        assert gone not in section


def test_it_is_not_started_again_by_itself():
    made = document(lambda model: model["services"]["migrate"].update(restart="always"))
    assert made["services"]["migrate"]["restart"] == "no"


def test_where_no_accessory_is_it_has_a_network_of_its_own():
    def apart(model):
        model["networks"]["back"] = {"name": "hotel_back"}
        model["services"]["migrate"]["networks"] = {"back": None}

    assert document(apart)["networks"] == {"back": {}}


def test_an_external_network_stays():
    def apart(model):
        model["networks"]["db"] = {"name": "databases", "external": True}
        model["services"]["migrate"]["networks"] = {"db": None}

    assert document(apart)["networks"] == {"db": {"name": "databases", "external": True}}


class Commands:
    """Docker that notes what it is asked, and what stands in the file it is given."""

    def __init__(self, rc=0):
        self.asked = []
        self.files = []
        self.rc = rc

    def run(self, argv, *, stdin=None, timeout=None, env=None, cwd=None):
        self.asked.append(list(argv))
        if argv[1] == "compose":
            path = argv[argv.index("-f") + 1]
            self.files.append((json.loads(Path(path).read_text(encoding="utf-8")), oct(os.stat(path).st_mode & 0o777), path))
            time.sleep(0.3)
            return Completed(tuple(argv), self.rc, "out", "")
        return Completed(tuple(argv), 0, json.dumps(INSPECTED), "")


def oneoff(commands, folder, seen=None, change=lambda model: None):
    model = recorded("hotel")
    change(model)
    services = services_of(model, {})
    images = {one.image: Image(one.image, "sha256:1", "the pin", True) for one in services}
    target = Target("r1", model, services, images, {})
    return OneOff(DockerCli(commands), target, "hotel", "migrate", ["/srv/.env"], str(folder), *([seen] if seen else []))


def test_a_command_runs_in_a_container_of_its_own_and_its_addresses_are_told(tmp_path):
    commands, seen = Commands(), []
    done = oneoff(commands, tmp_path, lambda *where: seen.append(where)).run(["php", "artisan"], env={"PGAPPNAME": "x"})
    assert done.stdout == "out"
    argv = commands.asked[0]
    assert argv[-3:] == ["migrate", "php", "artisan"] and argv[-5:-3] == ["-e", "PGAPPNAME=x"]
    assert "--no-deps" in argv and "--rm" in argv and argv[argv.index("-p") + 1] == "hotel-oneoff"
    assert argv[argv.index("--env-file") + 1] == "/srv/.env"
    made, mode, path = commands.files[0]
    assert made["services"]["migrate"]["image"] == "the pin"
    # The app's environment is in it.
    assert mode == "0o600" and os.path.dirname(path) == str(tmp_path) and os.listdir(tmp_path) == []
    name = argv[argv.index("--name") + 1]
    assert seen == [(("172.18.0.9",), (name,)), ((), ())]


def test_options_for_postgresqls_client_stay_beside_its_own(tmp_path):
    commands = Commands()

    def options(model):
        model["services"]["migrate"]["environment"] = {"PGOPTIONS": "-c search_path=$$user,app", "PGAPPNAME": "hotel"}

    oneoff(commands, tmp_path, change=options).run(["psql"], env={"PGOPTIONS": "-c lock_timeout=2000", "PGAPPNAME": "x"})
    argv = commands.asked[0]
    said = [argv[place + 1] for place, word in enumerate(argv) if word == "-e"]
    assert said == ["PGOPTIONS=-c search_path=$user,app -c lock_timeout=2000", "PGAPPNAME=x"]


def test_what_a_killed_run_left_is_swept_away(tmp_path):
    store = Store(str(tmp_path), "hotel")
    store.make()
    (tmp_path / "hotel" / f"{SCRATCH}1.json").touch()
    store.sweep()
    assert os.listdir(tmp_path / "hotel") == ["releases"]


def test_a_command_that_takes_too_long_ends_with_its_container(tmp_path):
    commands = Commands(rc=124)
    assert oneoff(commands, tmp_path).run(["sleep"], timeout=1).rc == 124
    name = commands.asked[0][commands.asked[0].index("--name") + 1]
    assert ["docker", "rm", "--force", "--volumes", name] in commands.asked
