"""The role php_fpm's files for many variable sets, each put before a real PHP-FPM."""

from __future__ import annotations

import json
import subprocess
import typing as t
from pathlib import Path

import pytest
from integration.roles import rendered

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
IMAGE = "steady-test-php-fpm"
DOCKERFILE = """
FROM debian:{suite}
RUN apt-get update -qq \\
    && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends php-fpm libfcgi-bin \\
    && rm -rf /var/lib/apt/lists/* && rm /etc/php/*/fpm/pool.d/www.conf && useradd --system shop && useradd --system blog
CMD ["sleep", "infinity"]
"""
SHOP = {"name": "shop"}
ODD = 'a $HOME \'b\' "c" #d ;e \\ =${x} \\$ \\" %f &|!() [g] {h} ä €'

# What is asked for -> lines that a file must have.
CASES: dict[str, tuple[dict[str, t.Any], tuple[str, ...]]] = {
    "name only": ({"php_fpm_pools": [SHOP]}, ("pm = dynamic", "pm.max_children = 22", "user = shop", "group = shop")),
    "static": ({"php_fpm_pools": [{**SHOP, "pm": "static"}]}, ("pm = static", "pm.max_children = 22")),
    "ondemand": ({"php_fpm_pools": [{**SHOP, "pm": "ondemand", "process_idle_timeout": 3}]}, ("pm.process_idle_timeout = 3s",)),
    "one child": ({"php_fpm_pools": [{**SHOP, "max_children": 1}]}, ("pm.start_servers = 1", "pm.max_spare_servers = 1")),
    "limited": ({"php_fpm_pools": [{**SHOP, "max_children_limit": 7}]}, ("pm.max_children = 7", ";   at most 7 by max_children_limit")),
    "two pools": (
        {"php_fpm_pools": [{**SHOP, "memory_share": 3}, {"name": "blog", "child_mb": 32}]},
        ("pm.max_children = 16", "pm.max_children = 11", ";   this pool has 3 of 4 shares of 1408 MiB: 1056 MiB"),
    ),
    "much memory": ({"php_fpm_memory_mb": 262144, "php_fpm_pools": [SHOP]}, ("pm.max_children = 3070",)),
    "a reserve": ({"php_fpm_memory_reserve_mb": 1600, "php_fpm_pools": [SHOP]}, ("pm.max_children = 5",)),
    "own spares": (
        {"php_fpm_pools": [{**SHOP, "start_servers": 4, "min_spare_servers": 2, "max_spare_servers": 8}]},
        ("pm.start_servers = 4", "pm.min_spare_servers = 2", "pm.max_spare_servers = 8"),
    ),
    "no slow log": ({"php_fpm_pools": [{**SHOP, "request_slowlog_timeout": 0}]}, ()),
    "limits": (
        {
            "php_fpm_process_control_timeout": 600,
            "php_fpm_pools": [
                {
                    **SHOP,
                    "memory_limit": "1G",
                    "upload_max": "2G",
                    "max_execution_time": 300,
                    "request_terminate_timeout": 600,
                    "rlimit_files": 65536,
                    "max_requests": 0,
                    "limit_extensions": [".php", ".phtml"],
                }
            ],
        },
        ("process_control_timeout = 600", "request_terminate_timeout = 600s", "security.limit_extensions = .php .phtml"),
    ),
    "bounds": (
        {"php_fpm_pools": [{**SHOP, "open_basedir": ["/srv/shop", "/tmp"], "disable_functions": ["exec", "proc_open"]}]},
        ('php_admin_value[open_basedir] = "/srv/shop:/tmp"', 'php_admin_value[disable_functions] = "exec,proc_open"'),
    ),
    "code in place": ({"php_fpm_pools": [{**SHOP, "deploys": "in_place"}]}, ("php_admin_flag[opcache.validate_timestamps] = On",)),
    "code by releases": ({"php_fpm_pools": [SHOP]}, ("php_admin_flag[opcache.validate_timestamps] = Off",)),
    "settings": (
        {"php_fpm_ini": {"date.timezone": "UTC", "opcache.interned_strings_buffer": 32, "error_reporting": "E_ALL & ~E_DEPRECATED"}},
        ('date.timezone = "UTC"', "opcache.interned_strings_buffer = 32", "error_reporting = E_ALL & ~E_DEPRECATED"),
    ),
    "settings of a pool": (
        {"php_fpm_pools": [{**SHOP, "ini": {"highlight.comment": ODD, "display_errors": True, "precision": 12}}]},
        ("php_admin_flag[display_errors] = On", "php_admin_value[precision] = 12"),
    ),
    "environment": (
        {"php_fpm_pools": [{**SHOP, "env": {"ODD": ODD, "EMPTY": "", "NONE": None, "N": 1, "YES": True, "E": "E_ALL"}}]},
        ("env[EMPTY] = $STEADY_EMPTY", 'env[YES] = "true"'),
    ),
    "another group": ({"php_fpm_pools": [{**SHOP, "user": "blog", "group": "www-data"}]}, ("user = blog", "group = www-data")),
    "a short queue": ({"php_fpm_listen_backlog": 128, "php_fpm_pools": [SHOP]}, ("listen.backlog = 128",)),
    "twenty pools": ({"php_fpm_pools": [{"name": f"app-{n}", "user": "shop", "pm": "ondemand"} for n in range(20)]}, ("[app-19]",)),
}


