"""The rules that come of a wish."""

from __future__ import annotations

from ansible_collections.steady.deploy.plugins.module_utils.firewall.rules import render
from ansible_collections.steady.deploy.plugins.module_utils.firewall.wish import parse


def chain(name, **params):
    defaults = {"ssh_ports": [], "ssh_sources": [], "web_ports": [], "allow": [], "container_interfaces": ["docker0", "br-*"]}
    text = render(parse({**defaults, **params}))
    body = text.split(f"    chain {name} {{\n", 1)[1].split("\n    }\n", 1)[0] if f"chain {name} {{\n    }}" not in text else ""
    return [line.strip() for line in body.splitlines() if line.strip() and not line.strip().startswith("#")]


def test_each_port_is_matched_as_it_was_asked_for():
    assert chain("allowed", ssh_ports=["22"], web_ports=["80"], allow=[{"port": "8000-8010", "protocol": "udp"}]) == [
        'meta l4proto tcp ct original proto-dst 22 accept comment "SSH"',
        'meta l4proto tcp ct original proto-dst 80 accept comment "web"',
        "meta l4proto udp ct original proto-dst 8000-8010 accept",
    ]


def test_sources_of_both_kinds_and_containers():
    item = {"port": 3306, "sources": ["192.0.2.7", "10.0.0.0/8", "2001:db8::/32", "containers"], "comment": "database"}
    assert chain("allowed", allow=[item]) == [
        'meta l4proto tcp ct original proto-dst 3306 ip saddr { 10.0.0.0/8, 192.0.2.7 } accept comment "database"',
        'meta l4proto tcp ct original proto-dst 3306 ip6 saddr { 2001:db8::/32 } accept comment "database"',
        'meta l4proto tcp ct original proto-dst 3306 iifname "docker0" accept comment "database"',
        'meta l4proto tcp ct original proto-dst 3306 iifname "br-*" accept comment "database"',
    ]


def test_nothing_allowed_is_a_chain_without_rules():
    assert chain("allowed") == []


def test_what_nobody_lets_in_is_dropped():
    for name in ("input", "forward"):
        lines = chain(name)
        assert lines[0] == f"type filter hook {name} priority filter; policy drop;"
        assert "ct state vmap { established : accept, related : accept, invalid : drop }" in lines
        # Whatever follows "jump allowed" was let in by nobody.
        assert lines[-2].endswith("jump allowed") and lines[-1] == 'counter comment "dropped"'


def test_containers_are_reached_by_published_ports_only():
    assert chain("forward")[2:5] == ['iifname "docker0" accept', 'iifname "br-*" accept', "ct status dnat jump allowed"]


def test_neighbours_are_heard_before_the_state_of_connections_is_asked():
    lines = chain("input")
    assert next(number for number, line in enumerate(lines) if "nd-neighbor-solicit" in line) < lines.index(
        "ct state vmap { established : accept, related : accept, invalid : drop }"
    )


def test_only_the_own_table_is_replaced():
    text = render(parse({"ssh_ports": ["22"], "ssh_sources": [], "web_ports": [], "allow": [], "container_interfaces": []}))
    assert "flush" not in text
    assert text.count("delete table inet steady\n") == 1 and text.count("table inet steady {\n") == 1
