"""Bad input gets one sentence, and what works gets none."""

from __future__ import annotations

import pytest

from ansible_collections.steady.deploy.plugins.module_utils.nginx.fit import unfit
from ansible_collections.steady.deploy.plugins.module_utils.nginx.wish import Settings, refused

SETTINGS = Settings(listen=["80", "[::]:80"], listen_tls=["443", "[::]:443"], metrics="127.0.0.1:8090")
SHOP = {"name": "shop", "server_names": ["shop.test"], "routes": [{"path": "/", "service": "web"}]}
SAFE = {**SHOP, "tls": "shop"}
BLOG = {"name": "blog", "server_names": ["blog.test"], "php": {"root": "/srv/blog", "pool": "blog"}}
HOST = {"name": "web1", "version": "1.30.0", "problem": "", "vhosts_of_others": [], "held": {}, "certificates": {}}

BAD = {
    "name": ([{**SHOP, "name": "a shop"}], "the app name 'a shop' may have letters, digits"),
    "name-too-long": ([{**SHOP, "name": "a" * 65}], "64 at most"),
    "name-of-the-role": ([{**SHOP, "name": "default"}], "the name 'default' is that of a vhost which the role brings by itself"),
    "name-of-the-role-absent": ([{"name": "default-tls", "state": "absent"}], "the name 'default-tls' is that of a vhost"),
    "no-server-names": ([{**SHOP, "server_names": []}], "'shop' needs server_names, and routes or php"),
    "nothing-to-serve": ([{**SHOP, "routes": []}], "'shop' needs server_names, and routes or php"),
    "server-name": ([{**SHOP, "server_names": ["shop test"]}], "the server name 'shop test', which is no host name"),
    "server-name-injected": ([{**SHOP, "server_names": ["a;b"]}], "the server name 'a;b'"),
    "listen": ([{**SHOP, "listen": ["eighty"]}], "listens on 'eighty'"),
    "listen-too-high": ([{**SHOP, "listen": ["70000"]}], "listens on '70000'"),
    "tls": ([{**SHOP, "tls": "../shop"}], "tls '../shop', which is no name of a certificate"),
    "two-routes": ([{**SHOP, "routes": [*SHOP["routes"], *SHOP["routes"]]}], "two routes for '/'"),
    "php-and-root": ([{**SHOP, "php": BLOG["php"]}], "php and a route for '/'"),
    "service": ([{**SHOP, "routes": [{"path": "/", "service": "web;"}]}], "the service 'web;'"),
    "pool": ([{**BLOG, "php": {"root": "/srv", "pool": "b/log"}}], "the PHP pool 'b/log'"),
    "php-root": ([{**BLOG, "php": {"root": "/srv/a b", "pool": "blog"}}], "php.root '/srv/a b'"),
    "php-immutable": ([{**BLOG, "php": {**BLOG["php"], "immutable": ["build"]}}], "'build' in php.immutable, which is no start of a URL"),
    "header": ([{**SHOP, "security_headers": {"X A": "1"}}], "'X A', which is no name of a header"),
    "header-of-two-lines": ([{**SHOP, "security_headers": {"X-A": "1\n2"}}], "a value for X-A that is not one line"),
    "everybody": ([{**SHOP, "cors": {"origins": ["*"]}}], "allows every origin ('*' in cors.origins)"),
    "origin-with-path": ([{**SHOP, "cors": {"origins": ["https://a.test/"]}}], "the origin 'https://a.test/'"),
    "origin-without-scheme": ([{**SHOP, "cors": {"origins": ["a.test"]}}], "the origin 'a.test'"),
    "cors-header": ([{**SHOP, "cors": {"origins": ["https://a.test"], "headers": ["*"]}}], "'*' in cors.headers"),
    "maintenance": ([{**SHOP, "maintenance_allow": ["office"]}], "'office' in maintenance_allow"),
    "limit": ([{**SHOP, "limits": {"connections": 0}}], "limits.connections '0'"),
    "twice": ([SHOP, SHOP], "the app 'shop' is listed twice"),
    "one-name-to-nginx": ([{**SHOP, "name": "a-b"}, {**BLOG, "name": "a.b"}], "'a-b' and 'a.b' are the same name to Nginx"),
    "same-server-name": ([SHOP, {**BLOG, "server_names": ["SHOP.test"]}], "both have the server name 'shop.test' on "),
    "listen-clash": ([{**SHOP, "listen": ["443"]}, {**BLOG, "tls": "blog"}], "'shop' and 'blog' want port 443 for different things"),
    "metrics-clash": ([{**SHOP, "listen": ["127.0.0.1:8090"]}], "nginx_metrics_listen and 'shop' want 127.0.0.1:8090"),
}


