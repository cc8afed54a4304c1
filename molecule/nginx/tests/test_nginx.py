"""What the role has made of a fresh host, as users see it and as the host sees it."""

from __future__ import annotations

import http.client
import json
import os
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor

import pytest

ORIGIN = "https://app.example.com"


@pytest.fixture(scope="module")
def variables(host):
    """The scenario's variables."""
    return host.ansible.get_variables()


@pytest.fixture(scope="module")
def new():
    """Whether the host has the newest Nginx."""
    return os.environ.get("STEADY_DEBIAN", "13") != "12"


class User:
    """Somebody out there: asks by a name, on the published ports."""

    def __init__(self, variables):
        self.ports = {"http": variables["molecule_http_port"], "https": variables["molecule_https_port"]}

    def tls(self, name, **settings):
        """A TLS connection for a host name."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        for key, value in settings.items():
            if key == "alpn":
                context.set_alpn_protocols(value)
            else:
                setattr(context, key, value)
        return context.wrap_socket(socket.create_connection(("127.0.0.1", self.ports["https"]), timeout=5), server_hostname=name)

    def ask(self, name, path="/", scheme="https", method="GET", **headers):
        """Status, headers by their names in lower case, body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.ports[scheme], timeout=10)
        try:
            if scheme == "https":
                connection.sock = self.tls(name)
            connection.request(method, path, headers={"Host": name, **{key.replace("_", "-"): value for key, value in headers.items()}})
            answer = connection.getresponse()
            found = {}
            for key, value in answer.getheaders():
                found[key.lower()] = f"{found[key.lower()]}, {value}" if key.lower() in found else value
            return answer.status, found, answer.read()
        finally:
            connection.close()


@pytest.fixture(scope="module")
def user(variables):
    """A user."""
    return User(variables)


def on_host(host, name, path="/", scheme="http"):
    """The headers of one request from the host itself, by their names in lower case."""
    code = (
        "import http.client, json, ssl, sys; name, path, scheme = sys.argv[1:]; "
        "c = http.client.HTTPConnection('127.0.0.1', timeout=5) if scheme == 'http' else "
        "http.client.HTTPSConnection('127.0.0.1', timeout=5, context=ssl._create_unverified_context()); "
        "c.sock = None if scheme == 'http' else ssl._create_unverified_context().wrap_socket("
        "__import__('socket').create_connection(('127.0.0.1', 443)), server_hostname=name); "
        "c.request('GET', path, headers={'Host': name}); a = c.getresponse(); "
        "print(json.dumps({'status': a.status, **{k.lower(): v for k, v in a.getheaders()}}))"
    )
    return json.loads(host.check_output("python3 -c %s %s %s %s", code, name, path, scheme))


# --- HTTP leads to HTTPS --------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "path"), [("shop.test", "/a?b=c"), ("www.shop.test", "/"), ("blog.test", "/x")])
def test_http_leads_to_https(user, name, path):
    for method in ("GET", "POST"):
        status, headers, _body = user.ask(name, path, "http", method)
        assert (status, headers["location"]) == (308, f"https://{name}{path}")
        assert "strict-transport-security" not in headers


@pytest.mark.parametrize("name", ["shop.test", "plain.test", "blog.test", "away.test", "unknown.test"])
def test_certificates_are_proved_under_every_name(user, name):
    status, headers, body = user.ask(name, "/.well-known/acme-challenge/proof", "http")
    assert (status, body) == (200, b"proof\n")
    assert headers["content-type"] == "text/plain"
    assert user.ask(name, "/.well-known/acme-challenge/none", "http")[0] == 404


# --- TLS ------------------------------------------------------------------------------------------


def test_http2_is_spoken(user):
    with user.tls("shop.test", alpn=["h2", "http/1.1"]) as connection:
        assert connection.selected_alpn_protocol() == "h2"
        assert connection.version() == "TLSv1.3"


