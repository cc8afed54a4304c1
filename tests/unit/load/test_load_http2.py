"""A real Nginx over HTTP/2: what reloads do to browsers' connections."""

from __future__ import annotations

import time

import pytest
from load import Config, Load, Shape, default_mix, render
from load_nginx import docker, serving

IMAGE = "loadtest-nginx-tls"
DOCKERFILE = """\
FROM debian:trixie
RUN apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends nginx openssl
RUN openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=hotel.test \
    -addext subjectAltName=DNS:hotel.test -keyout /etc/nginx/key.pem -out /etc/nginx/cert.pem
RUN printf '%s' '{config}' >/etc/nginx/nginx.conf
CMD ["nginx"]
"""
CONFIG = (
    "worker_processes 2; daemon off; events { worker_connections 4096; } "
    "http { access_log off; ssl_certificate cert.pem; ssl_certificate_key key.pem; "
    "server { listen 443 ssl; http2 on; keepalive_requests 1000000; location / { return 200 ok; } "
    "location /slow { alias /usr/bin/; limit_rate 2m; } } }"
)


@pytest.fixture(scope="module")
def nginx():
    """(container, URL) of an Nginx without keepalive_min_timeout."""
    with serving(IMAGE, DOCKERFILE.format(config=CONFIG), 443) as (name, address):
        yield name, f"https://{address}/"


def under_load(url: str, name: str, reloads: int, **changes):
    mix = default_mix(post="/book", body="x" * 100_000, slow="/slow/perl")
    config = Config(url=url, shapes=mix, rate=150, seconds=60, host="hotel.test", keepalive=32, http2=True, **changes)
    with Load(config) as load:
        time.sleep(2)
        for dummy in range(reloads):
            docker("exec", name, "nginx", "-s", "reload")
            time.sleep(1)
        return load.stop()


@pytest.mark.parametrize("rtt", [0.0, 0.05])
def test_reloads_lose_nothing_of_browsers(nginx, rtt):
    """Nginx says GOAWAY before it closes a connection, and a browser then sends what Nginx did not begin with again."""
    name, url = nginx
    result = under_load(url, name, 4, rtt=rtt)
    print(render(result))
    assert result.clean, result.failures[:5]
    assert result.connections["goaway"] >= 32, "the reloads ended no connection: this test shows nothing"


def test_a_server_that_dies_is_a_failure(nginx):
    name, url = nginx
    config = Config(url=url, shapes=(Shape("get"),), rate=300, seconds=30, keepalive=32, http2=True, timeout=2, rtt=0.05)
    with Load(config) as load:
        time.sleep(1)
        docker(
            "exec", name, "sh", "-c", "for p in /proc/[0-9]*; do grep -q '[n]ginx: worker' $p/cmdline && kill -9 ${p#/proc/}; done; true"
        )
        time.sleep(1)
        result = load.stop()
    assert not result.clean
