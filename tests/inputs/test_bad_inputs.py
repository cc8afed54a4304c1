"""Everything a user can get wrong, and the exact sentence that answers it: bad.yml, against the real Docker and Compose."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import typing as t
from pathlib import Path

import pytest
import yaml
from inputs.stand import Edge, run_module, tag_images

APP = "shop"
TABLE = yaml.safe_load((Path(__file__).parent / "bad.yml").read_text())
GOOD = TABLE.pop("good")["compose"]
CASES = [case for cases in TABLE.values() for case in cases]
# What bad.yml writes for a part that is other on every machine.
WILD = {"{number}": r"[0-9]+", "{any}": r".*"}
# What nobody wants to read in an error: dumps, Python's own words, and the secret of the cases that have one.
NEVER = ("\n", "Traceback", "Errno", "<class", "object at 0x", "hunter2")


class Stand:
    """One edge and one app's folder. ``env`` is what the module finds in its environment."""

    def __init__(self, folder: Path) -> None:
        self.edge = Edge(folder / "edge", APP)
        self.dir = folder / APP
        self.state = folder / "state"
        self.dir.mkdir()
        self.env = {"PATH": f"{self.edge.program.parent}:{os.environ['PATH']}"}

    def prepare(self, case: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
        """Write the case's files and return the module's parameters."""
        model = yaml.safe_load(GOOD)
        model["services"]["web"].update(case.get("web", {}))
        (self.dir / "compose.yml").write_text(case.get("compose", yaml.safe_dump(model, sort_keys=False)))
        for name, content in case.get("files", {}).items():
            (self.dir / name).write_text(content)
        if "does" in case:
            DOES[case["does"]](self)
        said = self.filled(case.get("params", {}))
        if case.get("module") == "ready":
            return said
        if case.get("module") == "rollout_info":
            whole = {"app": APP, "state_dir": str(self.state), "upstream_file": str(self.edge.file), **said}
        else:
            edge = {"url": self.edge.url, "upstream_file": str(self.edge.file), **said.get("edge", {})}
            whole = {"app": APP, "project_dir": str(self.dir), "state_dir": str(self.state), **said, "edge": edge}
        return {key: value for key, value in whole.items() if value is not None}

    def filled(self, value: t.Any) -> t.Any:
        """``value`` with the stand's places in it."""
        if isinstance(value, dict):
            return {key: self.filled(entry) for key, entry in value.items()}
        if isinstance(value, list):
            return [self.filled(entry) for entry in value]
        if isinstance(value, str):
            for name, place in (("dir", self.dir), ("state", self.state), ("edge", self.edge.folder), ("url", self.edge.url)):
                value = value.replace("{" + name + "}", str(place))
        return value

    def expects(self, case: t.Mapping[str, t.Any]) -> str:
        """The case's sentence as a pattern."""
        pattern = re.escape(self.filled(case["says"]))
        for wild, meaning in WILD.items():
            pattern = pattern.replace(re.escape(wild), meaning)
        return pattern

    def close(self) -> None:
        self.edge.close()


def _damage(stand: Stand) -> None:
    stand.edge.file.write_text(stand.edge.file.read_text().replace("zone", "zonk"))


def _without_docker(stand: Stand) -> None:
    folder = stand.dir.parent / "bin"
    folder.mkdir()
    for name in ("nginx", "cat"):
        (folder / name).symlink_to(shutil.which(name, path=stand.env["PATH"]))
    stand.env["PATH"] = str(folder)


DOES: dict[str, t.Callable[[Stand], t.Any]] = {
    "empty": lambda stand: (stand.dir / "compose.yml").unlink(),
    "binary": lambda stand: (stand.dir / "compose.yml").write_bytes(b"\x80\x81\xff"),
    "damaged": _damage,
    "upstream-binary": lambda stand: stand.edge.file.write_bytes(b"\x80\x81\xff"),
    "upstream-gone": lambda stand: stand.edge.file.unlink(),
    "docker-away": lambda stand: stand.env.update(DOCKER_HOST="unix:///nowhere/docker.sock"),
    "docker-missing": _without_docker,
    "nginx-missing": lambda stand: stand.edge.program.unlink(),
    "nginx-broken": lambda stand: (stand.edge.folder / "broken").touch(),
    "nginx-down": lambda stand: (stand.edge.folder / "nginx.pid").write_text("999999\n"),
}


@pytest.fixture(scope="module", autouse=True)
def image() -> None:
    tag_images()


@pytest.fixture
def stand(tmp_path: Path) -> t.Iterator[Stand]:
    made = Stand(tmp_path)
    yield made
    made.close()


def test_the_table_is_one() -> None:
    ids = [case["id"] for case in CASES]
    assert len(ids) == len(set(ids)) >= 40
    assert len([case for case in CASES if not case.get("says")]) == 0
    for case in CASES:
        assert set(case) <= {"id", "compose", "web", "params", "files", "module", "does", "check", "ansible", "says"}, case["id"]


def test_the_app_without_a_change_is_planned(stand: Stand) -> None:
    done = run_module("rollout", stand.prepare({}), True, stand.env)
    assert not done.get("failed"), done["msg"]
    assert done["plan"][-2].startswith("shift traffic to release ")


@pytest.mark.parametrize("case", [case for case in CASES if not case.get("ansible")], ids=lambda case: case["id"])
def test_what_is_wrong_is_said(stand: Stand, case: dict[str, t.Any]) -> None:
    params = stand.prepare(case)
    before = _containers()
    done = run_module(case.get("module", "rollout"), params, case.get("check", True), stand.env)
    assert done.get("failed"), f"accepted: {done}"
    assert re.fullmatch(stand.expects(case), done["msg"]), done["msg"]
    _is_a_sentence(done["msg"])
    # Refused means that nothing was begun.
    assert _containers() == before
    assert not list(stand.state.glob("*/releases/*"))
    entries = [json.loads(line) for path in stand.state.glob("*/journal.jsonl") for line in path.read_text().splitlines()]
    # That a pull was tried may be told.
    assert {entry["event"] for entry in entries} <= {"progress"}


def test_ansible_itself_says_it_well(stand: Stand, tmp_path: Path) -> None:
    """One play with a task for each case; the modules travel as Ansible sends them."""
    tasks = []
    for case in CASES:
        if case.get("ansible"):
            # They share one folder.
            assert not {"web", "compose", "files", "does"} & set(case), case["id"]
            params = {f"steady.deploy.{case.get('module', 'rollout')}": stand.prepare(case)}
            tasks.append({"name": case["id"], **params, "check_mode": True, "ignore_errors": True})
    assert len(tasks) >= 10
    play = {"hosts": "localhost", "connection": "local", "gather_facts": False, "environment": stand.env, "tasks": tasks}
    play["vars"] = {"ansible_python_interpreter": "/usr/bin/python3"}
    (tmp_path / "play.yml").write_text(yaml.safe_dump([play]))
    environment = {**os.environ, "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json"}
    argv = ["ansible-playbook", "-i", "localhost,", str(tmp_path / "play.yml")]
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    said = {}
    for task in json.loads(done.stdout[done.stdout.index("{") :])["plays"][0]["tasks"]:
        said[task["task"]["name"]] = task["hosts"]["localhost"]
    for case in CASES:
        if case.get("ansible"):
            answer = said[case["id"]]
            assert answer.get("failed"), case["id"]
            assert re.fullmatch(stand.expects(case), answer["msg"]), f"{case['id']}: {answer['msg']}"
            # Ansible's own converters name Python's classes.
            _is_a_sentence(answer["msg"].replace("<class 'str'>", "str"))


def _is_a_sentence(text: str) -> None:
    assert 10 < len(text) <= 600
    assert not [word for word in NEVER if word in text]


def _containers() -> str:
    return subprocess.run(["docker", "ps", "-aq", "--filter", "label=steady.app=shop"], capture_output=True, text=True, check=True).stdout
