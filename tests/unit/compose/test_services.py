"""From a compose file to services: what is inferred, and what is said about a file that can't work."""

from __future__ import annotations

import pytest
from unit.compose.compose_models import model_of, recorded, shop

from ansible_collections.steady.deploy.plugins.module_utils.compose.lint import lint
from ansible_collections.steady.deploy.plugins.module_utils.compose.services import health_deadline, services_of
from ansible_collections.steady.deploy.plugins.module_utils.core.errors import PreflightError, SpecError

HOW = "say so with `x-steady: {kind: ...}` in the compose file or with the parameter `services`"
DATA = {"type": "volume", "source": "data", "target": "/d", "volume": {}}
OPEN = {"mode": "ingress", "target": 8000, "protocol": "tcp"}
FIXED = {**OPEN, "published": "80", "host_ip": "127.0.0.1"}
GATE = [{"type": "tcp"}]
WEB = {"x-steady": {"kind": "web", "port": 8000, "gates": GATE}, "restart": "unless-stopped"}


def kinds(services):
    return {service.name: service.kind for service in services}


def test_the_hotel_needs_no_parameter():
    model = recorded("hotel")
    services = {service.name: service for service in services_of(model, {})}
    assert kinds(services.values()) == {
        "app": "web",
        "mariadb": "accessory",
        "migrate": "job",
        "queue": "worker",
        "redis": "accessory",
        "scheduler": "singleton",
        "web": "web",
        "ws": "web",
    }
    assert [(name, one.port, one.replicas) for name, one in services.items() if one.kind == "web"] == [
        ("app", None, 2),
        ("web", 8080, 2),
        ("ws", 8081, 1),
    ]
    assert [(gate.type, gate.port) for gate in services["app"].gates + services["web"].gates] == [("fastcgi", 9000), ("http", 8080)]
    assert services["queue"].stop_timeout == 60
    assert [gate.type for gate in services["scheduler"].gates] == ["health"]
    assert not services["migrate"].before_start
    assert lint(model, tuple(services.values())) == []


def test_the_shop_is_inferred_where_it_says_nothing():
    model, services = shop()
    found = {service.name: service for service in services}
    assert {name: (one.kind, one.why) for name, one in found.items()} == {
        "api": ("web", "x-steady"),
        "db": ("accessory", "inferred: image only, keeps its data in volume data"),
        "mailer": ("worker", "parameter"),
        "migrate": ("job", "inferred: another service waits for its completion"),
        "ticker": ("singleton", "x-steady"),
        "web": ("web", "inferred: it publishes a port without fixing the host's"),
    }
    web = found["web"]
    assert (web.port, web.replicas, web.stop_timeout, web.memory, web.waits_for) == (8000, 3, 90.0, 64 << 20, ("api",))
    assert [(gate.type, gate.port, gate.path) for gate in web.gates] == [("http", 8000, "/readyz")]
    assert (found["api"].replicas, found["mailer"].memory) == (2, 32 << 20)
    assert found["migrate"].before_start
    assert found["migrate"].gates == ()
    restart = [warning for warning in lint(model, services) if "restart" in warning]
    assert [warning.split()[1] for warning in restart] == ["api", "mailer", "ticker"]


@pytest.mark.parametrize(
    ("service", "said"),
    [
        (
            {"x-steady": {"kind": "wbe"}},
            "service x: kind 'wbe' is unknown, it is one of web, worker, singleton, accessory, job. Did you mean web?",
        ),
        ({"x-steady": {"kind": 7}}, "service x: kind 7 is unknown, it is one of web, worker, singleton, accessory, job."),
        ({"x-steady": "web"}, "service x: `x-steady` must be a mapping such as {kind: web, port: 8000}"),
        ({"x-steady": {"knd": "web"}}, "service x: `x-steady` has no key 'knd'; did you mean kind?"),
        ({"x-steady": {"zzz": 1}}, "service x: `x-steady` has no key 'zzz'; it takes kind, port, gates, assets, strategy, migrate"),
        ({}, f"service x: it may be a `worker`, a `singleton` or an `accessory`; {HOW}"),
        ({"expose": ["80"]}, f"service x: it exposes a port, so it may be `web` or `accessory`; {HOW}"),
        ({"ports": [FIXED]}, f"service x: it publishes a fixed port, so it may be `web` or `accessory`; {HOW}"),
        (
            {"ports": [OPEN, {**OPEN, "target": 9000}]},
            "service x: it publishes ports 8000, 9000; name the edge's one with `x-steady: {port: ...}`",
        ),
        ({"x-steady": {"kind": "worker", "port": 80}}, "service x: `port` is for kind web, this is kind worker"),
        ({"x-steady": {"port": "http"}}, "service x: `port` must be a number from 1 to 65535, not 'http'"),
        ({"x-steady": {"port": 65536}}, "service x: `port` must be a number from 1 to 65535, not 65536"),
        ({"x-steady": {"port": True}}, "service x: `port` must be a number from 1 to 65535, not True"),
        ({"x-steady": {"kind": "job", "gates": GATE}}, "service x: `gates` are for kinds that are rolled out, this is kind job"),
        ({"x-steady": {"port": 80, "gates": "tcp"}}, "service x: `gates` must be a list such as [{type: http, path: /readyz}]"),
        (
            {"x-steady": {"port": 80, "gates": [{}]}},
            "service x, gate 1: `type` is missing; it is one of http, tcp, fastcgi, exec and health",
        ),
    ],
)
def test_a_service_that_cant_be_read_is_told(service, said):
    with pytest.raises(SpecError) as caught:
        services_of(model_of(x=service), {})
    assert caught.value.message == said


