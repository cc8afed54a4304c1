from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.steady.deploy.plugins.module_utils.edge.nginx_config import Config, Problem, directives, problem, seconds, version

# As `nginx -T` prints it.
DUMP = """\
# configuration file /etc/nginx/nginx.conf:
user www-data;
pid /run/other.pid; # pid /run/nginx.pid;
events { worker_connections 768; }
http {
    # keepalive_min_timeout 9s;
    log_format main '$remote_addr; {keepalive_min_timeout 8s;} "$request"';
    server { keepalive_min_timeout 1m; location ~ \\.php$ { return 200 "a;b}"; } }
    include /etc/nginx/steady/*.conf;
}

# configuration file /etc/nginx/steady/hotel.conf:
map $remote_addr $steady_hotel_release { default ""; }

# configuration file /etc/nginx/conf.d/tuning.conf:
keepalive_min_timeout 2500ms;
"""


def test_version():
    assert version("nginx version: nginx/1.30.6\n") == (1, 30, 6)
    assert version("nginx version: nginx/1.18.0 (Ubuntu)\n") == (1, 18, 0)
    assert version("nginx version: openresty/1.25.3.1") is None


@pytest.mark.parametrize(
    ("stderr", "found"),
    [
        (
            'nginx: [emerg] unknown directive "foo" in /etc/nginx/conf.d/x.conf:3\n'
            "nginx: configuration file /etc/nginx/nginx.conf test failed\n",
            Problem('unknown directive "foo"', "/etc/nginx/conf.d/x.conf", 3),
        ),
        (
            'nginx: [warn] conflicting server name "a" on 0.0.0.0:80, ignored\n'
            '2026/01/02 03:04:05 [emerg] 12#12: host not found in upstream "hotel_web" in /etc/nginx/a b.conf:7\n',
            Problem('host not found in upstream "hotel_web" in /etc/nginx/a b.conf:7'),
        ),
        (
            "nginx: [emerg] bind() to 0.0.0.0:80 failed (98: Address already in use)\n",
            Problem("bind() to 0.0.0.0:80 failed (98: Address already in use)"),
        ),
        (
            'nginx: [alert] could not open error log file: open() "/var/log/nginx/error.log" failed\n'
            'nginx: [emerg] no "events" section in configuration\n',
            Problem('no "events" section in configuration'),
        ),
        ("no answer within 60 s", Problem("no answer within 60 s")),
        ("", Problem("nginx -t failed without a word")),
    ],
)
def test_problem(stderr, found):
    assert problem(stderr) == found


def test_a_problem_reads_as_a_sentence():
    assert str(Problem("unknown directive", "/etc/x", 3)) == "unknown directive in /etc/x, line 3"
    assert str(Problem("bind() failed")) == "bind() failed"


def test_the_dump_is_read_through_quotes_comments_and_files():
    config = Config(DUMP)
    assert list(config.files) == ["/etc/nginx/nginx.conf", "/etc/nginx/steady/hotel.conf", "/etc/nginx/conf.d/tuning.conf"]
    assert config.pid_file() == "/run/other.pid"
    assert config.keepalive_min_timeout() == (60.0, True)
    assert config.defines_variable("steady_hotel_release") == ["/etc/nginx/steady/hotel.conf"]
    assert config.defines_variable("steady_hotel") == []


def test_a_timeout_of_one_vhost_is_not_one_for_all():
    dump = "# configuration file /etc/nginx/nginx.conf:\nhttp { server { keepalive_min_timeout 4s; } }\n"
    assert Config(dump).keepalive_min_timeout() == (4.0, False)


def test_a_timeout_of_nothing_is_none():
    assert Config("# configuration file /n:\nhttp { keepalive_min_timeout 0; }\n").keepalive_min_timeout() == (0.0, False)
    assert Config("").keepalive_min_timeout() == (0.0, False)
    assert Config("").pid_file() is None


@pytest.mark.parametrize(
    ("text", "value"), [("75", 75), ("2s", 2), ("500ms", 0.5), ("1m30s", 90), ("0", 0), ("1h", 3600), ("off", None), ("", None)]
)
def test_seconds(text, value):
    assert seconds(text) == value


@given(st.text())
def test_any_text_is_read_without_an_error(text):
    list(directives("/f", text))
    Config(text)
    problem(text)


def test_a_problem_that_quotes_a_damaged_file_still_names_it():
    stderr = (
        'nginx: [emerg] unknown directive "\x16\x85ab\nc\x0b" in /etc/nginx/steady/hotel.conf:2\nnginx: configuration file test failed\n'
    )
    assert problem(stderr) == Problem('unknown directive "??ab', "/etc/nginx/steady/hotel.conf", 2)