def test_intermediate_allows_tls_1_2_with_forward_secrecy(user):
    with user.tls("shop.test", maximum_version=ssl.TLSVersion.TLSv1_2) as connection:
        assert connection.version() == "TLSv1.2"
        assert connection.cipher()[0].startswith("ECDHE-")


def test_older_tls_is_refused(user):
    with pytest.raises((ssl.SSLError, ConnectionError)):
        user.tls("shop.test", minimum_version=ssl.TLSVersion.TLSv1, maximum_version=ssl.TLSVersion.TLSv1_1)


def test_modern_refuses_tls_1_2(user, new):
    if not new:
        pytest.skip("an older Nginx has one profile for all vhosts")
    with user.tls("blog.test") as connection:
        assert connection.version() == "TLSv1.3"
    with pytest.raises((ssl.SSLError, ConnectionError)):
        user.tls("blog.test", maximum_version=ssl.TLSVersion.TLSv1_2)


def test_the_hybrid_curve_is_used(host, new):
    if not new:
        pytest.skip("OpenSSL of Debian 12 does not know it")
    said = host.run("echo | openssl s_client -connect 127.0.0.1:443 -servername shop.test -groups X25519MLKEM768 2>&1").stdout
    assert "X25519MLKEM768" in said


def test_sessions_have_no_tickets_in_tls_1_2(user):
    with user.tls("shop.test", maximum_version=ssl.TLSVersion.TLSv1_2) as connection:
        connection.sendall(b"GET / HTTP/1.0\r\nHost: shop.test\r\n\r\n")
        connection.recv(100)
        assert connection.session is None or not connection.session.has_ticket


# --- unknown names --------------------------------------------------------------------------------


def test_unknown_names_get_no_answer(user):
    with pytest.raises(http.client.RemoteDisconnected):
        user.ask("unknown.test", scheme="http")


def test_unknown_names_see_no_certificate(user):
    for name in ("unknown.test", None):
        with pytest.raises(ssl.SSLError, match=r"(?i)unrecognized.name"):
            user.tls(name)


# --- headers --------------------------------------------------------------------------------------


def test_security_headers(user):
    for name, path in (("shop.test", "/"), ("shop.test", "/build/none.js"), ("blog.test", "/"), ("blog.test", "/plain.css")):
        _status, headers, _body = user.ask(name, path)
        assert headers["strict-transport-security"] == "max-age=63072000"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "SAMEORIGIN"
        assert headers["content-security-policy"] == "base-uri 'self'; frame-ancestors 'self'; object-src 'none'"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["server"] == "nginx"
        assert "x-powered-by" not in headers


def test_hsts_is_not_sent_without_tls(user):
    assert "strict-transport-security" not in user.ask("plain.test", scheme="http")[1]


def test_what_the_app_says_goes_first(user):
    _status, headers, _body = user.ask("shop.test", "/own")
    assert headers["content-security-policy"] == "default-src 'none'"


def test_requests_have_an_id_that_nobody_out_there_chooses(user, host):
    _status, headers, body = user.ask("shop.test", X_Request_ID="chosen")
    assert len(headers["x-request-id"]) == 32
    assert json.loads(body)["X-Request-ID"] == headers["x-request-id"]
    with host.sudo():
        assert headers["x-request-id"] in host.check_output("tail -n 20 /var/log/nginx/access.json")


def test_the_rollout_sees_who_answers_and_users_do_not(host, user):
    seen = on_host(host, "shop.test", scheme="https")
    assert (seen["x-steady-release"], seen["x-steady-upstream"]) == ("aaaaaaaaaaaa", "127.0.0.1:20001")
    assert not [name for name in user.ask("shop.test")[1] if name.startswith("x-steady")]


# --- CORS -----------------------------------------------------------------------------------------


