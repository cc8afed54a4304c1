"""Which release it is, and what a release project and the base look like."""

from __future__ import annotations

import copy
import json
import random
from dataclasses import replace

import pytest
from unit.compose.compose_models import SHOP_SAID, recorded, shop

from ansible_collections.steady.deploy.plugins.module_utils.compose import split
from ansible_collections.steady.deploy.plugins.module_utils.compose.record import plugs_of, services_from, to_record
from ansible_collections.steady.deploy.plugins.module_utils.compose.services import services_of

IDS = {"shop/web:1": "sha256:web", "shop/api:1": "sha256:api", "shop/db:1": "sha256:db"}
HASHES = {"/srv/shop/motd.txt": "hash of motd", "/srv/shop/token.txt": "hash of token"}
PORTS = {"web": (20010, 20011, 20012)}


def id_of(model, ids=None, hashes=None):
    return split.release_id(model, services_of(model, SHOP_SAID), ids or IDS, hashes or HASHES)


def shuffled(value):
    """The same with its keys in another order."""
    if isinstance(value, dict):
        return {key: shuffled(value[key]) for key in random.Random(7).sample(list(value), len(value))}
    return [shuffled(entry) for entry in value] if isinstance(value, list) else value


def changed(path, value):
    model = recorded("shop")
    place = model["services"]
    for key in path[:-1]:
        place = place.setdefault(key, {})
    if value is None:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return model


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("web", "x-steady", "gates"), [{"type": "tcp"}]),
        (("web", "x-steady", "port"), 8000),
        (("api", "build"), None),
        (("web", "build", "context"), "/elsewhere"),
        (("web", "depends_on", "db"), None),
        (("web", "restart"), "unless-stopped"),
        (("mailer", "profiles"), []),
        (("web", "pull_policy"), "always"),
        (("db", "image"), "shop/db:2"),
        (("db", "environment"), {"A": "1"}),
        (("db", "command"), ["x"]),
        (("db", "container_name"), None),
    ],
)
def test_the_id_stays(path, value):
    assert id_of(changed(path, value)) == id_of(recorded("shop"))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("web", "environment", "PRICE"), "6$$"),
        (("web", "environment", "PRICE"), None),
        (("web", "environment", "NEW"), ""),
        (("web", "command"), ["sh"]),
        (("web", "command"), []),
        (("web", "entrypoint"), []),
        (("web", "deploy", "replicas"), 4),
        (("web", "deploy", "resources"), {}),
        (("api", "scale"), 3),
        (("migrate", "command"), ["migrate", "--fresh"]),
        (("ticker", "image"), "shop/api:1"),
        (("web", "volumes"), []),
        (("web", "networks"), {"default": None}),
    ],
)
def test_the_id_changes(path, value):
    assert id_of(changed(path, value)) != id_of(recorded("shop"))


def test_the_id_is_content_not_order_or_names():
    base = id_of(recorded("shop"))
    assert len(base) == 12
    assert int(base, 16) >= 0
    assert id_of(shuffled(recorded("shop"))) == base
    assert id_of(recorded("shop"), {**IDS, "shop/db:1": "sha256:other"}) == base
    for reference in ("shop/web:1", "shop/api:1"):
        assert id_of(recorded("shop"), {**IDS, reference: "sha256:other"}) != base
    for path in HASHES:
        assert id_of(recorded("shop"), IDS, {**HASHES, path: "other"}) != base
    model = recorded("shop")
    for service in model["services"].values():
        # Another tag of the same image is the same release.
        service["image"] = service["image"].replace(":1", ":latest")
    assert id_of(model, {key.replace(":1", ":latest"): value for key, value in IDS.items()}) == base


def test_asking_changes_nothing():
    model, services = shop()
    before = copy.deepcopy(model)
    id_of(model)
    release = document()
    release["services"]["web"]["environment"]["X"] = "changed"
    split.base_document(model, services, "shop")
    assert model == before


def document(ports=None, pins=None):
    model, services = shop()
    copies = {path: "/var/lib/steady/copy-of-" + path.rsplit("/", 1)[1] for path in HASHES}
    return split.release_document(
        model, services, "shop", "0123456789ab", pins or {"shop/web:1": "shop/web@sha256:1"}, ports or PORTS, copies
    )


