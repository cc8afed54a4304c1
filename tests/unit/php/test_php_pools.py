"""Pools with every key filled in, and what is refused in a sentence."""

from __future__ import annotations

import pytest

from ansible_collections.steady.deploy.plugins.module_utils.php.pools import Host, report
from ansible_collections.steady.deploy.plugins.module_utils.php.sizing import Memory
from ansible_collections.steady.deploy.plugins.module_utils.php.text import env_value, ini_value

HOST = Host(Memory(2048, opcache_mb=128), reload_timeout=90, sections=["old"])


def plan(*pools, host=HOST):
    told = report(pools, host)
    assert told["refused"] == ""
    return told["pools"]


def refused(*pools, host=HOST):
    told = report(pools, host)
    assert told["pools"] == told["explained"] == told["ini_lines"] == []
    return told["refused"]


def test_a_name_is_enough():
    (pool,) = plan({"name": "shop"})
    assert (pool["user"], pool["group"], pool["pm"], pool["max_children"]) == ("shop", "shop", "dynamic", 22)
    assert (pool["min_spare_servers"], pool["start_servers"], pool["max_spare_servers"]) == (2, 6, 11)


def test_the_group_follows_the_user():
    (pool,) = plan({"name": "shop", "user": "web"})
    assert (pool["user"], pool["group"]) == ("web", "web")


def test_none_is_not_said():
    (pool,) = plan({"name": "shop", "user": None, "child_mb": None})
    assert (pool["user"], pool["child_mb"]) == ("shop", 64)


def test_absent_pools_take_no_memory():
    (pool,) = plan({"name": "shop"}, {"name": "gone", "state": "absent"})
    assert (pool["name"], pool["max_children"]) == ("shop", 22)


def test_sizes_are_explained():
    told = report([{"name": "shop", "max_children_limit": 9}], HOST)
    assert told["explained"] == [
        "shop: pm = dynamic, 9 children at most. 2048 MiB of memory - 512 MiB for everything else - 128 MiB for Opcache = 1408 MiB for the "
        "children of all pools. 1408 MiB / 64 MiB for a child = 22. at most 9 by max_children_limit."
    ]


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({"min_spare_servers": 5}, (5, 8, 11)),
        ({"max_spare_servers": 1}, (1, 1, 1)),
        ({"start_servers": 20}, (2, 20, 20)),
        ({"start_servers": 1}, (1, 1, 11)),
        ({"min_spare_servers": 12}, (12, 12, 12)),
    ],
)
def test_spares_follow_what_is_given(given, wanted):
    (pool,) = plan({"name": "shop", **given})
    assert (pool["min_spare_servers"], pool["start_servers"], pool["max_spare_servers"]) == wanted


@pytest.mark.parametrize("pm", ["static", "ondemand"])
def test_only_dynamic_has_spares(pm):
    (pool,) = plan({"name": "shop", "pm": pm})
    assert "start_servers" not in pool


@pytest.mark.parametrize(
    ("pool", "says"),
    [
        ({"name": "Shop"}, "the pool name 'Shop' needs a small letter first"),
        ({"name": "s" * 33}, "at most 31"),
        ({"name": None}, "the pool name 'None'"),
        ({"name": "www"}, "a pool can't be called 'www'"),
        ({"name": "global"}, "a pool can't be called 'global'"),
        ({"name": "old"}, "another file in PHP-FPM's pool.d has a pool of this name already"),
        ({"user": "root"}, "PHP does not run as root"),
        ({"group": "root"}, "PHP does not run as root"),
        ({"child_mb": 0}, "child_mb must be 1 or more"),
        ({"memory_share": 0}, "memory_share must be 1 or more"),
        ({"max_children": -1}, "max_children must be 0 or more"),
        ({"max_children": 9, "max_children_limit": 8}, "max_children 9 is more than max_children_limit 8"),
        ({"memory_limit": "lots"}, "memory_limit 'lots' is no size"),
        ({"upload_max": "1.5M"}, "upload_max '1.5M' is no size"),
        ({"request_terminate_timeout": 91}, "request_terminate_timeout is 91 s, and a reload waits 90 s"),
        ({"request_terminate_timeout": 0}, "Set it to between 1 and 90"),
        ({"limit_extensions": []}, "limit_extensions is empty"),
        ({"limit_extensions": ["php"]}, "limit_extensions has 'php'"),
        ({"open_basedir": ["srv"]}, "open_basedir has 'srv'"),
        ({"open_basedir": ["/srv:/etc"]}, "open_basedir has '/srv:/etc'"),
        ({"disable_functions": ["exec,system"]}, "disable_functions has 'exec,system'"),
        ({"max_spare_servers": 23}, "does not hold"),
        ({"min_spare_servers": 0}, "1 <= min_spare_servers (0)"),
        ({"ini": {"a b": 1}}, "ini: a b 'a b' is no name of a php.ini setting"),
        ({"ini": {"a": "x\ny"}}, "ini: a has a line break"),
        ({"ini": {"a": [1]}}, "ini: a is a list"),
        ({"env": {"A-B": "1"}}, "is no name of an environment variable"),
        ({"env": {"A": "$HOME"}}, "env: A begins with $"),
        ({"env": {"A": {}}}, "env: A is a mapping"),
        ({"max_children": 23}, "asks for 23 children"),
    ],
)
def test_refused(pool, says):
    assert says in refused({"name": "shop", **pool})


def test_a_name_twice():
    assert refused({"name": "shop"}, {"name": "shop", "state": "absent"}) == "the pool 'shop' is listed twice"


def test_a_secret_is_not_told():
    assert "hush" not in refused({"name": "shop", "env": {"A": "$hush"}})
    assert "hush" not in refused({"name": "shop", "env": {"A": "hush\nhush"}})


def test_settings_of_all_pools():
    host = Host(Memory(2048), 90, ini={"opcache.enable": True, "error_reporting": "E_ALL & ~E_DEPRECATED", "date.timezone": "UTC"})
    assert report([], host)["ini_lines"] == ['date.timezone = "UTC"', "error_reporting = E_ALL & ~E_DEPRECATED", "opcache.enable = On"]
    nothing = Host(Memory(2048), 90, ini={"a": None})
    assert refused(host=nothing) == "php_fpm_ini: a is nothing, where a text, a number or a boolean is needed"


def test_lines_of_a_pool():
    (pool,) = plan({"name": "shop", "ini": {"display_errors": False, "b": 7200}, "env": {"DEBUG": False, "N": 3, "EMPTY": ""}})
    assert pool["ini_lines"] == ["php_admin_value[b] = 7200", "php_admin_flag[display_errors] = Off"]
    assert pool["env_lines"] == ['env[DEBUG] = "false"', "env[EMPTY] = $STEADY_EMPTY", 'env[N] = "3"']


@pytest.mark.parametrize(
    ("value", "text"),
    [("a", '"a"'), ('a "b"', '"a \\"b\\""'), ("a$b", '"a\\$b"'), ("a\\b", '"a\\\\b"'), (1.5, "1.5"), (True, "On"), ("", '""')],
)
def test_values(value, text):
    assert ini_value(value) == text


def test_no_environment_variable_is_nothing():
    assert env_value(None) == "$STEADY_EMPTY"


def test_an_environment_variable_is_never_computed():
    assert env_value("E_ALL") == '"E_ALL"'
