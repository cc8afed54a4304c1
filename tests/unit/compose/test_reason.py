# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why Compose can't read an app, without a value of its environment; and names that links give to accessories."""

from __future__ import annotations

import pytest
from unit.compose.compose_models import model_of

from ansible_collections.steady.deploy.plugins.module_utils.compose.images import check_reference
from ansible_collections.steady.deploy.plugins.module_utils.compose.lint import lint
from ansible_collections.steady.deploy.plugins.module_utils.compose.reason import values_in, why_unreadable
from ansible_collections.steady.deploy.plugins.module_utils.compose.record import plugs_of
from ansible_collections.steady.deploy.plugins.module_utils.compose.services import services_of
from ansible_collections.steady.deploy.plugins.module_utils.compose.split import base_document, release_document
from ansible_collections.steady.deploy.plugins.module_utils.core.errors import PreflightError, SpecError, SteadyError

FILE = "/srv/shop/compose.yml"
WEB = {"x-steady": {"kind": "web", "port": 80, "gates": [{"type": "tcp"}]}, "restart": "always"}


@pytest.mark.parametrize(
    ("stderr", "said"),
    [
        ("yaml: line 3: found unexpected end of stream\n", "yaml: line 3: found unexpected end of stream"),
        (f"validating {FILE}: services.web must be a mapping", "services.web must be a mapping"),
        ("line 2: unterminated quoted value 'hunter2", "an env_file of a service, line 2: unterminated quoted value"),
        (
            'failed to read /srv/shop/.env: line 1: unexpected character "\\"" in variable name "B\\"=hunter2"',
            'failed to read /srv/shop/.env: line 1: unexpected character "\\"" in variable name',
        ),
        (
            'Invalid template: "${hunter2"',
            "an env_file of a service, a value holds a $ that starts no variable; write $$, or quote the value with '",
        ),
        (
            "invalid format. You may need to escape any $ with another $. ${hunter2",
            "invalid format. You may need to escape any $ with another $",
        ),
        ("Invalid containerPort: hunter2-and-more", "Invalid containerPort: ***-and-more"),
        ("", "exit code 15"),
        ("a\x1b[31m" + "x" * 1000, "a[31m" + "x" * 392 + "..."),
    ],
)
def test_the_reason_is_one_line_without_a_value(stderr, said):
    assert why_unreadable(stderr, 15, [FILE], {"hunter2"}) == said


def test_the_values_of_an_environment_file():
    assert values_in("# A=no\nA=one\nexport B='two words'\n\nC=\nD=x=y\nnothing\n") == {"one", "two words", "x=y"}


@pytest.mark.parametrize(
    "reference",
    [
        "a",
        "a:1",
        "a/b__c/d-e.f:V_1.2",
        "localhost:5000/a",
        "Reg.Example.com/a",
        "[::1]:5000/a",
        "a@sha256:" + "0" * 64,
        "sha256:" + "f" * 64,
    ],
)
def test_what_names_an_image(reference):
    assert check_reference(reference, "x") == reference


@pytest.mark.parametrize("reference", ["", None, 7, "a/B", "a:", "a b", "-a", "--help", "a@sha256:0", "a//b", "a:b:c", "a\n", "http://a/b"])
def test_what_names_none(reference):
    with pytest.raises(SpecError, match=r"service web: .* names no image"):
        check_reference(reference, "service web")


def test_links_become_names_in_the_network():
    networks = {"networks": {"default": None}}
    model = model_of(
        web={**WEB, **networks, "links": ["db", "db:database", "api:backend"]},
        api={**networks, "x-steady": {"kind": "worker"}},
        db={**networks, "x-steady": {"kind": "accessory"}, "links": ["web"]},
    )
    model["networks"] = {"default": {"name": "shop_default"}}
    services = services_of(model, {})
    assert plugs_of(model, services) == {"default": {"db": ["db", "database"]}}
    assert release_document(model, services, "shop", "1", {}, {"web": [20000]}, {})["services"]["web"]["links"] == ["api:backend"]
    assert "links" not in base_document(model, services, "shop")["services"]["db"]


def test_more_wrongs_than_one_can_read_are_counted():
    model = model_of(
        web=WEB, **{f"worker{number}": {"container_name": f"w{number}", "x-steady": {"kind": "worker"}} for number in range(20)}
    )
    with pytest.raises(PreflightError) as caught:
        lint(model, services_of(model, {}))
    assert len(caught.value.message) <= 600
    assert caught.value.message.endswith("; and 14 more")


def test_an_error_is_one_line_whatever_is_quoted_in_it():
    assert SteadyError("a\n\n  b\x1b[0m").message == "a b[0m"
    assert SteadyError("two  spaces stay").message == "two  spaces stay"
    assert len(SteadyError("x" * 5000).message) == 600
