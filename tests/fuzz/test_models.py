"""Models and parameters nobody would write: each ends in a plan or in one sentence."""

from __future__ import annotations

import copy
import json
import re
import typing as t
from pathlib import Path

import pytest
from fuzz.stand import OPTIONS, SECRET, answer
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

FIXTURES = Path(__file__).parent.parent / "unit" / "compose" / "fixtures" / "2.26"
BUDGET = settings(max_examples=400, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))


def recorded(app: str) -> dict[str, t.Any]:
    """A recorded app with its extension, and the secret in every environment."""
    model = json.loads((FIXTURES / f"{app}.json").read_text())
    raw = json.loads((FIXTURES / f"{app}.raw.json").read_text())
    for name, service in model["services"].items():
        service["environment"] = {**(service.get("environment") or {}), "TOKEN": SECRET}
        if "x-steady" in raw["services"][name]:
            service["x-steady"] = raw["services"][name]["x-steady"]
    for kind in ("configs", "secrets"):
        for entry in (model.get(kind) or {}).values():
            entry.pop("file", None)
            entry["content"] = SECRET
    return model


MODELS = {app: recorded(app) for app in ("hotel", "shop")}
EXTENSION = {"mailer": {"kind": "worker"}}

text = st.one_of(
    st.text(max_size=30), st.sampled_from(["", " ", "\n", "a\nb", "x" * 3000, "--help", "$HOME", "web", "\x00", "é" * 700, "../.."])
)
numbers = st.one_of(st.integers(-(10**12), 10**12), st.integers(-2, 70000), st.floats(), st.just(10**400))
anything = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, text),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(text, inner, max_size=4)),
    max_leaves=8,
)
gate = st.dictionaries(
    st.sampled_from(["type", "port", "path", "interval", "deadline", "status", "command", "headers", "jmespath", "script", "x"]),
    st.one_of(anything, st.sampled_from(["http", "tcp", "fastcgi", "exec", "health", "/readyz", 80, "2s", "a ==", ["true"]])),
    max_size=4,
)
kinds = st.sampled_from(["web", "worker", "singleton", "accessory", "job"])
extension = st.one_of(
    anything,
    st.fixed_dictionaries(
        {}, optional={"kind": st.one_of(kinds, anything), "port": st.one_of(st.just(80), anything), "gates": st.lists(gate)}
    ),
    st.dictionaries(st.one_of(text, st.sampled_from(["kind", "port", "gates", "assets", "strategy"])), anything, max_size=3),
)
names = st.from_regex(r"[a-zA-Z0-9._-]{1,8}", fullmatch=True)
port = st.fixed_dictionaries(
    {"mode": st.sampled_from(["ingress", "host"]), "target": st.integers(1, 65535), "protocol": st.sampled_from(["tcp", "udp", "sctp"])},
    optional={"published": st.sampled_from(["", "80", "8000-8010"]), "host_ip": st.sampled_from(["", "127.0.0.1", "::"]), "name": names},
)
volume = st.one_of(
    st.fixed_dictionaries({"type": st.just("volume"), "target": st.just("/v")}, optional={"source": names, "volume": st.just({})}),
    st.fixed_dictionaries(
        {"type": st.sampled_from(["bind", "tmpfs", "npipe", "cluster"]), "target": st.just("/v")}, optional={"source": names}
    ),
)
duration = st.sampled_from(["0s", "10s", "1m30s", "1h0m0s", "500ms", "1µs", "2562047h47m16.854775807s"])
condition = st.sampled_from(["service_started", "service_healthy", "service_completed_successfully"])
# Each key of a service with what Compose may print for it.
KEYS: dict[str, st.SearchStrategy[t.Any]] = {
    "image": st.one_of(text, st.sampled_from(["a", "a:b", "reg:5000/a@sha256:" + "0" * 64])),
    "build": st.just({"context": "/x"}),
    "ports": st.lists(port, max_size=3),
    "expose": st.lists(st.sampled_from(["80", "8000-8010/tcp"]), max_size=2),
    "volumes": st.lists(volume, max_size=3),
    "networks": st.dictionaries(
        names, st.one_of(st.none(), st.just({"aliases": ["a"]}), st.just({"ipv4_address": "10.0.0.2"})), max_size=2
    ),
    "depends_on": st.dictionaries(
        st.sampled_from(["web", "api", "db", "mailer", "migrate", "ticker", "queue"]),
        st.fixed_dictionaries({"condition": condition}, optional={"required": st.booleans(), "restart": st.booleans()}),
        max_size=3,
    ),
    "deploy": st.fixed_dictionaries(
        {},
        optional={
            "replicas": st.sampled_from([0, 1, 3, -1, 10**9]),
            "resources": st.sampled_from([{}, {"reservations": None}, {"reservations": {"memory": "99"}}, {"limits": {"cpus": 1}}]),
            "restart_policy": st.sampled_from([None, {"condition": "any"}]),
            "update_config": st.sampled_from([None, {"parallelism": 0}, {"order": "start-first", "delay": "1s"}]),
            "mode": st.sampled_from(["global", "replicated"]),
            "placement": st.just({}),
        },
    ),
    "scale": st.integers(-1, 3),
    "healthcheck": st.fixed_dictionaries(
        {},
        optional={
            "test": st.sampled_from([["CMD", "true"], ["NONE"], None, []]),
            "disable": st.booleans(),
            "interval": duration,
            "timeout": duration,
            "retries": st.integers(0, 2**64 - 1),
            "start_period": duration,
        },
    ),
    "stop_grace_period": duration,
    "mem_reservation": st.sampled_from(["0", "67108864", "999999999999999"]),
    "container_name": names,
    "network_mode": st.sampled_from(["host", "none", "bridge", "service:db", "service:web", "service:", "container:x", ""]),
    "ipc": st.sampled_from(["host", "service:db", "shareable"]),
    "volumes_from": st.lists(st.sampled_from(["db", "web:ro", "container:x:rw"]), max_size=2),
    "links": st.lists(st.sampled_from(["db", "db:database", "web"]), max_size=2),
    "restart": st.sampled_from(["no", "always", "on-failure:3"]),
    "command": st.lists(st.text(max_size=5), max_size=2),
    "entrypoint": st.lists(st.text(max_size=5), max_size=2),
    "environment": st.dictionaries(names, st.one_of(st.none(), st.just(SECRET)), max_size=2),
    "labels": st.dictionaries(names, st.just("x"), max_size=2),
    "pull_policy": st.sampled_from(["always", "never", "build", "if_not_present", "daily"]),
    "profiles": st.lists(names, max_size=2),
    "configs": st.lists(st.fixed_dictionaries({"source": names}), max_size=1),
    "secrets": st.lists(st.fixed_dictionaries({"source": names}), max_size=1),
    "x-steady": extension,
}
network = st.one_of(
    st.none(),
    st.fixed_dictionaries(
        {},
        optional={
            "name": names,
            "external": st.booleans(),
            "driver": st.sampled_from(["bridge", "overlay", "macvlan"]),
            "driver_opts": st.sampled_from([None, {}, {"com.docker.network.bridge.name": "br0"}]),
            "ipam": st.sampled_from([{}, {"config": [{"subnet": "10.0.0.0/24"}]}]),
            "internal": st.booleans(),
        },
    ),
)
TOP: dict[str, st.SearchStrategy[t.Any]] = {
    "networks": st.dictionaries(names, network, max_size=2),
    "volumes": st.dictionaries(names, network, max_size=2),
    "secrets": st.dictionaries(names, st.sampled_from([{"external": True}, {"environment": "NO_SUCH"}, {"content": SECRET}]), max_size=2),
    "configs": st.dictionaries(names, st.sampled_from([{"external": True}, {"environment": "NO_SUCH"}, {"content": SECRET}]), max_size=2),
    "services": st.just({}),
    "name": names,
}