class Machine(t.NamedTuple):
    """A container with a PHP-FPM of this version."""

    name: str
    version: str

    def sh(self, script: str, text: str = "") -> subprocess.CompletedProcess[str]:
        """Run a shell script in it."""
        return subprocess.run(
            ["docker", "exec", "-i", self.name, "sh", "-c", script], input=text, capture_output=True, text=True, check=False
        )

    def place(self, files: list[dict[str, t.Any]]) -> None:
        """Put these files there, and none of another case."""
        clear = f"rm -f /etc/php/{self.version}/fpm/pool.d/* /etc/php/{self.version}/fpm/conf.d/99-steady.ini"
        write = "foreach (json_decode(stream_get_contents(STDIN)) as $one) file_put_contents($one->path, $one->content);"
        done = self.sh(f"{clear}; php -r '{write}'", json.dumps(files))
        assert done.returncode == 0, done.stderr

    def test(self) -> subprocess.CompletedProcess[str]:
        """What PHP-FPM says about them."""
        return self.sh(f"php-fpm{self.version} -t 2>&1")


@pytest.fixture(scope="module", params=["bookworm", "trixie"])
def machine(request, base_images):
    suite = request.param
    name = f"{IMAGE}-{suite}"
    built = subprocess.run(
        ["docker", "build", "-q", "-t", name, "-"], input=DOCKERFILE.format(suite=suite), capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stderr
    started = subprocess.run(["docker", "run", "-d", "--rm", "--init", name], capture_output=True, text=True, check=True)
    try:
        yield Machine(started.stdout.strip(), {"bookworm": "8.2", "trixie": "8.4"}[suite])
    finally:
        subprocess.run(["docker", "rm", "-f", started.stdout.strip()], capture_output=True, check=False)


@pytest.fixture(scope="session")
def base_images():
    for suite in ("bookworm", "trixie"):
        subprocess.run(["bash", "lab/base-image.sh", suite], cwd=ROOT, check=True)


def render(cases: list[dict[str, t.Any]], *look: str) -> list[dict[str, t.Any]]:
    """The files and refusals of each set of variables."""
    known = {"__php_fpm_look": {"stdout_lines": ["memory 2048", *look]}}
    files = "{{ [] if __php_fpm_refusals else __php_fpm_files }}"
    return rendered("php_fpm", [{**known, **case} for case in cases], files=files, refusals="{{ __php_fpm_refusals }}")


def test_every_set_of_variables_passes_php_fpm(machine):
    pools = [{"name": "blog"}]
    wishes = [{"php_fpm_pools": pools, **wish} for wish, dummy in CASES.values()]
    for (name, (_wish, lines)), told in zip(CASES.items(), render(wishes, f"version {machine.version}", "present yes"), strict=True):
        assert told["refusals"] == [], name
        machine.place(told["files"])
        done = machine.test()
        assert done.returncode == 0, (name, done.stdout)
        assert "WARNING" not in done.stdout, (name, done.stdout)
        assert "PHP Warning" not in done.stdout, (name, done.stdout)
        texts = [line for file in told["files"] for line in file["content"].splitlines()]
        assert not [line for line in lines if line not in texts], name


def test_values_arrive_unchanged(machine):
    pool = {**CASES["environment"][0]["php_fpm_pools"][0], "ini": {"highlight.comment": ODD}}
    wish = {"php_fpm_ini": {"user_agent": ODD, "error_reporting": "E_ALL & ~E_DEPRECATED"}, "php_fpm_pools": [pool]}
    (told,) = render([wish], f"version {machine.version}", "present yes")
    machine.place(told["files"])
    page = (
        "<?php echo json_encode([...array_map('getenv', ['ODD', 'EMPTY', 'NONE', 'N', 'YES', 'E']), "
        "...array_map('ini_get', ['user_agent', 'highlight.comment', 'error_reporting'])]);"
    )
    asked = machine.sh(
        f"cat >/tmp/page.php; mkdir -p /run/php; php-fpm{machine.version} --daemonize && "
        "SCRIPT_FILENAME=/tmp/page.php SCRIPT_NAME=/page.php REQUEST_METHOD=GET cgi-fcgi -bind -connect /run/php/steady-shop.sock; "
        f"kill $(cat /run/php/php{machine.version}-fpm.pid)",
        page,
    )
    body = asked.stdout.replace("\r\n", "\n").partition("\n\n")[2]
    # PHP 8.4 has no E_STRICT any more.
    errors = {"8.2": 32767, "8.4": 30719}[machine.version] & ~8192
    assert json.loads(body) == [ODD, "", "", "1", "true", "E_ALL", ODD, ODD, str(errors)], asked


def test_a_file_that_php_fpm_refuses_is_told(machine):
    """The command that tries a candidate, with one that can't be and one that can."""
    (good,) = render([{"php_fpm_pools": [SHOP]}], f"version {machine.version}", "present yes")
    machine.place(good["files"])
    pool = good["files"][-1]
    for text, rc, says in [
        (pool["content"], 0, ""),
        (pool["content"].replace("request_slowlog_timeout = 5s", "request_slowlog_timeout = 61s"), 1, "request_slowlog_timeout"),
        (pool["content"].replace("user = shop", "user = nobody-here"), 1, "cannot get uid for user 'nobody-here'"),
    ]:
        machine.sh("cat >/tmp/candidate", text)
        argv = [part.replace("%s", "/tmp/candidate") for part in pool["validate"]]
        done = subprocess.run(["docker", "exec", machine.name, *argv], capture_output=True, text=True, check=False)
        assert done.returncode == rc, done
        assert says in done.stderr
        assert "/tmp/tmp." not in done.stderr
    assert machine.sh("ls -d /tmp/tmp.* 2>/dev/null").stdout == ""


def test_settings_that_php_refuses_are_told(machine):
    (good,) = render([{"php_fpm_pools": [SHOP]}], f"version {machine.version}", "present yes")
    machine.place(good["files"])
    for text, rc in [("opcache.memory_consumption = 128\n", 0), ("opcache.memory_consumption = 900000000\n", 1), ("a = (\n", 1)]:
        machine.sh("cat >/tmp/candidate", text)
        argv = [part.replace("%s", "/tmp/candidate") for part in good["files"][0]["validate"]]
        done = subprocess.run(["docker", "exec", machine.name, *argv], capture_output=True, text=True, check=False)
        assert done.returncode == rc, (text, done)


@pytest.mark.parametrize(
    ("wish", "look", "says"),
    [
        ({"php_fpm_version": "eight"}, [], "php_fpm_version 'eight' is no version such as '8.4': nothing was changed on web1."),
        ({"php_fpm_extensions": ["mysql", "php-gd; x"]}, [], "php_fpm_extensions on web1: php-gd; x can be no name of an extension"),
        (
            {"php_fpm_pools": [{**SHOP, "max_children": 99}]},
            [],
            "PHP-FPM on web1: the pool 'shop' asks for 99 children of 64 MiB, 6336 MiB together",
        ),
        ({"php_fpm_pools": [SHOP]}, ["section shop"], "another file in PHP-FPM's pool.d has a pool of this name already"),
        (
            {},
            ["broken [pool x] no user"],
            "PHP-FPM's configuration on web1 is broken already, and nothing was changed. Repair it first: [pool x] no user",
        ),
        (
            {"php_fpm_pools": [SHOP]},
            ["version 8.4", "elsewhere /etc/php/8.2/fpm/pool.d/steady-shop.conf"],
            "web1 has pools of another PHP than 8.4 (/etc/php/8.2/fpm/pool.d/steady-shop.conf), and two can not share a socket",
        ),
    ],
)
def test_refused_in_a_sentence(wish, look, says):
    (told,) = render([wish], *look)
    assert len(told["refusals"]) == 1
    assert told["refusals"][0].startswith(says) or says in told["refusals"][0]
    assert "\n" not in told["refusals"][0]


def test_another_version_may_have_other_pools():
    (told,) = render([{"php_fpm_pools": [SHOP]}], "version 8.4", "elsewhere /etc/php/8.2/fpm/pool.d/steady-blog.conf")
    assert told["refusals"] == []


@pytest.mark.parametrize(
    ("wish", "look", "gone"),
    [
        ({"php_fpm_pools": [SHOP]}, ["section www", "www untouched"], ["www.conf"]),
        ({"php_fpm_pools": [SHOP]}, ["section www"], []),
        ({"php_fpm_pools": [SHOP], "php_fpm_remove_package_pool": False}, ["section www", "www untouched"], []),
        ({"php_fpm_pools": []}, ["section www", "www untouched"], []),
        ({"php_fpm_pools": []}, ["section www", "section mine", "www untouched"], ["www.conf"]),
        ({"php_fpm_pools": [{**SHOP, "state": "absent"}]}, ["pool shop", "pool blog"], ["steady-shop.conf"]),
        ({"php_fpm_pools": [{**SHOP, "state": "absent"}]}, ["pool blog"], []),
    ],
)
def test_what_goes(wish, look, gone):
    (told,) = render([wish], "version 8.4", "present yes", *look)
    assert [file["path"].rpartition("/")[2] for file in told["files"] if file.get("state") == "absent"] == gone
