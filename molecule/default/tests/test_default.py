"""What site.yml has made of a fresh host."""

from __future__ import annotations

import http.client
import json
import os
import ssl

import pytest

APP = "tiny-app"


@pytest.fixture(scope="module")
def port(host):
    """The port of this machine that leads to the host's port 443."""
    return host.ansible.get_variables()["molecule_https_port"]


def ask(port, name="tiny.test", path="/", secure=True):
    """Status, headers and body of one request, as a user sees it. The certificate is self-signed."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        if secure:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            connection.connect()
            connection.sock = context.wrap_socket(connection.sock, server_hostname=name)
        connection.request("GET", path, headers={"Host": name})
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read().decode()
    finally:
        connection.close()


def asked_on_host(host, path="/"):
    """The headers of one request from the host itself."""
    code = (
        "import http.client as h, json, ssl; c = h.HTTPConnection('127.0.0.1', 443, timeout=5); c.connect(); "
        "c.sock = ssl._create_unverified_context().wrap_socket(c.sock, server_hostname='tiny.test'); "
        "c.request('GET', '" + path + "', headers={'Host': 'tiny.test'}); print(json.dumps(dict(c.getresponse().headers)))"
    )
    return json.loads(host.check_output("python3 -c %s", code))


def test_engine(host):
    with host.sudo():
        assert host.service("docker").is_running
        assert host.service("docker").is_enabled
        assert host.check_output("docker info --format '{{.LiveRestoreEnabled}} {{.LoggingDriver}}'") == "true json-file"
        assert int(host.check_output("docker compose version --short").lstrip("v").split(".")[0]) >= 2


def test_logs_of_containers_are_rotated(host):
    with host.sudo():
        container = host.check_output("docker ps --quiet --filter label=com.docker.compose.service=web").split()[0]
        options = json.loads(host.check_output("docker inspect --format '{{json .HostConfig.LogConfig.Config}}' %s", container))
    assert options == {"max-file": "3", "max-size": "10m"}


def test_nginx(host):
    with host.sudo():
        assert host.service("nginx").is_running
        assert host.service("nginx").is_enabled
        assert host.run("nginx -t").rc == 0
        version = host.run("nginx -v").stderr.rpartition("/")[2].split()[0]
        # There is no newer one for Debian 12 in a Debian mirror. The host itself may say that it is Debian 13: Docker's packages
        # from there have brought its name along.
        graceful = os.environ.get("STEADY_DEBIAN") != "12"
        assert (tuple(map(int, version.split("."))) >= (1, 27, 4)) == graceful
        assert ("keepalive_min_timeout" in host.run("nginx -T").stdout) == graceful


def test_users_reach_the_app(host, port):
    status, headers, body = ask(port)
    assert status == 200
    assert json.loads(body)["version"] == "1"
    assert json.loads(body)["motd"] == f"Welcome to {APP}."
    assert not [name for name in headers if name.lower().startswith("x-steady")], "users see what is for the rollout"


def test_environment_arrives_unchanged(port, host):
    _status, _headers, body = ask(port)
    wanted = host.ansible.get_variables()["app_env"]["ODD"]
    assert wanted.startswith("a $HOME 'b'")
    assert json.loads(body)["odd"] == wanted


def test_unknown_host_names_are_refused(host, port):
    with pytest.raises(ssl.SSLError):
        ask(port, name="other.test")
    with pytest.raises(http.client.RemoteDisconnected):
        ask(host.ansible.get_variables()["molecule_http_port"], name="other.test", secure=False)


def test_plain_http_leads_to_https(host):
    status, headers, _body = ask(host.ansible.get_variables()["molecule_http_port"], path="/x?y=1", secure=False)
    assert (status, headers["Location"]) == (308, "https://tiny.test/x?y=1")


def test_plain_php_beside_it(port):
    status, _headers, body = ask(port, name="desk.test")
    assert status == 200 and "as desk" in body, body


@pytest.mark.parametrize("service", ["mariadb", "redis-server", "steady-tls.timer", "steady-firewall", "docker", "nginx"])
def test_everything_runs(host, service):
    with host.sudo():
        assert host.run("systemctl is-active %s", service).stdout.strip() == "active"


@pytest.mark.parametrize("number", ["3306", "6379"])
def test_databases_listen_on_loopback_only(host, number):
    with host.sudo():
        lines = host.check_output("ss --tcp --listening --numeric --no-header 'sport = :%s'", number).splitlines()
    assert lines and all(line.split()[3].startswith("127.0.0.1:") for line in lines), lines


def test_vhost_says_which_release_it_serves(host):
    with host.sudo():
        release = asked_on_host(host)["X-Steady-Release"]
        assert host.run("docker ps --format '{{.Label \"com.docker.compose.project\"}}'").stdout.split().count(f"{APP}-{release}") == 2
        assert f"#   release: {release}\n" in host.file(f"/etc/nginx/steady/{APP}.conf").content_string
    assert asked_on_host(host, "/events")["X-Steady-Release"] == release


def test_replicas_listen_on_loopback_only(host):
    with host.sudo():
        lines = [line.split() for line in host.check_output("ss --tcp --listening --numeric --no-header").splitlines()]
    ports = [line[3] for line in lines if 20000 <= int(line[3].rpartition(":")[2]) <= 29999]
    assert len(ports) == 2, ports
    assert all(one.startswith("127.0.0.1:") for one in ports), ports


def test_access_log(host, port):
    ask(port, path="/logged?x=1")
    with host.sudo():
        entry = json.loads(host.check_output("tail -n 1 /var/log/nginx/access.json"))
    assert (entry["uri"], entry["status"], entry["app"]) == ("/logged?x=1", 200, APP)
    assert entry["upstream"].startswith("127.0.0.1:2")


def test_secrets_are_for_root_only(host):
    with host.sudo():
        file = host.file(f"/srv/{APP}/.env")
        assert (file.user, file.mode) == ("root", 0o600)
        assert file.contains("ODD=")
    assert host.run(f"cat /srv/{APP}/.env").rc != 0


def test_nothing_is_left_of_the_check(host):
    with host.sudo():
        assert not host.check_output("find /tmp -name 'steady-check-*'")


def test_host_is_healthy(host):
    assert host.check_output("systemctl is-system-running") == "running"