@st.composite
def models(draw: st.DrawFn) -> dict[str, t.Any]:
    """A recorded model with a few keys changed, taken away or set to null."""
    model = copy.deepcopy(MODELS[draw(st.sampled_from(sorted(MODELS)))])
    for dummy in range(draw(st.integers(1, 4))):
        what = draw(st.sampled_from(["key", "key", "key", "null", "drop", "top", "service", "gone"]))
        services = model.get("services") or {}
        if what == "top":
            key = draw(st.sampled_from(sorted(TOP)))
            model[key] = draw(st.one_of(TOP[key], st.none()))
        elif what == "service":
            services[draw(names)] = draw(st.fixed_dictionaries({}, optional=KEYS))
        elif services:
            name = draw(st.sampled_from(sorted(services)))
            key = draw(st.sampled_from(sorted(KEYS)))
            if what == "gone":
                del services[name]
            elif what == "drop":
                services[name].pop(key, None)
            else:
                services[name][key] = None if what == "null" else draw(KEYS[key])
    return model


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("shop")
    (made / "compose.yml").touch()
    return made


def check(done: tuple[dict[str, t.Any] | None, str]) -> None:
    """A plan, or a sentence; and no secret in either."""
    result, error = done
    event("planned" if result else "refused")
    if result is None:
        assert 10 <= len(error) <= 600, (len(error), error)
        assert error.isprintable(), error
        assert not re.search(r"Traceback|Errno|<class|object at 0x", error)
    assert SECRET not in error + json.dumps(result)


