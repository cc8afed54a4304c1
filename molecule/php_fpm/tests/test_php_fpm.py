"""What the role has made of a host: two pools that serve, each in its own bounds."""

from __future__ import annotations

import http.client
import json

import pytest

# A FastCGI request in a few lines: the host needs nothing for it. Arguments: socket, path.
ASK = r"""
import socket, struct, sys
def record(kind, body):
    return struct.pack("!BBHHBx", 1, kind, 1, len(body), 0) + body
def pair(name, value):
    return bytes([len(name), len(value)]) + name.encode() + value.encode()
path = sys.argv[2]
params = b"".join(pair(*one) for one in {"SCRIPT_NAME": path, "SCRIPT_FILENAME": path, "REQUEST_METHOD": "GET",
    "QUERY_STRING": "json"}.items())
link = socket.socket(socket.AF_UNIX)
link.settimeout(5)
link.connect(sys.argv[1])
link.sendall(record(1, struct.pack("!HB5x", 1, 0)) + record(4, params) + record(4, b"") + record(5, b""))
answer = b""
while True:
    head = link.recv(8, socket.MSG_WAITALL)
    if len(head) < 8 or head[1] == 3:
        break
    body = link.recv(int.from_bytes(head[4:6], "big") + head[6], socket.MSG_WAITALL)
    answer += body[: int.from_bytes(head[4:6], "big")] if head[1] == 6 else b""
print(answer.decode().partition("\r\n\r\n")[2])
"""


@pytest.fixture(scope="module")
def port(host):
    """The port of this machine that leads to the host's port 80."""
    return host.ansible.get_variables()["molecule_http_port"]


@pytest.fixture(scope="module")
def version(host):
    """PHP's version of the distribution."""
    return {"12": "8.2", "13": "8.4"}[host.system_info.release.partition(".")[0]]


def ask(port, app, path="/index.php", body=None):
    """Status and body of one request, as a user sees it."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("POST" if body else "GET", path, body=body, headers={"Host": f"{app}.test"})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


@pytest.fixture(scope="module")
def shop(port):
    """What the shop's page tells about its PHP."""
    status, body = ask(port, "shop")
    assert status == 200, body
    return json.loads(body)


@pytest.fixture(scope="module")
def blog(port):
    """What the blog's page tells about its PHP."""
    status, body = ask(port, "blog")
    assert status == 200, body
    return json.loads(body)


def test_service(host, version):
    with host.sudo():
        assert host.service(f"php{version}-fpm").is_running
        assert host.service(f"php{version}-fpm").is_enabled
        assert host.run(f"php-fpm{version} -t").rc == 0


def test_each_pool_has_its_user(host, shop, blog):
    assert (shop["user"], blog["user"]) == ("shop", "writer")
    for name in ("shop", "writer"):
        assert host.user(name).shell == "/usr/sbin/nologin"
        assert host.user(name).uid < 1000
        assert not host.file(host.user(name).home).exists


def test_master_is_the_only_root(host, shop, blog, version):
    lines = host.check_output("ps -o user= -C %s", f"php-fpm{version}").split()
    assert lines.count("root") == 1
    assert set(lines) == {"root", "shop", "writer"}


def test_sockets(host):
    for name in ("shop", "shop-status", "blog", "blog-status"):
        socket = host.file(f"/run/php/steady-{name}.sock")
        assert socket.is_socket
        assert (socket.user, socket.group, socket.mode) == ("root", "www-data", 0o660)


@pytest.mark.parametrize("name", ["shop", "blog"])
def test_state_is_told_on_a_socket_of_its_own(host, name):
    with host.sudo():
        assert host.check_output("python3 -c %s %s /ping", ASK, f"/run/php/steady-{name}-status.sock").strip() == "pong"
        told = json.loads(host.check_output("python3 -c %s %s /status", ASK, f"/run/php/steady-{name}-status.sock"))
    assert (told["pool"], told["process manager"]) == (name, {"shop": "dynamic", "blog": "ondemand"}[name])
    assert told["max children reached"] == 0


def test_queue_holds_a_reload(host):
    with host.sudo():
        line = host.check_output("ss --unix --listening --no-header src /run/php/steady-shop.sock")
    limit = int(host.check_output("cat /proc/sys/net/core/somaxconn"))
    assert int(line.split()[3]) == min(4096, limit)


def test_sizes_are_explained(host, version):
    with host.sudo():
        shop = host.file(f"/etc/php/{version}/fpm/pool.d/steady-shop.conf")
        assert (shop.user, shop.group, shop.mode) == ("root", "root", 0o640)
        text = shop.content_string
        assert "pm.max_children = 12\n" in text
        assert "pm.max_children = 22\n" in host.file(f"/etc/php/{version}/fpm/pool.d/steady-blog.conf").content_string
    assert "2048 MiB of memory - 512 MiB for everything else - 128 MiB for Opcache = 1408 MiB" in text
    assert "704 MiB / 48 MiB for a child = 14\n" in text
    assert "at most 12 by max_children_limit" in text


