"""When the role docker_host keeps the engine's configuration out of what a play prints: its own variables, rendered by Ansible."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

ROLE = Path(__file__).resolve().parents[3] / "roles/docker_host"
PROXY = {"proxies": {"http-proxy": "http://user:password@proxy.test:3128"}}
LABEL = {"labels": ["token=password"]}


def secret(before, **given):
    loader = DataLoader()
    seen = {"config": before, "config_content": base64.b64encode(json.dumps(before).encode()).decode()}
    variables = {
        **loader.load_from_file(str(ROLE / "defaults/main.yml")),
        **loader.load_from_file(str(ROLE / "vars/main.yml"), trusted_as_template=True),
        **given,
        "__docker_host_look": {"stdout": json.dumps(seen)},
    }
    return Templar(loader=loader, variables=variables).template(variables["__docker_host_secret"])


@pytest.mark.parametrize(
    ("before", "given"),
    [
        ({}, {}),
        ({"log-driver": "json-file", "log-opts": {"max-size": "1m"}, "live-restore": False}, {}),
        ({}, {"docker_host_registry_mirrors": ["https://mirror.test"], "docker_host_address_pools": [{"base": "10.0.0.0/16", "size": 24}]}),
    ],
)
def test_what_single_variables_make_is_shown(before, given):
    assert secret(before, **given) is False


@pytest.mark.parametrize(
    ("before", "given"),
    [
        ({}, {"docker_host_daemon_config": PROXY}),
        ({}, {"docker_host_daemon_config": LABEL}),
        (PROXY, {}),
        (LABEL, {"docker_host_daemon_config_only": True}),
        (PROXY, {"docker_host_daemon_config_only": True}),
        ({}, {"docker_host_daemon_config": {"log-opts": {"splunk-token": "password"}}}),
        ({"log-opts": {"splunk-token": "password"}}, {}),
        ({}, {"docker_host_registry_mirrors": ["https://user:password@mirror.test"]}),
        ({"registry-mirrors": ["https://user:password@mirror.test"]}, {}),
    ],
)
def test_what_may_hold_a_password_is_not(before, given):
    assert secret(before, **given) is True
