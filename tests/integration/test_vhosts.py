"""The role nginx's files for many sets of variables: a real Nginx accepts each without a warning, and gixy finds nothing in it."""

from __future__ import annotations

import functools
import io
import json
import re
import subprocess
import sys
import tarfile
import typing as t
from pathlib import Path

import pytest
from integration.edge.host import machine
from integration.roles import nginx, rendered

from ansible_collections.steady.deploy.plugins.module_utils.nginx.upstreams import completed
from ansible_collections.steady.deploy.plugins.module_utils.nginx.wish import Settings, refused

WEB = {"path": "/", "service": "web"}
EVENTS = {"path": "= /events", "service": "web", "stream": True}
PHP = {"root": "/srv/blog/current/public", "pool": "blog"}
SHOP = {"name": "shop", "server_names": ["shop.test", "www.shop.test"], "routes": [WEB, EVENTS]}
SAFE = {**SHOP, "tls": "shop"}
BLOG = {"name": "blog", "server_names": ["blog.test"], "tls": "blog", "php": PHP}
CORS = {"origins": ["https://app.example.com", "http://localhost:3000"]}
OLD = {"version": "1.22.1", "openssl": "3.0.17"}


def one(app: t.Mapping[str, t.Any], **more: t.Any) -> dict[str, t.Any]:
    """The variables for one app with more settings."""
    return {"nginx_apps": [{**app, **more}]}


