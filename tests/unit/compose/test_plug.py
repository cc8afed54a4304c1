"""Accessories go into a release's networks under their names, and out before a network goes."""

from __future__ import annotations

import json

from unit.compose.compose_models import DockerTable

from ansible_collections.steady.deploy.plugins.module_utils.compose.cli import DockerCli
from ansible_collections.steady.deploy.plugins.module_utils.compose.plugs import plug, unplug

PLUGS = {"inner": {"db": ["db", "database"]}}


def docker(*networks):
    """A host with accessory db in these networks, with a container of a release beside it."""

    def container(name, service, release, inside):
        labels = {"com.docker.compose.service": service, **({"steady.release": release} if release else {})}
        return {
            "Id": name,
            "Name": "/" + name,
            "State": {"Status": "exited"},
            "Config": {"Labels": labels},
            "NetworkSettings": {"Networks": {network: {} for network in inside}},
        }

    found = [container("c1", "db", "", networks), container("c2", "db", "1", ["shop-1_inner"])]
    network = {"Name": "shop-1_inner", "Labels": {"com.docker.compose.network": "inner"}, "Containers": {}}
    return DockerTable(
        ("ps", 0, "c1\tshop\tshop\nc2\tshop\tshop-1\nc3\tother\tother\n", ""),
        ("container inspect", 0, json.dumps(found), ""),
        ("network ls", 0, "n1\n", ""),
        ("network inspect", 0, json.dumps([network]), ""),
        ("network", 0, "", ""),
    )


def done(table):
    return [text for text in table.ran if text.startswith("docker network") and text.split()[2] not in ("ls", "inspect")]


def test_an_accessory_is_plugged_in_once_under_all_its_names():
    table = docker("shop_inner")
    plug(DockerCli(table), "shop", "1", PLUGS)
    assert done(table) == ["docker network connect --alias db --alias database shop-1_inner c1"]
    table = docker("shop_inner", "shop-1_inner")
    plug(DockerCli(table), "shop", "1", PLUGS)
    assert done(table) == []


def test_a_network_that_was_not_made_yet_is_left_out():
    table = docker("shop_inner")
    plug(DockerCli(table), "shop", "1", {"other": {"db": ["db"]}})
    assert done(table) == []


def test_a_stopped_accessory_is_unplugged_too_before_the_network_goes():
    table = docker("shop_inner", "shop-1_inner")
    unplug(DockerCli(table), "shop", "shop-1")
    assert done(table)[0] == "docker network disconnect --force shop-1_inner c1"
    assert done(table)[-1] == "docker network rm shop-1_inner"