@pytest.mark.parametrize(("apps", "says"), BAD.values(), ids=BAD)
def test_bad_input_gets_one_sentence(apps, says):
    found = refused(apps, SETTINGS)
    assert [one for one in found if says in one], found
    assert len([one for one in found if says in one]) == 1


@pytest.mark.parametrize(
    "apps",
    [
        [],
        [SHOP, BLOG],
        [SAFE, {**BLOG, "tls": "blog"}],
        [SHOP, {**BLOG, "server_names": ["shop.test"], "listen": ["8080"]}],
        [SHOP, {**SHOP, "name": "other", "state": "absent"}],
        [{**SHOP, "server_names": ["localhost", "127.0.0.1", "[::1]", "*.a.test", ".b.test", "~^a$"]}],
        [{**SHOP, "cors": {"origins": ["https://a.test:8443", "http://[::1]:3000"], "headers": ["X-A"], "methods": ["PUT"]}}],
    ],
)
def test_what_works_is_not_refused(apps):
    assert refused(apps, SETTINGS) == []


def test_development_may_allow_everybody():
    apps = [{**SHOP, "cors": {"origins": ["*"]}}]
    assert refused(apps, SETTINGS._replace(environment="development")) == []
    assert refused(apps, SETTINGS._replace(environment="staging"))


@pytest.mark.parametrize("place", ["8090", "192.0.2.1:8090", "0.0.0.0:8090", "example.com:80"])
def test_metrics_are_for_this_host_only(place):
    assert "no loopback address" in refused([], SETTINGS._replace(metrics=place))[0]


def test_proxies_are_addresses():
    assert refused([], SETTINGS._replace(proxies=["192.0.2.0/28", "::1"])) == []
    assert "'lb.example.com' is no address" in refused([], SETTINGS._replace(proxies=["lb.example.com"]))[0]


def test_brotli_is_not_to_be_had_everywhere():
    assert refused([], SETTINGS._replace(brotli=True, uris=["http://deb.debian.org/debian"])) == []
    assert "nginx.org has no package" in refused([], SETTINGS._replace(brotli=True, uris=["https://nginx.org/packages/debian/"]))[0]


UNFIT = {
    "broken": (
        [],
        {"problem": 'unknown directive "x" in /etc/nginx/conf.d/a.conf, line 1'},
        "web1 is broken already, and nothing was changed",
    ),
    "others": ([], {"vhosts_of_others": ["shop.conf"]}, "has vhosts (shop.conf) that would not be served any more"),
    "held": ([], {"held": {"port 80": "apache2"}}, "port 80 on web1 is held by apache2"),
    "no-certificate": (
        [SAFE],
        {"certificates": {"shop": {"missing": ["/etc/steady/tls/shop/fullchain.pem"], "ocsp": False}}},
        "'shop' has tls 'shop', but web1 has no /etc/steady/tls/shop/fullchain.pem",
    ),
    "own-profile": ([{**SAFE, "tls_profile": "modern"}], {"version": "1.26.3"}, "a tls_profile of its own, which needs Nginx 1.29.2"),
}


@pytest.mark.parametrize(("apps", "host", "says"), UNFIT.values(), ids=UNFIT)
def test_a_host_that_can_not_serve_it_is_told(apps, host, says):
    found = unfit(apps, {**HOST, **host}, "intermediate", [], check=False)
    assert len(found) == 1
    assert says in found[0]


def test_a_check_does_not_miss_certificates_of_the_same_run():
    missing = {"certificates": {"shop": {"missing": ["x"], "ocsp": False}}}
    assert unfit([SAFE], {**HOST, **missing}, "intermediate", [], check=True) == []


def test_vhosts_of_others_that_are_included_are_fine():
    assert unfit([], {**HOST, "vhosts_of_others": ["a"]}, "intermediate", ["sites-enabled/a"], check=False) == []


def test_the_same_profile_needs_no_new_nginx():
    assert unfit([{**SAFE, "tls_profile": "intermediate"}], {**HOST, "version": "1.22.1"}, "intermediate", [], check=False) == []