def test_cors_of_an_allowed_origin(user):
    _status, headers, _body = user.ask("shop.test", "/own", Origin=ORIGIN)
    assert headers["access-control-allow-origin"] == ORIGIN
    assert headers["access-control-allow-credentials"] == "true"
    assert "Origin" in headers["vary"]


def test_cors_of_others(user):
    for origin in ("https://evil.example.com", "https://app.example.com.evil.test", "null"):
        _status, headers, _body = user.ask("shop.test", "/own", Origin=origin)
        assert not [name for name in headers if name.startswith("access-control")]
        assert "Origin" in headers["vary"]


def test_preflight(user):
    question = {"Access_Control_Request_Method": "POST", "Access_Control_Request_Headers": "authorization"}
    status, headers, body = user.ask("shop.test", method="OPTIONS", Origin=ORIGIN, **question)
    assert (status, body) == (204, b"")
    assert headers["access-control-allow-methods"] == "GET, HEAD, POST"
    assert headers["access-control-allow-headers"] == "Authorization"
    assert headers["access-control-max-age"] == "7200"
    status, headers, _body = user.ask("shop.test", method="OPTIONS", Origin="https://evil.example.com", **question)
    assert not [name for name in headers if name.startswith("access-control")]


# --- compression and caching ----------------------------------------------------------------------


@pytest.mark.parametrize(("accepts", "sent"), [("gzip", "gzip"), ("br", "br"), ("gzip, br", "br"), ("identity", None)])
def test_text_is_compressed(user, accepts, sent):
    _status, headers, body = user.ask("shop.test", "/large", Accept_Encoding=accepts)
    assert headers.get("content-encoding") == sent
    assert (len(body) < 2000) == (sent is not None)
    assert "Accept-Encoding" in headers["vary"]


def test_files_with_a_hash_never_change(user):
    assert user.ask("blog.test", "/build/app-4F0ad8Bc.js")[1]["cache-control"] == "public, max-age=31536000, immutable"
    for path in ("/plain.css", "/build/Team-Portrait.jpg", "/photo-4F0ad8Bc.jpg"):
        assert user.ask("blog.test", path)[1]["cache-control"] == "no-cache"
    assert "cache-control" not in user.ask("blog.test", "/")[1]


# --- PHP ------------------------------------------------------------------------------------------


def test_php_runs(user, host):
    status, headers, body = user.ask("blog.test", "/?a=1", X_Forwarded_For="192.0.2.66", Proxy="http://evil.test")
    assert (status, headers["content-type"]) == (200, "text/html; charset=UTF-8")
    server = json.loads(body)
    assert server["SCRIPT_FILENAME"] == "/srv/blog/1/public/index.php"
    assert (server["HTTPS"], server["REQUEST_SCHEME"], server["QUERY_STRING"]) == ("on", "https", "a=1")
    assert not server.get("HTTP_PROXY")
    assert server["HTTP_X_FORWARDED_FOR"] == server["REMOTE_ADDR"] != "192.0.2.66"
    assert server["HTTP_X_REQUEST_ID"] == headers["x-request-id"]


@pytest.mark.parametrize("path", ["/no/such/page", "/index.php/extra", "/picture.gif/x.php/y"])
def test_the_front_controller_answers_what_is_no_file(user, path):
    status, _headers, body = user.ask("blog.test", path)
    assert status == 200
    assert json.loads(body)["SCRIPT_NAME"] == "/index.php"


def test_only_scripts_run(user):
    assert user.ask("blog.test", "/sub/")[2] == b"sub"
    assert b"<?php" in user.ask("blog.test", "/picture.gif")[2]
    for path in ("/picture.gif/x.php", "/none.php", "/.env", "/.git/config", "/sub/.env"):
        assert user.ask("blog.test", path)[0] == 404, path


# --- limits, maintenance, metrics -----------------------------------------------------------------


