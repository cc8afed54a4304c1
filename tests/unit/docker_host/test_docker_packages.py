"""Which packages the role docker_host takes, and from where: its own variables, rendered by Ansible."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

ROLE = Path(__file__).resolve().parents[3] / "roles/docker_host"
DISTRIBUTION = ["docker.io", "docker-cli", "docker-compose", "containerd", "runc", "iptables"]
DOCKER = ["docker-ce", "docker-ce-cli", "containerd.io", "docker-compose-plugin"]


def render(name, distribution, version, **given):
    loader = DataLoader()
    variables = {
        **loader.load_from_file(str(ROLE / "defaults/main.yml")),
        **loader.load_from_file(str(ROLE / "vars/main.yml"), trusted_as_template=True),
        **given,
        "ansible_facts": {"distribution": distribution, "distribution_major_version": version},
    }
    return Templar(loader=loader, variables=variables).template(variables[f"__docker_host_{name}"])


@pytest.mark.parametrize(
    ("distribution", "version", "given", "names", "url"),
    [
        ("Debian", "13", {}, DISTRIBUTION, None),
        ("Debian", "12", {}, DOCKER, "https://download.docker.com/linux/debian"),
        ("Ubuntu", "24", {}, DOCKER, "https://download.docker.com/linux/ubuntu"),
        ("Ubuntu", "24", {"docker_host_packages_from": "distribution"}, ["docker.io", "docker-compose-v2", "containerd", "runc"], None),
        ("Debian", "13", {"docker_host_packages_from": "docker"}, DOCKER, "https://download.docker.com/linux/debian"),
        ("Debian", "12", {"docker_host_packages_from": "distribution"}, [], None),
        ("Debian", "12", {"docker_host_packages": ["moby"]}, ["moby"], None),
    ],
)
def test_packages(distribution, version, given, names, url):
    assert render("names", distribution, version, **given) == names
    source = render("source", distribution, version, **given)
    wanted = {"name": "docker", "uris": [url], "components": ["stable"], "key_url": f"{url}/gpg"} if url else {}
    assert source == wanted


def test_a_source_of_ones_own_wins():
    given = {"docker_host_apt_source": {"name": "mine"}, "docker_host_packages": ["docker.io"]}
    assert render("source", "Debian", "12", **given) == {"name": "mine"}
    assert render("names", "Debian", "12", **given) == ["docker.io"]
