# Copyright: steady.deploy contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One truth in three places: the Gate dataclass, the argument spec, and the module's documentation."""

from __future__ import annotations

import dataclasses

import pytest
import yaml

from ansible_collections.steady.deploy.plugins.module_utils.probe.gate import GATE_TYPES, Gate
from ansible_collections.steady.deploy.plugins.module_utils.probe.options import gate_argument_spec
from ansible_collections.steady.deploy.plugins.module_utils.probe.parse import parse_gate
from ansible_collections.steady.deploy.plugins.modules import ready


def plain(value):
    """Lists, mappings and tuples of the three places on one level."""
    return None if value in (None, "", [], {}, ()) else list(value) if isinstance(value, (list, tuple)) else value


def test_the_spec_has_the_dataclass_fields_and_defaults():
    spec = gate_argument_spec()
    fields = {field.name: field for field in dataclasses.fields(Gate)}
    assert set(spec) == set(fields)
    for name, option in spec.items():
        if name != "type":
            assert plain(option.get("default")) == plain(fields[name].default), name
    assert tuple(spec["type"]["choices"]) == GATE_TYPES


def test_the_documentation_has_them_too():
    documented = yaml.safe_load(ready.DOCUMENTATION)["options"]["gates"]["suboptions"]
    spec = gate_argument_spec()
    assert list(documented) and set(documented) == set(spec)
    for name, option in spec.items():
        assert documented[name]["type"] == option["type"], name
        assert documented[name].get("default") == option.get("default"), name
        assert documented[name].get("elements") == option.get("elements"), name


@pytest.mark.parametrize("kind", GATE_TYPES)
def test_a_gate_with_all_defaults_filled_in_is_read_for_each_type(kind):
    raw = {name: option.get("default") for name, option in gate_argument_spec().items()}
    raw["type"] = kind
    if kind in ("http", "tcp", "fastcgi"):
        raw["port"] = 80
    if kind == "exec":
        raw["command"] = ["true"]
    expected = Gate(kind, port=raw["port"], command=tuple(raw["command"]))
    assert parse_gate(raw, "gate 1") == expected