@given(models())
@settings(BUDGET, max_examples=1200)
def test_any_model_is_planned_or_refused(folder: Path, model: dict[str, t.Any]) -> None:
    check(answer(model, folder, services=EXTENSION if "mailer" in (model.get("services") or {}) else {}))


@given(
    st.sampled_from(sorted(MODELS)), st.dictionaries(st.sampled_from(["web", "api", "mailer", "db", "queue", "x"]), extension, max_size=2)
)
@BUDGET
def test_any_words_about_services_are_taken_or_refused(folder: Path, app: str, services: dict[str, t.Any]) -> None:
    check(answer(MODELS[app], folder, services=services))


def _default(option: t.Mapping[str, t.Any]) -> t.Any:
    default = option.get("default")
    return float(default) if option["type"] == "float" and default is not None else default


def _values(option: t.Mapping[str, t.Any]) -> st.SearchStrategy[t.Any]:
    """Whatever Ansible lets through for an option."""
    if "suboptions" in option:
        inner = st.fixed_dictionaries({name: st.one_of(st.just(_default(sub)), _values(sub)) for name, sub in option["suboptions"].items()})
        return st.lists(inner, max_size=2) if option["type"] == "list" else inner
    kind = option["type"]
    if "choices" in option:
        return st.sampled_from(option["choices"])
    if kind == "list":
        elements = {"str": text, "path": text, "dict": st.dictionaries(text, anything, max_size=3)}
        return st.lists(elements.get(option.get("elements", "str"), anything), max_size=2)
    return {
        "str": text,
        "path": text,
        "int": st.one_of(st.integers(-2, 5), st.integers()),
        "float": st.floats(),
        "bool": st.booleans(),
        "dict": st.dictionaries(text, anything, max_size=3),
        "raw": anything,
    }[kind]


PARAMS = {name: _values(option) for name, option in OPTIONS.items() if name not in ("services", "app", "edge", "notify")}


@given(st.data(), st.sampled_from(sorted(MODELS)))
@BUDGET
def test_any_parameters_are_taken_or_refused(folder: Path, data: st.DataObject, app: str) -> None:
    params = {}
    for name in data.draw(st.lists(st.sampled_from(sorted(PARAMS)), min_size=1, max_size=3, unique=True)):
        params[name] = data.draw(PARAMS[name], label=name)
    # Reading and writing elsewhere than in the test's folder is no part of the game.
    assume(not str(params.get("state_dir") or "").startswith("/"))
    check(answer(MODELS[app], folder, services=EXTENSION if app == "shop" else {}, **params))


@given(text)
@BUDGET
def test_any_name_is_taken_or_refused(folder: Path, app: str) -> None:
    check(answer(MODELS["hotel"], folder, app=app))