def test_a_release_can_stand_beside_another():
    made = document()
    assert made["name"] == "shop-0123456789ab"
    assert set(made["services"]) == {"api", "mailer", "migrate", "ticker", "web"}
    for service in made["services"].values():
        assert not {"depends_on", "container_name", "build", "profiles", "x-steady", "pull_policy", "scale"} & set(service)
        assert service["labels"]["steady.release"] == "0123456789ab"
        assert service["labels"]["steady.app"] == "shop"
    # Networks of its own: neither a fixed name nor a fixed subnet.
    assert made["networks"] == {"default": {}, "inner": {}}
    assert made["services"]["api"]["networks"] == {"inner": {"aliases": ["backend"]}}
    assert made["volumes"] == {"uploads": {"name": "shop_uploads_old", "external": True}}
    assert made["configs"] == {"motd": {"file": "/var/lib/steady/copy-of-motd.txt"}}
    assert made["secrets"] == {"token": {"file": "/var/lib/steady/copy-of-token.txt"}}
    assert split.files_of(*shop()) == tuple(HASHES)


def test_a_service_of_a_release_runs_as_it_was_written():
    web = document()["services"]["web"]
    assert web["image"] == "shop/web@sha256:1"
    assert web["restart"] == "unless-stopped"
    assert web["environment"] == {"PASSED": "a$$b", "PRICE": "5$$"}
    assert web["command"] == ["sh", "-c", "echo $$HOME"]
    assert web["deploy"] == {"replicas": 3, "resources": {"reservations": {"memory": "67108864"}}}
    assert web["stop_grace_period"] == "1m30s"
    assert web["labels"]["steady.kind"] == "web"
    assert "entrypoint" not in web


def test_an_empty_command_or_entrypoint_still_replaces_the_images():
    raw = {"image": "x", "command": [], "entrypoint": [], "cap_add": [], "sysctls": {}}
    assert split.section(raw, "x") == {"image": "x", "command": [], "entrypoint": []}


@pytest.mark.parametrize(("numbers", "published"), [((20010, 20011, 20012), "20010-20012"), ((20010,), "20010")])
def test_only_the_edge_reaches_a_release(numbers, published):
    services = document({"web": numbers})["services"]
    assert services["web"]["ports"] == [
        {"mode": "ingress", "host_ip": "127.0.0.1", "target": 8000, "published": published, "protocol": "tcp"}
    ]
    assert not any("ports" in service for name, service in services.items() if name != "web")


def test_an_external_network_and_config_stay_what_they_are():
    model, _services = shop()
    model["networks"]["inner"] = {"name": "shared", "external": True}
    model["configs"]["motd"] = {"name": "motd_v3", "external": True}
    made = split.release_document(model, services_of(model, SHOP_SAID), "shop", "0123456789ab", {}, PORTS, {})
    assert made["networks"]["inner"] == {"name": "shared", "external": True}
    assert made["configs"]["motd"] == {"name": "motd_v3", "external": True}
    assert plugs_of(model, services_of(model, SHOP_SAID)) == {}


def test_the_base_holds_accessories_as_they_are():
    model, services = shop()
    made = split.base_document(model, services, "shop")
    assert made["name"] == "shop"
    assert set(made["services"]) == {"db"}
    db = made["services"]["db"]
    assert db["container_name"] == "shop-db"
    assert db["ports"][0]["published"] == "5432"
    assert db["labels"]["steady.kind"] == "accessory"
    assert "steady.release" not in db["labels"]
    assert made["networks"]["inner"]["name"] == "shop_inner"
    assert made["volumes"] == {"data": {"name": "shop_data", "external": True}}
    assert split.volumes_of(model)["shop_data"]["key"] == "data"


def test_an_accessorys_definition_changes_with_itself_only():
    model, services = shop()
    db = next(service for service in services if service.name == "db")
    before = split.definition(model, db)
    model["services"]["web"]["command"] = ["x"]
    assert split.definition(model, db) == before
    model["services"]["db"]["command"] = ["x"]
    assert split.definition(model, db) != before


def test_a_record_gives_back_what_was_written():
    for app, said in (("shop", SHOP_SAID), ("hotel", {})):
        model = recorded(app)
        services = services_of(model, said)
        record = to_record("0123456789ab", services, IDS, PORTS, plugs_of(model, services), 1.23456)
        read = json.loads(json.dumps(record))
        assert services_from(read) == services
        # One of a later version knows more.
        read["services"][0]["mood"] = "good"
        read["services"][0]["gates"] = [{**gate, "mood": "good"} for gate in read["services"][0]["gates"]]
        assert services_from(read) == services
    assert services_from({}) == ()


def test_accessories_are_plugged_in_under_every_name_they_are_called_by():
    model, services = shop()
    assert plugs_of(model, services) == {"inner": {"db": ["db", "database", "shop-db"]}}
    alone = tuple(replace(service, kind="accessory") if service.name in ("api", "web") else service for service in services)
    assert plugs_of(model, alone) == {"default": {"web": ["web"]}}, "a network without a replaced service is no release's"