@pytest.mark.parametrize(
    ("model", "parameter", "said"),
    [
        ({}, {}, "the compose file has no service: with profiles in use, name them in the parameter `profiles`"),
        (model_of(web=WEB), {"wep": {}}, "parameter services: the compose file has no service 'wep'; did you mean web?"),
        (model_of(web=WEB), {"queue": {}}, "parameter services: the compose file has no service 'queue'; the file has web"),
    ],
)
def test_a_file_or_parameter_that_cant_be_read_is_told(model, parameter, said):
    with pytest.raises(SpecError) as caught:
        services_of(model, parameter)
    assert caught.value.message == said


def test_the_parameter_wins_where_it_says_something():
    said = {"web": {"kind": None, "port": 9000, "gates": [{"type": "http"}]}}
    (service,) = services_of(model_of(web=WEB), said)
    assert (service.kind, service.why, service.port) == ("web", "x-steady", 9000)
    assert [(gate.type, gate.port) for gate in service.gates] == [("http", 9000)]


@pytest.mark.parametrize(
    ("service", "kind"),
    [
        ({"volumes": [DATA]}, "accessory"),
        ({"build": {}, "volumes": [DATA]}, "worker"),
        ({"build": {}}, "worker"),
        ({"ports": [OPEN]}, "web"),
    ],
)
def test_inference(service, kind):
    assert kinds(services_of(model_of(x=service), {})) == {"x": kind}


@pytest.mark.parametrize("check", [{"disable": True}, {"test": ["NONE"]}, {"interval": "5s"}, None])
def test_no_healthcheck_no_gate(check):
    (service,) = services_of(model_of(x={"x-steady": {"kind": "worker"}, "healthcheck": check}), {})
    assert (service.has_healthcheck, service.gates) == (False, ())


def test_a_health_gate_waits_as_long_as_docker_may_take():
    assert health_deadline({}) == 180
    assert health_deadline({"interval": "1s", "timeout": "1s"}) == 60
    assert health_deadline({"interval": "10s", "timeout": "5s", "retries": 4, "start_period": "1m0s"}) == 120


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"image": ""}, "service x has no `image`: a release needs one to be named, `build` alone is not enough"),
        ({"container_name": "shop"}, "service x has `container_name: shop`: two releases can't share a name, remove it"),
        (
            {"ports": [FIXED]},
            "service x publishes the fixed host port 80:8000: two releases can't share it, "
            "remove it and name the container port with `x-steady: {port: 8000}`",
        ),
        ({"network_mode": "host"}, "service x has `network_mode: host`: two releases can't share the host's ports, remove it"),
        (
            {"networks": {"n": {"ipv4_address": "10.0.0.2"}}},
            "service x has a static address in network n: two releases can't share it, remove it",
        ),
        (
            {"networks": {"out": None}},
            "service x is in the external network out: names of two releases would mix there, use a network of the app",
        ),
        (
            {"x-steady": {"kind": "singleton"}, "deploy": {"replicas": 2}},
            "service x is a singleton with 2 replicas: a singleton has one; no service takes traffic: "
            "give one `x-steady: {kind: web, port: <its container port>}`",
        ),
        ({"deploy": {"replicas": 0}}, "service x has 0 replicas: at least one is needed"),
        (
            {"x-steady": {"port": 80}},
            "service x takes traffic but nothing says when it is ready: add a gate to its `x-steady`, or a `healthcheck`",
        ),
        ({"x-steady": {"port": 80, "gates": [{"type": "health"}]}}, "service x has a health gate but no `healthcheck`: add one"),
    ],
)
def test_what_cant_be_rolled_out_is_told_before_anything_is_touched(change, said):
    model = {**model_of(x={**WEB, **change}), "networks": {"n": {}, "out": {"external": True}}}
    model["services"]["x"] |= {"image": change.get("image", "x:1")}
    with pytest.raises(PreflightError) as caught:
        lint(model, services_of(model, {}))
    assert caught.value.message == said


def test_everything_wrong_is_told_at_once():
    model = model_of(a={**WEB, "container_name": "a"}, b={**WEB, "container_name": "b"})
    with pytest.raises(PreflightError, match=r"service a has .*; service b has "):
        lint(model, services_of(model, {}))


def test_an_accessory_may_have_what_it_wants_but_not_open_to_all():
    db = {"volumes": [DATA], "container_name": "db", "ports": [FIXED, {**FIXED, "published": "5432", "host_ip": ""}]}
    model = model_of(web=WEB, db=db)
    (warning,) = lint(model, services_of(model, {}))
    assert warning == (
        "service db publishes port 5432 on every address: Docker opens it past the host's firewall, prefix it with 127.0.0.1:"
    )
