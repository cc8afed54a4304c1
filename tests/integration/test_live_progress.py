"""The action with a real ansible-playbook: what is shown while a module writes its journal, and what comes back of it.

The module is a stand-in that writes the journal with the engine's own code; the action, the look and the connection are real.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

STAND_IN = r"""
#!/usr/bin/python
from __future__ import annotations
DOCUMENTATION = "{module: rollout, short_description: x, description: x, author: x, options: {}}"
import json, os, time
from ansible.module_utils.basic import AnsibleModule
from ansible_collections.steady.deploy.plugins.module_utils.core.clock import SystemClock
from ansible_collections.steady.deploy.plugins.module_utils.core.journal import Journal
from ansible_collections.steady.deploy.plugins.module_utils.core.lock import Lock

def main():
    module = AnsibleModule(supports_check_mode=True, argument_spec={
        "app": {}, "state_dir": {}, "approved": {"type": "dict"}, "waits_for": {}, "fails": {"type": "bool"},
    })
    folder, clock = os.path.join(module.params["state_dir"], module.params["app"]), SystemClock()
    result = {"changed": True, "release": "new", "timeline": [{"action": "shift", "text": "shift", "after": 0.0, "seconds": 0.4}]}
    if not module.check_mode:
        with Lock(folder + "/lock", "test", clock):
            journal = Journal(folder + "/journal.jsonl", "r1", clock)
            journal.write("opened", release="new", before="old", steps=["start web", "shift"])
            journal.write("step", text="start web")
            for asked in range(1, 5):
                answer = "HTTP 503" if asked < 4 else "HTTP 200"
                journal.tell("gate", "web-2", {"asked": asked, "ready": asked // 4, "of": 1}, answer=answer)
                time.sleep(0.3)
            while module.params["waits_for"] and not os.path.exists(module.params["waits_for"]):
                time.sleep(0.1)
            journal.write("step", text="shift")
            release, outcome = ("old", "undone") if module.params["fails"] else ("new", "ok")
            journal.write("closed", release=release, outcome=outcome)
            with open(folder + "/result.json", "w") as stream:
                json.dump({"rollout": "r1", "result": {**result, "left": True}}, stream)
    if module.params["fails"]:
        module.fail_json(msg="<b>it</b> failed", undone=True, **result)
    module.exit_json(**result)

main()
"""


# A connection that breaks while the module runs, which goes on without it, and that works again some looks later, or never.
CUT = r"""
from __future__ import annotations
DOCUMENTATION = "{name: cut, short_description: x, description: x, author: x, options: {}}"
import os, subprocess, time
from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.connection.local import Connection as Local

class Connection(Local):
    transport = "cut"
    def exec_command(self, cmd, in_data=None, sudoable=True):
        gone, look = os.environ["CUT_GONE"], b"the journal's inode" in (in_data or b"")
        if in_data and not look and not os.path.exists(gone):
            process = subprocess.Popen(["/bin/sh", "-c", cmd], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            process.stdin.write(in_data)
            process.stdin.close()
            while not os.path.exists(gone + ".seen"):
                time.sleep(0.05)
            time.sleep(0.5)
            open(gone, "w").close()
            raise AnsibleConnectionFailure("cut for the test")
        found = super().exec_command(cmd, in_data=in_data, sudoable=sudoable)
        # A look under way when it breaks is lost too.
        if os.path.exists(gone) and time.time() - os.path.getmtime(gone) < float(os.environ["CUT_AWAY"]):
            raise AnsibleConnectionFailure("still cut")
        if look and b"opened" in found[1]:
            open(gone + ".seen", "w").close()
        return found
"""


@pytest.fixture(scope="module")
def collections(tmp_path_factory):
    """A collections path with everything of ours but the module."""
    top = tmp_path_factory.mktemp("collections")
    plugins = top / "ansible_collections/steady/deploy/plugins"
    (plugins / "modules").mkdir(parents=True)
    (plugins / "modules/rollout.py").write_text(STAND_IN.lstrip())
    (plugins / "connection").mkdir()
    (plugins / "connection/cut.py").write_text(CUT)
    for part in ("action", "plugin_utils", "module_utils"):
        (plugins / part).symlink_to(ROOT / "plugins" / part)
    (plugins.parent / "meta").mkdir()
    (plugins.parent / "meta/runtime.yml").write_text('requires_ansible: ">=2.18.0"\n')
    return top


def play(collections, folder, *, hosts=("one",), task="", args=(), pipelining=True, more_env=None, **parameters):
    """Run one task by itself; returns its results by host, and what was shown."""
    for host in hosts:
        (folder / host / "demo").mkdir(parents=True, exist_ok=True)
    parameters = {"app": "demo", "state_dir": f"{folder}/{{{{ inventory_hostname }}}}", **parameters}
    playbook = folder / "play.yml"
    playbook.write_text(
        f"- hosts: all\n  gather_facts: false\n  tasks:\n    - steady.deploy.rollout: {json.dumps(parameters)}\n"
        f"      register: done\n      ignore_errors: true\n{task}"
        "    - ansible.builtin.copy: {content: '{{ done | to_json }}', dest: '" + str(folder) + "/{{ inventory_hostname }}.json'}\n"
        "      check_mode: false\n"
    )
    env = {
        **os.environ,
        "ANSIBLE_COLLECTIONS_PATH": str(collections),
        "ANSIBLE_PIPELINING": str(pipelining),
        "ANSIBLE_LOCAL_TEMP": str(folder / "tmp"),
        "ANSIBLE_REMOTE_TEMP": str(folder / "rtmp"),
        "ANSIBLE_ASYNC_DIR": str(folder / "async"),
        **(more_env or {}),
    }
    argv = [
        "ansible-playbook",
        "-i",
        ",".join(hosts) + ",",
        "-c",
        "local",
        "-e",
        f"ansible_python_interpreter={sys.executable}",
        *args,
        str(playbook),
    ]
    run = subprocess.run(argv, env=env, capture_output=True, text=True, check=False, cwd=folder)
    assert run.returncode == 0, run.stdout + run.stderr
    results = {host: json.loads((folder / f"{host}.json").read_text()) for host in hosts}
    return results, [line for line in run.stderr.splitlines() if "demo: [" in line], run


def said(line):
    """A line without its seconds."""
    return line.split("] ", 1)[1]


WHOLE = [
    "rollout from old to release new, 2 steps",
    "1/2 start web",
    "gate web-2: HTTP 503 (1st answer), 0 of 1 ready",
    "gate web-2: HTTP 200 (4th answer), 1 of 1 ready",
    "2/2 shift",
    "done: release new serves",
]


@pytest.mark.parametrize("pipelining", [True, False])
def test_a_rollout_is_shown_and_its_result_is_the_modules(collections, tmp_path, pipelining):
    results, lines, run = play(collections, tmp_path, pipelining=pipelining)
    assert [said(line) for line in lines] == WHOLE
    assert all(line.startswith("demo: [") for line in lines)
    # Nothing on standard output, where programs read.
    assert "HTTP 503" not in run.stdout
    done = results["one"]
    assert sorted(set(done) - {"failed"}) == ["changed", "release", "timeline"]
    assert not os.listdir(tmp_path / "rtmp") if (tmp_path / "rtmp").exists() else True


def test_of_several_hosts_each_is_named_and_a_picture_is_left(collections, tmp_path):
    _results, lines, _run = play(collections, tmp_path, hosts=("one", "two"), report="out/{{ inventory_hostname }}.html", fails=True)
    for host in ("one", "two"):
        mine = [said(line) for line in lines if line.startswith(f"{host} demo: [")]
        assert mine == [*WHOLE[:-1], "undone: release old serves as before"]
        page = (tmp_path / "out" / f"{host}.html").read_text()
        assert "&lt;b&gt;it&lt;/b&gt; failed" in page and "<b>" not in page


@pytest.mark.parametrize(
    ("task", "args", "more"),
    [("      no_log: true\n", (), {}), ("", ("--check",), {}), ("", (), {"progress": False}), ("      async: 60\n      poll: 1\n", (), {})],
    ids=["no_log", "check", "progress: false", "async"],
)
def test_where_nothing_is_to_be_shown_nothing_is(collections, tmp_path, task, args, more):
    results, lines, _run = play(collections, tmp_path, task=task, args=args, **more)
    assert lines == []
    assert results["one"]["release"] == "new"


def test_a_host_that_cant_be_watched_is_rolled_out_all_the_same(collections, tmp_path):
    begun = time.monotonic()
    # No journal that could be read there, and no Python for the look: the module brings its own.
    broken = tmp_path / "python"
    broken.write_text('#!/bin/sh\ncase "$1" in -) exit 1 ;; esac\nexec ' + sys.executable + ' "$@"\n')
    broken.chmod(0o755)
    results, lines, _run = play(collections, tmp_path, args=("-e", f"ansible_python_interpreter={broken}"), pipelining=False)
    assert lines == [] and results["one"]["release"] == "new"
    assert time.monotonic() - begun < 40


def test_a_connection_lost_in_the_middle_is_found_again_and_brings_the_result(collections, tmp_path):
    # The connection breaks once a look has seen the rollout begin, and the rollout ends only after that.
    env = {"CUT_GONE": str(tmp_path / "gone"), "CUT_AWAY": "3"}
    results, lines, run = play(collections, tmp_path, args=("-c", "steady.deploy.cut"), more_env=env, waits_for=str(tmp_path / "gone"))
    assert "the connection was lost (cut for the test" in run.stderr + run.stdout
    assert [said(line) for line in lines][-2:] == WHOLE[-2:]
    assert results["one"]["left"] is True and results["one"]["changed"] is True
