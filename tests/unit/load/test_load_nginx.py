"""A real Nginx: what its reloads do to clients is seen, and nothing is seen without reloads."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from load import Config, Load, default_mix, render
from load_nginx import docker, serving

IMAGE = "loadtest-nginx"
DOCKERFILE = """\
FROM debian:trixie
RUN apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends nginx
RUN printf '%s' '{config}' >/etc/nginx/nginx.conf
CMD ["nginx"]
"""
CONFIG = (
    "worker_processes 2; daemon off; events { worker_connections 4096; } "
    "http { access_log off; server { listen 80; keepalive_requests 1000000; location / { return 200 ok; } } }"
)


@pytest.fixture(scope="module")
def nginx():
    """(container, URL) of an Nginx without keepalive_min_timeout."""
    with serving(IMAGE, DOCKERFILE.format(config=CONFIG), 80) as (name, address):
        yield name, f"http://{address}/"


def reload_nginx(name: str) -> None:
    docker("exec", name, "nginx", "-s", "reload")


def workers(name: str) -> set[str]:
    """The ids of Nginx's processes."""
    return set(re.findall(r"^\S+\s+(\d+)", docker("top", name), re.M))


def under_load(url: str, reloads: int, name: str, rtt: float = 0.0):
    config = Config(url=url, shapes=default_mix(post="/book"), rate=200, seconds=60, rtt=rtt, host="hotel.test", keepalive=32)
    with Load(config) as load:
        time.sleep(2)
        for number in range(reloads):
            before = workers(name)
            load.mark(f"reload {number}")
            reload_nginx(name)
            time.sleep(1)
            assert workers(name) != before
        result = load.stop()
    print(Path(__file__).name, f"rtt={rtt} reloads={reloads}", render(result), sep="\n")
    return result


@pytest.mark.integration
@pytest.mark.timeout(300)
def test_reloads_break_kept_connections_and_nothing_else_does(nginx):
    name, url = nginx
    version = tuple(map(int, re.search(r"(\d+)\.(\d+)\.(\d+)", docker("exec", name, "sh", "-c", "nginx -v 2>&1")).groups()))
    assert version < (1, 27, 4), "this Nginx may have keepalive_min_timeout: the test needs an older one"
    time.sleep(1)

    quiet = under_load(url, 0, name, rtt=1.0)
    assert quiet.clean and quiet.requests >= 350

    # Clients right beside the server mostly see the close in time; 100 ms away they cannot.
    reloaded = under_load(url, 3, name, rtt=0.1)
    assert set(reloaded.kinds()) == {"keepalive_reset"}
    for number in range(3):
        start = reloaded.time_of(f"reload {number}")
        assert reloaded.window(start, start + 1).failed > 0
    # Each of 32 clients can lose one request per reload, and no more.
    assert reloaded.failed <= 3 * 32
    assert reloaded.window(0, reloaded.time_of("reload 0")).failed == 0