# Name -> variables of the role.
SETS: dict[str, dict[str, t.Any]] = {
    "nothing": {},
    "plain": one(SHOP),
    "tls": one(SAFE),
    "modern": {**one(SAFE), "nginx_tls_profile": "modern"},
    "modern-for-one": {"nginx_apps": [SAFE, {**BLOG, "tls_profile": "modern"}]},
    "php": one(BLOG),
    "php-without-tls": one(BLOG, tls=""),
    "php-without-front-controller": one(BLOG, php={**PHP, "front_controller": "", "read_timeout": "5m"}),
    "php-never": one(BLOG, php={**PHP, "immutable": []}),
    "php-elsewhere": one(BLOG, php={**PHP, "immutable": ["/static/"]}),
    "php-beside-routes": one(BLOG, routes=[{"path": "/ws", "service": "ws", "stream": True}]),
    "assets": one(SAFE, assets=[{"path": "/build/", "service": "web"}, {"path": "/assets", "service": "web"}]),
    "routes": one(
        SHOP, routes=[WEB, {"path": "~ ^/ws", "service": "ws", "stream": True}, {"path": "/report", "service": "web", "read_timeout": "5m"}]
    ),
    "extra": one(SHOP, extra="underscores_in_headers on;", routes=[{**WEB, "extra": "proxy_request_buffering off;\nproxy_redirect off;"}]),
    "header-of-a-route": one(SAFE, routes=[{**WEB, "extra": "add_header X-Route home always;"}]),
    "cors": one(SAFE, cors=CORS),
    "cors-whole": one(
        SAFE,
        cors={**CORS, "methods": ["GET", "PUT"], "headers": ["Authorization"], "expose": ["X-Total"], "credentials": True, "max_age": 60},
    ),
    "cors-php": one(BLOG, cors=CORS),
    "cors-everybody-in-development": {**one(SAFE, cors={"origins": ["*"]}), "nginx_environment": "development"},
    "limits": one(SAFE, limits={"requests_per_second": 10, "burst": 20, "connections": 5}),
    "rate-only": one(SHOP, limits={"requests_per_second": 1}),
    "connections-only": one(BLOG, limits={"connections": 1}),
    "maintenance": one(SAFE, maintenance=True),
    "maintenance-allowed": one(BLOG, maintenance=True, maintenance_allow=["192.0.2.1", "2001:db8::/32"]),
    "maintenance-cors-limits": one(SHOP, maintenance=True, cors=CORS, limits={"requests_per_second": 5}),
    "headers": {
        **one(
            SAFE, security_headers={"Content-Security-Policy": "default-src 'self'; script-src 'nonce-$request_id'", "X-Frame-Options": ""}
        ),
        "nginx_security_headers": {
            "referrer-policy": "no-referrer",
            "Permissions-Policy": "",
            "Reporting-Endpoints": 'main="https://r.test/"',
        },
    },
    "no-headers": one(
        SHOP,
        security_headers=dict.fromkeys(
            [
                "Content-Security-Policy",
                "Cross-Origin-Opener-Policy",
                "Permissions-Policy",
                "Referrer-Policy",
                "X-Content-Type-Options",
                "X-Frame-Options",
            ],
            "",
        ),
    ),
    "hsts-for-subdomains": one(SAFE, security_headers={"Strict-Transport-Security": "max-age=63072000; includeSubDomains; preload"}),
    "trusted-proxies": {"nginx_apps": [SAFE, BLOG], "nginx_trusted_proxies": ["192.0.2.0/28", "2001:db8::1"]},
    "no-logs": {**one(SAFE, php=PHP, routes=[EVENTS]), "nginx_access_log": ""},
    "brotli": {"nginx_apps": [SAFE, BLOG], "nginx_brotli": True},
    "other-ports": {**one(SAFE, listen=["8080"], listen_tls=["8443", "127.0.0.1:9443"]), "nginx_listen_tls": ["[::]:443"]},
    "words-of-ports": {
        "nginx_apps": [
            {**SHOP, "listen": ["*:80", "8080 reuseport", "8081 proxy_protocol", "8082 default_server", "unix:/run/shop.sock"]},
            {**BLOG, "listen": ["[::]:80", "8082"], "listen_tls": ["9443", "127.0.0.1:9443"]},
        ],
    },
    "nowhere": {"nginx_listen": [], "nginx_metrics_listen": ""},
    "no-metrics": {**one(SHOP), "nginx_metrics_listen": ""},
    "sizes": {**one(SAFE, client_max_body_size="100m"), "nginx_worker_processes": "2", "nginx_worker_connections": 512},
    "http-extra": {**one(SHOP), "nginx_http_extra": "map $http_x_a $x_a {\n    default 1;\n}"},
    "wildcards": one(SAFE, server_names=["*.shop.test", ".shop.example", "~^(?<tenant>[a-z]+)\\.tenants\\.test$"]),
    "names": {
        "nginx_apps": [
            {**SAFE, "name": "a" * 64, "server_names": ["a" * 60 + ".test"]},
            {**SHOP, "name": "Shop-2.old_one", "cors": CORS, "limits": {"connections": 3}},
        ]
    },
    "many": {"nginx_apps": [{**SAFE, "name": f"app{n}", "server_names": [f"{n}.app.test", f"{n}.example.test"]} for n in range(60)]},
    "absent": {"nginx_apps": [SAFE, {"name": "gone", "state": "absent"}]},
}
# Name -> what the host has other than usual.
HOSTS = {
    "old": OLD,
    "old-php": OLD,
    "no-ipv6": {"ipv6": False},
    "stapled": {"certificates": {"shop": {"missing": [], "ocsp": True}}, "resolvers": ["127.0.0.53", "[::1]"]},
}
SETS.update({"old": one(SAFE), "old-php": one(BLOG), "no-ipv6": one(SAFE), "stapled": one(SAFE)})
# What Nginx may warn of there.
WARNINGS = {
    "old": '"listen ... http2" directive is deprecated',
    "old-php": '"listen ... http2" directive is deprecated',
    "stapled": '"ssl_stapling" ignored',
}

# Not followed: with a cache of open files, what a link led to before it was set anew would go on being served.
SKIPPED = "try_files_is_evil_too"


@functools.cache
def files() -> dict[str, dict[str, str]]:
    """Set -> file -> text."""
    usual = {"version": "1.30.6", "openssl": "3.5.4", "user": "www-data", "certificates": {}, "ipv6": True, "resolvers": []}
    answers = nginx([{**SETS[name], "__nginx_host": {**usual, **HOSTS.get(name, {})}} for name in SETS])
    return {
        name: {
            **answer["files"],
            **{f"steady/{app}.conf": completed(None, app, some, "never") for app, some in answer["upstreams"].items()},
        }
        for name, answer in zip(SETS, answers)
    }


_CHECK = r"""
for name in shop blog; do
    folder=/etc/steady/tls/$name
    mkdir -p $folder && cp /etc/nginx/cert.pem $folder/fullchain.pem && cp /etc/nginx/key.pem $folder/privkey.pem
done
for set in /sets/*; do
    cp -r /etc/nginx/mime.types /etc/nginx/modules-enabled $set
    echo "== ${set##*/}"
    nginx -t -c $set/nginx.conf 2>&1
done
"""


