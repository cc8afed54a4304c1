"""PHP, a database and Redis on one host with no size given: together they take less than the host has.

The roles' own variables and templates, rendered by Ansible, and read by the role php_fpm's own shell.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

from ansible_collections.steady.deploy.plugins.filter.php_pools import FilterModule

ROLES = Path(__file__).resolve().parents[3] / "roles"
TAKEN = ROLES / "php_fpm/files/taken.sh"
# What a role writes, and the program it is for, below the host's root.
PLACES = {
    "mariadb": ("database", "mariadb.cnf.j2", "etc/mysql/mariadb.conf.d/zz-steady.cnf", "usr/sbin/mariadbd"),
    "postgresql": (
        "database",
        "postgresql.conf.j2",
        "etc/postgresql/17/main/conf.d/zz-steady.conf",
        "usr/bin/pg_ctlcluster",
    ),
    "redis": ("redis", "redis.conf.j2", "etc/redis/redis.conf", "usr/bin/redis-server"),
}


def put(root, what, memory_mb):
    """Write the file that the role makes on a host of this memory, and its program. Returns the MiB the role gives to its service."""
    role, template, file, program = PLACES[what]
    loader = DataLoader()
    said = {"memory": str(memory_mb * 1024), "cluster": "17/main", "tls": "current"}
    variables = {
        **loader.load_from_file(str(ROLES / role / "defaults/main.yml")),
        **loader.load_from_file(str(ROLES / role / "vars/main.yml"), trusted_as_template=True),
        "ansible_managed": "Managed",
        "database_engine": what,
        "__database_said": said,
        "__redis_said": said,
    }
    templar = Templar(loader=loader, variables=variables)
    for path in (root / file, root / program):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    source = (ROLES / role / "templates" / template).read_text()
    (root / file).write_text(templar.template(trust_as_template(source)))
    return int(templar.template(variables[f"__{role}_memory"]))


def taken(root):
    """What the role php_fpm reads, by name."""
    script = TAKEN.read_text() + '\ntaken "$1"'
    done = subprocess.run(["sh", "-euc", script, "look", str(root)], check=True, capture_output=True, text=True)
    return {line.split()[1]: int(line.split()[2]) for line in done.stdout.splitlines()}


@pytest.mark.parametrize("engine", ["mariadb", "postgresql"])
@pytest.mark.parametrize("memory_mb", [1964, 2048, 3919, 4096, 8192, 15990, 65536])
def test_the_defaults_leave_the_host_room(tmp_path, engine, memory_mb):
    sizes = [put(tmp_path, engine, memory_mb), put(tmp_path, "redis", memory_mb)]
    found = taken(tmp_path)
    assert sorted(found.values()) == sorted(sizes)
    plan = FilterModule().filters()["php_pools"]([{"name": "shop"}], memory_mb, 90, opcache_mb=128, taken=found)
    assert plan["refused"] == ""
    children_mb = plan["pools"][0]["max_children"] * plan["pools"][0]["child_mb"]
    assert children_mb + 128 + sum(sizes) + max(512, memory_mb // 5) <= memory_mb


def test_what_was_removed_takes_nothing(tmp_path):
    put(tmp_path, "redis", 4096)
    (tmp_path / PLACES["redis"][3]).unlink()
    assert taken(tmp_path) == {}


def test_a_configuration_of_somebody_else_is_none_of_ours(tmp_path):
    put(tmp_path, "redis", 4096)
    (tmp_path / PLACES["redis"][2]).write_text("# Redis configuration file example.\nmaxmemory 100mb\n")
    assert taken(tmp_path) == {}


def test_the_explanation_names_them():
    plan = FilterModule().filters()["php_pools"]([{"name": "shop"}], 4096, 90, opcache_mb=128, taken={"MariaDB": "1009", "Redis": "512"})
    assert plan["pools"][0]["why"][0] == (
        "4096 MiB of memory - 1024 MiB for everything else - 1024 MiB for MariaDB - 512 MiB for Redis - 128 MiB for Opcache"
        " = 1408 MiB for the children of all pools"
    )


def test_a_reserve_of_ones_own_is_for_them_too():
    plan = FilterModule().filters()["php_pools"]([{"name": "shop"}], 4096, 90, reserve_mb=2048, taken={"Redis": "512"})
    assert plan["pools"][0]["max_children"] == 32


def test_a_host_too_small_for_all_three_is_told_what_takes_it():
    plan = FilterModule().filters()["php_pools"]([{"name": "shop"}], 960, 90, opcache_mb=128, taken={"MariaDB": "240", "Redis": "120"})
    assert "less 512 MiB kept for everything else, 256 MiB for MariaDB, 128 MiB for Redis and 128 MiB for Opcache" in plan["refused"]
