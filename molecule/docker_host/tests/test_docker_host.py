"""What the role has made of a fresh host."""

from __future__ import annotations

import json
import time

from e2e.shown import shown

# A datagram to the host's own loopback, as a raw frame: what a container with Docker's usual capabilities can send.
RAW_FRAME = """
import socket, struct, sys
gateway, source = (bytes.fromhex(part.replace(":", "")) for part in (sys.argv[1], open("/sys/class/net/eth0/address").read().strip()))
udp = struct.pack("!HHHH", 40000, 9999, 13, 0) + b"hello"
head = struct.pack("!BBHHHBBH4s4s", 69, 0, 20 + len(udp), 1, 0, 64, 17, 0, socket.inet_aton(sys.argv[2]), socket.inet_aton("127.0.0.1"))
total = sum(struct.unpack("!10H", head))
total = (total >> 16) + (total & 0xFFFF)
head = head[:10] + struct.pack("!H", ~(total + (total >> 16)) & 0xFFFF) + head[12:]
frames = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
frames.bind(("eth0", 0x0800))
for _ in range(3):
    frames.send(gateway + source + b"\\x08\\x00" + head + udp)
"""
LISTEN = """
import socket
heard = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
heard.bind(("127.0.0.1", 9999))
heard.settimeout(6)
try:
    print("heard", heard.recv(99).decode())
except TimeoutError:
    print("heard nothing")
"""


def config(host):
    """The engine's configuration."""
    return json.loads(host.file("/etc/docker/daemon.json").content_string)


def test_engine(host):
    with host.sudo():
        assert host.service("docker").is_running
        assert host.service("docker").is_enabled
        assert host.check_output("docker info --format '{{.LiveRestoreEnabled}} {{.LoggingDriver}}'") == "true json-file"
        version = host.check_output("docker compose version --short").lstrip("v").split(".")
    assert (int(version[0]), int(version[1])) >= (2, 24)


def test_configuration_is_merged(host):
    with host.sudo():
        found = config(host)
    assert found["shutdown-timeout"] == 20, "somebody else's key stays"
    assert found["insecure-registries"] == ["registry.lab:5000"], "what the role's variables say is not mixed with what was there"
    assert found["log-opts"] == {"compress": "true", "max-file": "3", "max-size": "10m"}
    assert found["userland-proxy"] is False


def test_nobody_else_reads_the_configuration(host):
    with host.sudo():
        assert host.file("/etc/docker/daemon.json").mode == 0o600
        assert host.file("/var/lib/steady-docker-host").mode == 0o700


def test_networks_come_from_the_pool(host):
    with host.sudo():
        host.check_output("docker network create test-pool")
        subnet = host.check_output("docker network inspect --format '{{(index .IPAM.Config 0).Subnet}}' test-pool")
        host.check_output("docker network rm test-pool")
    assert subnet.startswith("10.210.") and subnet.endswith("/24")


def test_users(host):
    assert "docker" in host.user("ops").groups


def test_no_forwarder_and_yet_a_port(host):
    with host.sudo():
        host.check_output(
            "docker run --detach --rm --name test-port --publish 127.0.0.1:20900:8000 "
            "--entrypoint python3 registry.lab:5000/tiny:1 -m http.server 8000"
        )
        try:
            answer = ""
            for dummy in range(40):
                answer = host.run(
                    "python3 -c \"import urllib.request as u; print(u.urlopen('http://127.0.0.1:20900/', timeout=2).status)\""
                ).stdout
                if answer:
                    break
                time.sleep(0.25)
            assert answer.strip() == "200"
            assert host.run("pgrep -x docker-proxy").rc != 0
            host.check_output("systemctl restart docker")
            rules = host.check_output("iptables-save --table nat")
            assert "STEADY-PORTS" not in rules, "what bridges a restart is gone after it"
            assert rules.count("--dport 20900") == 1
        finally:
            host.run("docker rm --force test-port")


def heard_on_loopback(host):
    """What arrives at a socket on the host's loopback of what a container sends there."""
    gateway = host.check_output("cat /sys/class/net/docker0/address")
    address = host.check_output("ip -4 -o address show docker0").split()[3].rpartition(".")[0] + ".99"
    run = "docker run --rm --interactive --user 0 --publish 127.0.0.1:20901:8000 --entrypoint python3 registry.lab:5000/tiny:1"
    return host.check_output(
        f"python3 - <<'LISTEN' >/run/heard &\n{LISTEN}\nLISTEN\n"
        f"sleep 1; {run} - {gateway} {address} <<'SEND'\n{RAW_FRAME}\nSEND\nwait; cat /run/heard"
    )


def test_containers_do_not_reach_the_hosts_loopback(host):
    with host.sudo():
        assert heard_on_loopback(host) == "heard nothing"
        host.check_output("iptables -t raw -D PREROUTING ! -i lo -d 127.0.0.0/8 -j DROP")
        try:
            assert heard_on_loopback(host) == "heard hello", "it is that rule that guards"
        finally:
            host.check_output("/usr/local/lib/steady/docker-ports before && /usr/local/lib/steady/docker-ports after")
        assert heard_on_loopback(host) == "heard nothing"


def test_timer(host):
    with host.sudo():
        assert host.service("steady-docker-prune.timer").is_enabled
        assert host.service("steady-docker-prune.timer").is_running
        assert host.run("systemctl start steady-docker-prune.service").rc == 0
        said = host.check_output("journalctl --unit steady-docker-prune.service --output cat --no-pager")
    assert "Freed about" in said


def test_no_secret_is_shown(host):
    assert shown(host, ["only-for-the-proxy"]) == []


def test_host_is_healthy(host):
    assert host.check_output("systemctl is-system-running") == "running"