@pytest.fixture(scope="module")
def said(image) -> dict[str, str]:
    """What `nginx -t` says of each set, by one container for all of them."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, some in files().items():
            for file, text in some.items():
                entry = tarfile.TarInfo(f"sets/{name}/{file}")
                entry.size = len(text.encode())
                tar.addfile(entry, io.BytesIO(text.encode()))
    running = machine()
    host = next(running)
    try:
        subprocess.run(["docker", "exec", "-i", host.name, "tar", "-xf", "-", "-C", "/"], input=packed.getvalue(), check=True)
        parts = host.sh(_CHECK).split("== ")[1:]
        return {part.partition("\n")[0]: part.partition("\n")[2] for part in parts}
    finally:
        running.close()


@pytest.mark.parametrize("name", SETS)
def test_nginx_accepts_it(said, name):
    assert "test is successful" in said[name], said[name]
    warnings = [line for line in said[name].splitlines() if "[warn]" in line and WARNINGS.get(name, "\n") not in line]
    assert not warnings


@pytest.mark.parametrize("name", SETS)
def test_gixy_finds_nothing(tmp_path: Path, name):
    for file, text in files()[name].items():
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text(text)
    (tmp_path / "mime.types").write_text("types { text/html html; }\n")
    report = tmp_path / "report.json"
    command = [str(Path(sys.executable).with_name("gixy")), "--format", "json", "--output", str(report), "--skips", SKIPPED]
    done = subprocess.run([*command, str(tmp_path / "nginx.conf")], capture_output=True, text=True, check=False)
    found = [f"{one['plugin']}: {one['summary']} {one['config']}" for one in json.loads(report.read_text())]
    assert not found
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", SETS)
def test_preflight_refuses_none_of_them(name):
    chosen = SETS[name]
    settings = Settings(
        listen=chosen.get("nginx_listen", ["80", "[::]:80"]),
        listen_tls=chosen.get("nginx_listen_tls", ["443", "[::]:443"]),
        environment=chosen.get("nginx_environment", "production"),
        headers=chosen.get("nginx_security_headers", {}),
        metrics=chosen.get("nginx_metrics_listen", "127.0.0.1:8090"),
        proxies=chosen.get("nginx_trusted_proxies", []),
    )
    assert refused(chosen.get("nginx_apps", []), settings) == []


def test_every_location_has_all_headers():
    """A location with a header of its own loses those of the server: so each that has one includes them all."""
    for name, some in files().items():
        for file, text in some.items():
            for location in text.split("    location ")[1:]:
                body = location.split("\n    }")[0]
                if "add_header" in body or "proxy_pass" in body or "fastcgi_pass" in body:
                    assert ".headers;" in body, (name, file, location)


def test_hsts_is_for_tls_only():
    assert "Strict-Transport-Security" in files()["tls"]["conf.d/steady-shop.headers"]
    assert "Strict-Transport-Security" not in files()["plain"]["conf.d/steady-shop.headers"]


def test_headers_can_be_set_key_by_key():
    headers, vhost = (files()["headers"][f"conf.d/steady-shop.{kind}"] for kind in ("headers", "conf"))
    assert "X-Frame-Options" not in headers
    assert "Permissions-Policy" not in headers
    assert headers.count("Referrer-Policy") == 1
    assert '"no-referrer"' in vhost
    assert 'main=\\"https://r.test/\\"' in vhost
    assert "X-Content-Type-Options" in headers


def test_the_hybrid_curve_is_asked_for_where_openssl_has_it():
    assert "ssl_ecdh_curve ?X25519MLKEM768:X25519:prime256v1:secp384r1;" in files()["tls"]["nginx.conf"]
    assert "ssl_ecdh_curve X25519:prime256v1:secp384r1;" in files()["old"]["nginx.conf"]


def test_tls_is_as_the_profiles_say():
    assert "ssl_protocols TLSv1.2 TLSv1.3;" in files()["tls"]["nginx.conf"]
    assert "DHE-RSA" not in files()["tls"]["nginx.conf"].replace("ECDHE-RSA", "")
    assert "ssl_protocols TLSv1.3;" in files()["modern"]["nginx.conf"]
    assert "ssl_ciphers" not in files()["modern"]["nginx.conf"]
    assert "ssl_protocols TLSv1.3;" in files()["modern-for-one"]["conf.d/steady-blog.conf"]


def test_a_redirect_names_the_port_it_leads_to():
    assert "return 308 https://$host$request_uri;" in files()["tls"]["conf.d/steady-shop.conf"]
    assert "return 308 https://$host:8443$request_uri;" in files()["other-ports"]["conf.d/steady-shop.conf"]


def test_unknown_names_are_refused_wherever_an_app_listens():
    def places(name, kind):
        server = files()[name].get(f"conf.d/steady-{kind}.conf", "").partition("\n}")[0]
        return [line.split("listen ")[1].replace(" default_server;", "") for line in server.splitlines() if "listen " in line]

    assert places("plain", "default") == ["80", "[::]:80"]
    assert places("plain", "default-tls") == []
    assert places("no-ipv6", "default-tls") == ["443 ssl"]
    assert places("other-ports", "default") == ["80", "[::]:80", "8080"]
    assert places("other-ports", "default-tls") == ["[::]:443 ssl", "8443 ssl", "127.0.0.1:9443 ssl"]
    assert places("words-of-ports", "default") == ["80", "[::]:80", "8080", "8081 proxy_protocol", "unix:/run/shop.sock"]
    assert places("words-of-ports", "default-tls") == ["443 ssl", "[::]:443 ssl", "9443 ssl", "127.0.0.1:9443 ssl"]
    assert "listen" not in files()["nowhere"]["conf.d/steady-default.conf"]


@pytest.mark.parametrize(
    ("path", "hashed"),
    [
        # Vite and esbuild, webpack, Django, Symfony.
        ("/build/assets/app-4F0ad8Bc.js", True),
        ("/build/assets/app-4F0ad8Bc.js.map", True),
        ("/build/assets/app-Ab-cD3_G.css", True),
        ("/build/main-ABCD2345.js", True),
        ("/build/app.4e986c1a.css", True),
        ("/build/base.27e20196a850.css", True),
        ("/build/app-4e986c1a2318dd050b1d47db8d856278.js", True),
        ("/build/Team-Portrait.jpg", False),
        ("/build/Price-Catalogue.pdf", False),
        ("/build/photo-20240101.jpg", False),
        ("/build/photo-2024-01-01.jpg", False),
        ("/build/sitemap-products1.xml", False),
        ("/build/banner-1920x1080.jpg", False),
        ("/build/fonts/Inter-SemiBoldItalic.woff2", False),
        ("/build/my-long-Name_2.jpg", False),
        ("/build/manifest.json", False),
        ("/build/sw.js", False),
        # Nobody named these after their content.
        ("/app-4F0ad8Bc.js", False),
        ("/uploads/build/app-4F0ad8Bc.js", False),
        ("/builds/app-4F0ad8Bc.js", False),
    ],
)
def test_only_what_a_bundler_has_named_never_changes(path, hashed):
    for name, vhost in (("php", "blog"), ("assets", "shop")):
        patterns = re.findall(r'^    "~(.+)" "public, max-age=31536000, immutable";$', files()[name][f"conf.d/steady-{vhost}.conf"], re.M)
        assert len(patterns) == (2 if name == "php" else 4)
        assert any(re.search(pattern, path) for pattern in patterns) == hashed
    assert "immutable" not in files()["php-never"]["conf.d/steady-blog.conf"]
    assert "^/static/" in files()["php-elsewhere"]["conf.d/steady-blog.conf"]


def test_certificates_are_proved_on_every_http_port():
    for name in ("plain", "tls", "php", "php-without-tls", "maintenance"):
        for file, text in files()[name].items():
            for server in text.split("server {\n")[1:]:
                if "listen 80" in server:
                    assert "location ^~ /.well-known/acme-challenge/ {" in server, (name, file)


def test_logs_are_rotated_once():
    """By the role, but for what the package rotates: /var/log/nginx/*.log. logrotate refuses a file that two rules name."""
    rotated = {
        "/var/log/nginx/access.json": True,
        "/var/log/nginx/access.log": False,
        "/var/log/nginx/json.log": False,
        "/var/log/nginx/.json.log": True,
        "/var/log/nginx/shop/json.log": True,
        "/srv/logs/access.log": True,
        "/dev/stdout": False,
        "syslog:server=192.0.2.1": False,
        "": False,
    }
    answers = rendered("nginx", [{"nginx_access_log": log} for log in rotated], found="{{ __nginx_rotated }}")
    assert [answer["found"] for answer in answers] == [[log] if ours else [] for log, ours in rotated.items()]
    answers = rendered("nginx", [{"nginx_error_log": "/srv/logs/error"}], found="{{ __nginx_rotated }}")
    assert answers[0]["found"] == ["/var/log/nginx/access.json", "/srv/logs/error"]
