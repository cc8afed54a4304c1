"""Values of the environment on their way through Ansible's template, Compose and a container; and the schema in the role's check."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from ansible_collections.steady.deploy.plugins.module_utils.env.text import env_file

ROOT = Path(__file__).resolve().parent.parent.parent
NASTY = {
    "QUOTES": """a"b'c`d""",
    "DOLLARS": "$HOME ${HOME} $$ \\$ $(id) ${A:-b} %s",
    "HASH": " # no comment #",
    "LINES": "one\ntwo\r\nthree\rfour\n",
    "BACKSLASHES": '\\ \\\\ \\n \\\\n \\t \\"',
    "SPACE": " \t around \v \f ",
    "UNICODE": "Zürich 日本語 🏨 \u2028 \u00a0 \ufeff \x01\x7f",
    "JINJA": "{{ not }} {% a %} {# template #}",
    "EMPTY": "",
    "YAMLISH": "yes: [no, ~]",
    "KEY": "base64:AAAA+/==",
    "LONG": "x" * 20000,
}


def compose(folder: Path, *args: str) -> str:
    argv = ["docker", "compose", "-p", "steady-env-test", *args]
    # For interpolation Compose lets its own environment win over the file.
    own = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    done = subprocess.run(argv, cwd=folder, env=own, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def seen(folder: Path, env: dict[str, str]) -> dict[str, str]:
    """What Compose makes of the file ``.env``: by env_file in service ``file``, by interpolation in service ``word``."""
    words = {name: "${" + name + "}" for name in env}
    services = {"file": {"image": "debian:trixie", "env_file": [".env"]}, "word": {"image": "debian:trixie", "environment": words}}
    (folder / "compose.yml").write_text(json.dumps({"services": services}))
    model = json.loads(compose(folder, "config", "--format", "json"))
    # There a dollar sign is doubled, so that it can be read again.
    found = [{name: value.replace("$$", "$") for name, value in model["services"][name]["environment"].items()} for name in services]
    assert found[0] == found[1]
    return found[0]


ALPHABET = '\\\\\\""\'$$$$#{{}}()`\n\r\t =:-+?nrtx01aA%\u00fc\u65e5\u2028\U0001f3e8\x01'


# By its own generator: each call starts Compose, so hundreds of values go into one.
@pytest.mark.parametrize("seed", range(5))
def test_any_text_survives_compose(tmp_path, seed):
    chance = random.Random(seed)
    env = {f"V{number}": "".join(chance.choices(ALPHABET, k=chance.randrange(20))) for number in range(400)}
    (tmp_path / ".env").write_text(env_file(env), encoding="utf-8")
    found = seen(tmp_path, env)
    assert {name: (value, found[name]) for name, value in env.items() if found[name] != value} == {}


def test_nasty_values_reach_a_container_through_the_roles_template(tmp_path):
    """The role's own template, then Compose, then a process."""
    (tmp_path / "vars.yml").write_text(_unsafe(NASTY), encoding="utf-8")
    play = {
        "hosts": "localhost",
        "gather_facts": False,
        "tasks": [
            {
                "ansible.builtin.template": {
                    "src": str(ROOT / "roles/app/templates/env.j2"),
                    "dest": str(tmp_path / ".env"),
                    "mode": "0600",
                }
            }
        ],
    }
    assert playbook(tmp_path, play, "-e", f"@{tmp_path}/vars.yml").returncode == 0
    assert seen(tmp_path, NASTY) == NASTY
    printed = compose(tmp_path, "run", "--rm", "--no-deps", "-T", "file", "cat", "/proc/self/environ")
    found = dict(entry.split("=", 1) for entry in printed.split("\0") if "=" in entry)
    assert {name: found[name] for name in NASTY} == NASTY
    compose(tmp_path, "down")


def _unsafe(env: dict[str, str]) -> str:
    """Variables whose text Ansible must not take for a template."""
    quoted = {name: yaml.safe_dump(value, default_style='"', width=10**6).strip() for name, value in env.items()}
    return "app_env:\n" + "".join(f"  {name}: !unsafe {text}\n" for name, text in quoted.items())


def playbook(folder: Path, play: dict, *args: str) -> subprocess.CompletedProcess[str]:
    path = folder / "play.yml"
    path.write_text(yaml.safe_dump([play]), encoding="utf-8")
    argv = ["ansible-playbook", "-i", "localhost,", "-c", "local", "-e", f"ansible_python_interpreter={sys.executable}", str(path), *args]
    return subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False, env={**os.environ, "ANSIBLE_NOCOLOR": "1"})


SECRET = "geheim-geheim"
SCHEMA = {
    "environments": ["production", "staging"],
    "additional": False,
    "variables": {
        "APP_DEBUG": {"type": "boolean", "in": {"production": {"forbidden": [True]}}},
        "CORS": {"separator": ",", "in": {"production": {"forbidden": ["*"]}}},
        "PASSWORD": {"secret": True, "min_length": 16},
    },
}


@pytest.mark.parametrize("check", [[], ["--check"]], ids=["run", "check"])
def test_the_role_tells_all_violations_and_changes_nothing(tmp_path, check):
    (tmp_path / "schema.yml").write_text(yaml.safe_dump(SCHEMA), encoding="utf-8")
    (tmp_path / "compose.yml").write_text("services: {}\n", encoding="utf-8")
    play = {
        "hosts": "localhost",
        "gather_facts": False,
        "roles": ["steady.deploy.app"],
        "vars": {
            "app_name": "shop",
            "app_dir": str(tmp_path / "srv"),
            "app_compose_files": [str(tmp_path / "compose.yml")],
            "app_environment": "production",
            "app_env_schema": str(tmp_path / "schema.yml"),
            "app_env": {"APP_DEBUG": 1, "CORS": "https://a.b,*", "PASSWORD": SECRET, "FOO": "", "A B": ""},
        },
    }
    done = playbook(tmp_path, play, "-vvv", *check)
    assert done.returncode == 2
    sentences = [
        "app_env of shop is not as it must be; nothing was changed:",
        "'A B' is no name for a variable: use letters, digits, `_`, `.` and `-`, no digit first",
        "APP_DEBUG is '1', which is forbidden in production: give another value",
        "CORS has the part '*', which is forbidden in production: give another value",
        "PASSWORD is too short: give at least 16 characters",
        "FOO is not in the schema: add it there, or remove it",
    ]
    output = done.stdout + done.stderr
    told = [line.strip() for line in output.splitlines()]
    assert [sentence for sentence in sentences if sentence not in told] == [], output[-3000:]
    assert SECRET not in output
    assert "Traceback" not in output
    assert not (tmp_path / "srv").exists()


def test_a_schema_that_is_wrong_is_told(tmp_path):
    play = {
        "hosts": "localhost",
        "gather_facts": False,
        "roles": ["steady.deploy.app"],
        "vars": {
            "app_name": "shop",
            "app_dir": str(tmp_path / "srv"),
            "app_compose_files": ["compose.yml"],
            "app_env_schema": {"variables": {"A": {"typ": "url"}}},
        },
    }
    done = playbook(tmp_path, play)
    assert done.returncode == 2
    assert "variable A has the key 'typ', which is not known; there are type, required" in done.stdout + done.stderr