def test_who_asks_too_much_is_told(user, host):
    with ThreadPoolExecutor(10) as pool:
        found = list(pool.map(lambda dummy: user.ask("plain.test", scheme="http")[0], range(10)))
    assert set(found) == {200, 429}
    assert found.count(200) <= 5
    # A rollout asks as often as it likes.
    assert {on_host(host, "plain.test")["status"] for dummy in range(6)} == {200}


def test_maintenance(user, host):
    for method in ("GET", "POST"):
        status, headers, body = user.ask("away.test", "/any", method=method)
        assert status == 503
        assert headers["retry-after"] == "300"
        assert headers["content-type"] == "text/html"
        assert headers["strict-transport-security"] == "max-age=63072000"
        assert b"Back soon" in body
    seen = on_host(host, "away.test", scheme="https")
    assert (seen["status"], seen["x-steady-release"]) == (200, "aaaaaaaaaaaa")


def test_metrics_are_for_the_host_only(host, user):
    counted = host.check_output(
        "python3 -c %s", "import urllib.request as u; print(u.urlopen('http://127.0.0.1:8090/stub_status').read().decode())"
    )
    assert "Active connections" in counted
    with host.sudo():
        lines = host.check_output("ss --listening --tcp --numeric --no-header").splitlines()
    assert [line.split()[3] for line in lines if line.split()[3].endswith(":8090")] == ["127.0.0.1:8090"]
    assert b"Active connections" not in user.ask("shop.test", "/stub_status")[2]


# --- logs -----------------------------------------------------------------------------------------


def test_logs_are_not_for_everybody(host):
    with host.sudo():
        owner = host.check_output("ps -o user= -C nginx | grep -v root | sort -u")
        for log in ("access.json", "error.log"):
            assert host.check_output("stat -c '%%a %%U %%G' %s", f"/var/log/nginx/{log}") == f"640 {owner} adm"


def test_rotation_loses_no_line(host, user):
    log = "/var/log/nginx/access.json"
    with host.sudo():
        said = host.run("logrotate --debug /etc/logrotate.conf").stderr
        assert said.count(f"considering log {log}") == 1
        assert "error:" not in said
        with ThreadPoolExecutor(4) as pool:
            answers = [pool.submit(user.ask, "shop.test") for dummy in range(200)]
            host.check_output("logrotate --force /etc/logrotate.d/steady-nginx")
            ids = {answer.result()[1]["x-request-id"] for answer in answers}
        # Nginx opens the new file a moment after it is told to.
        written_to = "while ls -l /proc/[0-9]*/fd 2>/dev/null | grep -qF $0; do sleep 0.1; done"
        host.check_output("timeout 10 sh -c %s %s", written_to, f"{log}.1")
        ids.add(user.ask("shop.test")[1]["x-request-id"])
        written = [host.check_output("cat %s", name) for name in (f"{log}.1", log)]
        assert written[1]
        assert {json.loads(line)["request_id"] for text in written for line in text.splitlines()} >= ids
        assert host.check_output("stat -c %%a %s", log) == "640"


# --- the host -------------------------------------------------------------------------------------


def test_nginx_runs_again_where_it_was_killed(host):
    with host.sudo():
        assert host.service("nginx").is_enabled
        before = host.check_output("systemctl show --property MainPID --value nginx")
        host.check_output("kill -9 %s", before)
        host.check_output("timeout 10 sh -c 'until systemctl is-active --quiet nginx; do sleep 0.1; done'")
        assert host.check_output("systemctl show --property MainPID --value nginx") != before
        host.check_output("timeout 10 sh -c 'until nginx -t -q; do sleep 0.1; done'")


def test_the_configuration_is_valid_and_nothing_is_left(host):
    with host.sudo():
        assert host.run("nginx -t").rc == 0
        assert "[warn]" not in host.run("nginx -t").stderr.replace('"listen ... http2" directive', "")
        assert not host.check_output("find /tmp /etc/nginx -name '*steady-nginx*' -o -name '.steady-*'")