def test_opcache(shop, blog):
    assert shop["opcache"]["opcache.enable"] is True
    assert shop["opcache"]["opcache.memory_consumption"] == 128 << 20
    assert shop["opcache"]["opcache.validate_timestamps"] is False
    assert blog["opcache"]["opcache.validate_timestamps"] is True
    assert (shop["ini"]["realpath_cache_size"], shop["ini"]["realpath_cache_ttl"]) == ("4096K", "600")


def test_settings(shop, blog):
    assert shop["ini"]["date.timezone"] == blog["ini"]["date.timezone"] == "Europe/Berlin"
    assert shop["ini"]["session.gc_maxlifetime"] == "7200"
    assert blog["ini"]["session.gc_maxlifetime"] == "1440"
    assert (shop["ini"]["memory_limit"], shop["ini"]["upload_max_filesize"]) == ("128M", "10M")
    assert "mbstring" in shop["extensions"]


def test_environment_arrives_unchanged(host, shop, blog):
    wanted = host.ansible.get_variables()["php_fpm_pools"][0]["env"]
    assert wanted["ODD"].startswith("a $HOME 'b'")
    assert {name: shop["env"][name] for name in wanted} == wanted
    assert "ODD" not in blog["env"]
    assert "INVOCATION_ID" not in blog["env"], "what systemd gives to PHP-FPM is none of the app's business"


def test_bounds_of_the_shop(shop, blog):
    assert shop["passwd"] is False
    assert shop["exec"] is False
    assert blog["passwd"] is True
    assert blog["exec"] is True


def test_only_php_files_run(host, port):
    with host.sudo():
        pool = "/run/php/steady-shop.sock"
        host.check_output("cp /srv/shop/tiny.php /srv/shop/tiny.png")
        said = host.check_output("python3 -c %s %s /srv/shop/tiny.png", ASK, pool)
        host.check_output("rm /srv/shop/tiny.png")
    assert "Access denied" in said


def test_in_place_code_changes_at_once(host, port):
    with host.sudo():
        host.check_output("echo '<?php echo 1;' >/srv/blog/change.php")
        assert ask(port, "blog", "/change.php") == (200, "1")
        host.check_output("echo '<?php echo 2;' >/srv/blog/change.php; touch -d '1 minute' /srv/blog/change.php")
        assert ask(port, "blog", "/change.php") == (200, "2")
        host.check_output("rm /srv/blog/change.php")


def test_slow_requests_are_told(host, port):
    assert ask(port, "shop", "/slow.php?seconds=3") == (200, "slow")
    with host.sudo():
        log = host.file("/var/log/php-fpm-shop-slow.log")
        assert "script_filename = /srv/shop/slow.php" in log.content_string
        assert "usleep() /srv/shop/slow.php" in log.content_string
        assert log.mode == 0o600
        host.check_output("logrotate --force /etc/logrotate.d/steady-php-fpm")


def test_package_pool_is_gone(host, version):
    assert not host.file(f"/etc/php/{version}/fpm/pool.d/www.conf").exists
    assert not host.file(f"/run/php/php{version}-fpm.sock").exists


def test_stop_lets_requests_finish(host, version):
    with host.sudo():
        shown = host.check_output("systemctl show --property KillSignal --property KillMode php%s-fpm", version)
    assert "KillSignal=3" in shown
    assert "KillMode=mixed" in shown


def test_packages_may_not_restart(host, version):
    with host.sudo():
        assert host.run(f"/usr/sbin/policy-rc.d php{version}-fpm restart").rc == 106
        assert host.check_output(f"/usr/sbin/policy-rc.d php{version}-fpm restart || true") == "reload"
        assert host.run(f"/usr/sbin/policy-rc.d --quiet php{version}-fpm.service start").rc == 104
        assert host.run("/usr/sbin/policy-rc.d nginx restart").rc == 104


def test_php_fpm_runs_again_where_it_was_killed(host, port, version):
    with host.sudo():
        before = host.check_output("systemctl show --property MainPID --value php%s-fpm", version)
        host.check_output("kill -9 %s", before)
        host.check_output(f"timeout 10 sh -c 'until systemctl is-active --quiet php{version}-fpm; do sleep 0.1; done'")
        assert host.check_output("systemctl show --property MainPID --value php%s-fpm", version) != before
    assert ask(port, "shop")[0] == 200


def test_a_child_killed_for_want_of_memory_ends_no_pool(host, version):
    with host.sudo():
        assert host.check_output("systemctl show --property OOMPolicy --value php%s-fpm", version) == "continue"


def test_host_is_healthy(host):
    assert host.check_output("systemctl is-system-running") == "running"
