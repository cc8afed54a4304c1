"""What a host remembers of an app's migrations."""

from __future__ import annotations

import pytest

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import MigrateError
from ansible_collections.steady.deploy.plugins.module_utils.migrate.memory import Memory
from ansible_collections.steady.deploy.plugins.module_utils.migrate.spec import Pending


@pytest.fixture
def memory(tmp_path):
    return Memory(str(tmp_path / "migrations.json"))


def test_it_begins_empty(memory):
    assert memory.known_by("migrate", ["r1"]) == {"r1": ()}
    assert memory.contracted() == {} and memory.knows("r1") is None


def test_releases_that_are_gone_are_forgotten(memory):
    memory.learn("r1", "migrate", Pending(("a",), ()), [])
    memory.learn(
        "r2",
        "migrate",
        Pending(
            (
                "a",
                "b",
            ),
            (),
        ),
        ["r1"],
    )
    memory.learn("r2", "other", Pending(("x",), ()), ["r1", "r2"])
    assert memory.known_by("migrate", ["r1", "r2"]) == {"r1": ("a",), "r2": ("a", "b")}
    memory.learn(
        "r3",
        "migrate",
        Pending(
            (
                "a",
                "b",
                "c",
            ),
            (),
        ),
        ["r2"],
    )
    assert memory.knows("r1") is None and memory.knows("r2") == {"migrate": ["a", "b"], "other": ["x"]}


def test_what_was_taken_away_is_never_forgotten(memory):
    memory.contract("migrate", ["b"])
    memory.contract("migrate", ["b", "c"])
    memory.contract("other", [])
    memory.learn("r9", "migrate", Pending((), ()), [])
    assert memory.contracted() == {"migrate": ("b", "c")}


def test_what_waited_here_and_was_applied_by_another_host_has_taken_away_here_too(memory):
    memory.learn("r1", "migrate", Pending(("a", "b", "c"), ("b", "c")), [], ["b", "c"])
    # Still pending; code that does not know them; a tool that does not tell what it knows.
    memory.learn("r1", "migrate", Pending(("a", "b", "c"), ("b", "c")), [])
    memory.learn("r0", "migrate", Pending(("a",), ()), ["r1"])
    memory.learn("r2", "migrate", Pending((), (), whole=False), ["r1"])
    assert memory.contracted() == {}
    memory.learn("r1", "migrate", Pending(("a", "b", "c"), ("c",)), ["r2"])
    assert memory.contracted() == {"migrate": ("b",)}
    memory.learn("r1", "other", Pending(("c",), ()), ["r2"])
    memory.learn("r1", "migrate", Pending(("a", "b", "c"), ()), ["r2"])
    assert memory.contracted() == {"migrate": ("b", "c")}


def test_a_release_whose_tool_tells_only_what_is_pending_knows_what_was_taken_away_before_it(memory):
    memory.learn("r1", "migrate", Pending(("a",), ("a",), whole=False), [])
    memory.contract("migrate", ["b"])
    memory.learn("r2", "migrate", Pending((), (), whole=False), ["r1"])
    memory.learn("r3", "migrate", Pending((), ()), ["r1", "r2"])
    assert memory.known_by("migrate", ["r1", "r2", "r3"]) == {"r1": ("a",), "r2": ("b",), "r3": ()}


@pytest.mark.parametrize("text", ["{", "[1]", '{"known": 3}', "null\x00"])
def test_a_damaged_file_is_told(tmp_path, text):
    (tmp_path / "migrations.json").write_text(text)
    with pytest.raises(MigrateError, match=r"migrations\.json is damaged"):
        Memory(str(tmp_path / "migrations.json")).contracted()
