"""What the user is shown of a rollout, and what never."""

from __future__ import annotations

import json
import tempfile

from hypothesis import given, settings
from hypothesis import strategies as st
from unit.compose.compose_models import recorded

from ansible_collections.steady.deploy.plugins.module_utils.commands.report import diff_of
from ansible_collections.steady.deploy.plugins.module_utils.compose.images import Image
from ansible_collections.steady.deploy.plugins.module_utils.compose.services import services_of
from ansible_collections.steady.deploy.plugins.module_utils.compose.split import release_document
from ansible_collections.steady.deploy.plugins.module_utils.compose.store import Store
from ansible_collections.steady.deploy.plugins.module_utils.compose.target import Target
from ansible_collections.steady.deploy.plugins.module_utils.rollout.spec import Wish
from ansible_collections.steady.deploy.plugins.module_utils.rollout.steps import Step

STEPS = (Step("shift", "shift"),)
# Long enough that no hash or name holds one by chance; also what JSON writes in another way.
VALUES = st.text(min_size=5, max_size=30).map(lambda text: "s3cr3t-" + text)
ENVIRONMENTS = st.dictionaries(st.from_regex(r"[A-Z_]{1,10}", fullmatch=True), VALUES, max_size=5)


def target_of(environment):
    model = recorded("hotel")
    for service in model["services"].values():
        service["environment"] = environment
        service["command"] = ["run", *environment.values()]
        service["labels"] = dict(environment)
        service["build"] = {"context": "/", "args": environment}
        service["healthcheck"] = {"test": ["CMD", *environment.values()]}
    services = services_of(model, {})
    images = {service.image: Image(service.image, "sha256:1", "sha256:1", True) for service in services}
    return Target("new", model, services, images, {})


def kept(store, release, target):
    ports = {service.name: (20000,) for service in target.services}
    pins = {reference: image.pin for reference, image in target.images.items()}
    store.write_release(release, release_document(target.model, target.services, "hotel", release, pins, ports, {}), {})


def shown(before, after, steps=STEPS, rollback=False):
    """The diff from a kept release with environment ``before`` to one with ``after``."""
    with tempfile.TemporaryDirectory() as folder:
        store = Store(folder, "hotel")
        store.make()
        kept(store, "old", target_of(before))
        target = target_of(after)
        if rollback:
            kept(store, "new", target)
        return diff_of(store, "old", Wish("hotel", "new", target.services), None if rollback else target, steps)


@given(ENVIRONMENTS, ENVIRONMENTS, st.booleans())
@settings(deadline=None, max_examples=40)
def test_no_value_of_the_environment_is_shown(before, after, rollback):
    diff = shown(before, after, rollback=rollback)
    text = diff["before"] + diff["after"]
    assert "s3cr3t" not in text
    for environment in (before, after):
        assert all(value not in text and json.dumps(value) not in text for value in environment.values())


def test_a_changed_value_shows_as_a_mark_only():
    diff = shown({"A": "1111111", "B": "2"}, {"A": "7777777", "B": "2"})
    before, after = (json.loads(diff[key])["services"]["web"] for key in ("before", "after"))
    assert before["environment"] == ["A", "B"]
    assert after["environment"] == ["A (changed)", "B"]
    assert "command (changed)" in after["settings"] and "command" in before["settings"]
    assert (diff["before_header"], diff["after_header"]) == ("hotel served", "hotel wanted")
    assert json.loads(diff["after"])["release"] == "new"
    assert set(json.loads(diff["after"])["services"]) == {"app", "migrate", "queue", "scheduler", "web", "ws"}


def test_what_did_not_change_does_not_show():
    diff = shown({"A": "1"}, {"A": "1"})
    assert json.loads(diff["before"])["services"] == json.loads(diff["after"])["services"]
    diff = shown({"A": "1"}, {"A": "2"}, steps=())
    assert diff["before"] == diff["after"]


def test_nothing_served_and_a_damaged_release_are_shown_as_empty():
    with tempfile.TemporaryDirectory() as folder:
        store = Store(folder, "hotel")
        store.make()
        target = target_of({})
        for served in (None, "gone"):
            diff = diff_of(store, served, Wish("hotel", "new", target.services), target, STEPS)
            assert json.loads(diff["before"]) == {"release": served, "services": {}}
