"""Hooks: as they are read, and as real processes."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest
from unit.rollout.test_rollout import Host

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import SpecError, SteadyError
from ansible_collections.steady.deploy.plugins.module_utils.rollout import steps as s
from ansible_collections.steady.deploy.plugins.module_utils.rollout.executor import Executor
from ansible_collections.steady.deploy.plugins.module_utils.rollout.hooks import Hooks, check_hooks, parse_hooks
from ansible_collections.steady.deploy.plugins.module_utils.rollout.rollout import Rollout
from ansible_collections.steady.deploy.plugins.module_utils.rollout.spec import Hook, Service


def hook(**changes):
    return {"name": "warm", "point": "before_shift", "command": "true", **changes}


def test_what_is_given_and_what_is_not():
    assert parse_hooks([]) == ()
    assert parse_hooks([hook(service=None, timeout=None, undoes=None)]) == (Hook("warm", "before_shift", ("true",)),)
    assert parse_hooks([hook(command="php artisan 'a b'", service="app", timeout="1m", undoes=False, point="after")]) == (
        Hook("warm", "after", ("php", "artisan", "a b"), "app", 60.0, False),
    )
    assert parse_hooks([hook(command=["echo", 1, "a b"])])[0].command == ("echo", "1", "a b")


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        ({}, "hooks must be a list, each with name, point and command"),
        (["true"], "hook 1 must be a mapping with name, point and command"),
        ([hook(comand="x")], "hook 1 has the key 'comand', which is not known, did you mean `command`?"),
        ([hook(x=1)], "hook 1 has the key 'x', which is not known; there are name, point, command, service, timeout and undoes"),
        ([{"name": "a", "command": "true"}], "hook 1 has no `point`: give it one"),
        ([hook(command=None)], "hook 1 has no `command`: give it one"),
        ([hook(name="")], "hook 1: name must be letters, digits, spaces, `-`, `_` and `.`, 60 characters at most"),
        ([hook(name="a\nb")], "hook 1: name must be letters, digits, spaces, `-`, `_` and `.`, 60 characters at most"),
        ([hook(), hook()], "hook 2: another hook is called 'warm' too: give each a name of its own"),
        ([hook(point="after_shit")], "hook warm: point 'after_shit' is not known, did you mean `after_shift`?"),
        ([hook(point=["x"])], "hook warm: point ['x'] is not known; there are before, before_shift, after_shift, after and undone"),
        ([hook(command="echo 'a")], "hook warm: command can't be split into words (no closing quotation): mend its quotes, or give a list"),
        ([hook(command="")], "hook warm: command must be a program with its arguments, as one text or as a list"),
        ([hook(command=[])], "hook warm: command must be a program with its arguments, as one text or as a list"),
        ([hook(command={"a": 1})], "hook warm: command must be a program with its arguments, as one text or as a list"),
        ([hook(command=["a\0"])], "hook warm: command holds a NUL character, which no argument can carry"),
        ([hook(service="")], "hook warm: service must be the name of a service of the app"),
        ([hook(timeout=0)], "hook warm: timeout must be a time above 0, such as 30 or 1m30s"),
        ([hook(timeout="soon")], "hook warm: timeout must be a time above 0, such as 30 or 1m30s"),
        ([hook(undoes="no")], "hook warm: undoes must be true or false"),
    ],
)
def test_bad_input_gets_one_sentence(raw, sentence):
    with pytest.raises(SpecError) as caught:
        parse_hooks(raw)
    assert caught.value.message == sentence


def test_a_service_must_have_a_container_at_that_point():
    services = [Service("web", "web", "", "i"), Service("migrate", "job", "", "i"), Service("db", "accessory", "", "i")]

    def said(**changes):
        with pytest.raises(SpecError) as caught:
            check_hooks(parse_hooks([hook(**changes)]), services)
        return caught.value.message

    check_hooks(
        parse_hooks([hook(service="web"), hook(name="dump", service="db", point="before"), hook(name="c", point="before")]), services
    )
    assert said(service="wbe") == "hook warm: the app has no service 'wbe'; it has web, migrate, db"
    assert said(service="migrate") == "hook warm: service migrate is a job, in which no command can be run: name another service"
    assert said(service="web", point="before").startswith("hook warm: before the rollout the new release has no container of web: use the")


def run(command, *, folder=None, timeout=10.0, env=None, secrets=(), point="after", service=None, container=None):
    """Run one hook as the executor does."""
    hooks = (Hook("warm", point, tuple(command), service, timeout),)
    container = container or (lambda release, service: None)
    runner = Hooks(hooks, "shop", "new", "old", container, env or {"PATH": os.environ["PATH"]}, lambda: secrets)
    runner.do(s.Step(s.HOOK, "run hook warm", "new", point=0))


def fails(*args, **options) -> SteadyError:
    with pytest.raises(SteadyError) as caught:
        run(*args, **options)
    return caught.value


def test_it_knows_what_it_runs_for_and_no_shell_is_between(tmp_path):
    path = tmp_path / "out"
    run(
        [
            sys.executable,
            "-c",
            "import os,sys; open(sys.argv[1],'w').write(repr((sys.argv[2], dict(os.environ))))",
            str(path),
            "$HOME; `id`",
        ]
    )
    said, env = eval(path.read_text())
    assert said == "$HOME; `id`"
    assert {name: env[name] for name in env if name.startswith("STEADY_") and name != "STEADY_MARK"} == {
        "STEADY_APP": "shop",
        "STEADY_RELEASE": "new",
        "STEADY_PREVIOUS": "old",
        "STEADY_POINT": "after",
    }


def test_a_failure_tells_its_last_words_and_no_secret():
    script = "for n in $(seq 40); do echo line $n; done; echo DB_PASSWORD=geheim-geheim; echo error: geheim-geheim refused >&2; exit 3"
    exc = fails(["sh", "-c", script], secrets=["geheim", "geheim-geheim", "", "line"])
    assert exc.message == "hook warm failed with exit code 3; it says: error: *** refused"
    assert exc.facts["logs"][-2:] == ["DB_PASSWORD=***", "error: *** refused"] and len(exc.facts["logs"]) == 20
    # Too short to be hidden.
    assert exc.facts["logs"][0] == "line 23"


def test_a_program_that_is_not_there():
    assert fails(["/no/such/program"]).message == "hook warm can't be started: /no/such/program: No such file or directory"
    assert fails(["sh", "-c", "kill -9 $$"]).message == "hook warm failed with signal 9"


def alive(path: Path) -> list[int]:
    return [int(pid) for pid in path.read_text().split() if os.path.exists(f"/proc/{pid}") and _state(pid) != "Z"]


def _state(pid: str) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return "Z"


def test_at_the_bound_everything_it_started_is_killed(tmp_path):
    path = tmp_path / "pids"
    # Deaf to SIGTERM, one child in the group, and one that left the group.
    script = f"trap '' TERM; sleep 600 & echo $! >>{path}; setsid sleep 601 & echo $! >>{path}; echo $$ >>{path}; echo thinking; wait"
    begun = time.monotonic()
    exc = fails(["sh", "-c", script], timeout=1)
    assert exc.message == "hook warm did not end within 1 s and was killed; it says: thinking"
    assert time.monotonic() - begun < 10
    until = time.monotonic() + 10
    while alive(path) and time.monotonic() < until:
        time.sleep(0.05)
    assert len(path.read_text().split()) == 3 and alive(path) == []


def test_a_process_left_in_the_background_is_not_waited_for(tmp_path):
    begun = time.monotonic()
    path = tmp_path / "pids"
    run(["sh", "-c", f"sleep 5 & echo $! >{path}"], timeout=60)
    assert time.monotonic() - begun < 4
    os.kill(int(path.read_text()), 9)


def test_output_without_end_is_bounded():
    exc = fails(["sh", "-c", "yes geheim"], timeout=0.5)
    assert exc.message.startswith("hook warm did not end within 0.5 s and was killed; it says: geheim")
    assert sum(map(len, exc.facts["logs"])) < 1000


@pytest.mark.parametrize("point", ["before_shift", "undone"])
def test_in_a_container_it_gets_only_what_it_should_know(tmp_path, point):
    docker = tmp_path / "docker"
    docker.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >{tmp_path}/argv\n')
    docker.chmod(0o755)
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "HOST_SECRET": "x"}
    run(["php", "artisan", "a b"], point=point, service="app", container=lambda release, service: f"id-{release}-{service}", env=env)
    argv = (tmp_path / "argv").read_text().splitlines()
    # After an undo the new release is gone.
    release = "old" if point == "undone" else "new"
    assert argv[0] == "exec" and argv[-4:] == [f"id-{release}-app", "php", "artisan", "a b"]
    assert [word for word in argv[1:-4] if not word.startswith("--env=STEADY_MARK=")] == [
        "--env=STEADY_APP=shop",
        "--env=STEADY_RELEASE=new",
        "--env=STEADY_PREVIOUS=old",
        f"--env=STEADY_POINT={point}",
    ]


def test_without_a_container_it_fails():
    assert fails(["true"], service="app").message == "hook warm: no container of service app runs that it could be run in"


class HookedHost(Host):
    """A host whose hooks write into its log of calls, and fail on demand."""

    def go(self):
        journal = self.journal()
        names = [one.name for one in self.options.hooks]
        extra = {s.HOOK: lambda step: self.faults.call("hook", names[int(step.point)])}
        self.executor = Executor("hotel", self.backend, self.edge, journal, self.clock, self.options, extra)
        rollout = Rollout(self.wish, self.options, self.backend, self.edge, journal, self.executor, self.path)
        observed = rollout.observe()
        self.faults.log.clear()
        steps = rollout.plan(observed)
        rollout.run(observed, steps)
        return steps


ALL = tuple(Hook(f"at {point}", point, ("true",)) for point in ("undone", "after", "after_shift", "before_shift", "before"))


def test_hooks_run_at_their_points(tmp_path):
    host = HookedHost(tmp_path, hooks=ALL)
    host.go()
    marks = [call for call in host.faults.log if call.startswith(("hook", "shift", "create", "stop old web"))]
    assert marks == [
        "hook at before",
        "create new",
        "hook at before_shift",
        "shift new",
        "hook at after_shift",
        "stop old web",
        "hook at after",
    ]
    host.go()
    assert host.faults.log == []


@pytest.mark.parametrize("point", ["before", "before_shift", "after_shift"])
def test_a_hook_that_fails_undoes_and_then_the_undone_hooks_run(tmp_path, point):
    host = HookedHost(tmp_path, hooks=ALL)
    host.faults.wrong[f"hook at {point}"] = SteadyError("no")
    failure = host.fails()
    assert failure.facts["undone"] and host.edge.now.release == "old"
    assert host.faults.log[-1] == "hook at undone"
    assert not host.unfinished


def test_an_undone_hook_that_fails_is_a_warning(tmp_path):
    host = HookedHost(tmp_path, hooks=ALL)
    host.faults.wrong.update({"shift new": SteadyError("no"), "hook at undone": SteadyError("mail is down")})
    failure = host.fails()
    assert failure.facts["undone"] and failure.message == "no. Undone: release old serves as before"
    assert host.executor.warnings == ["could not run hook at undone: mail is down"]
    assert not host.unfinished


def test_hooks_that_do_not_undo_only_warn(tmp_path):
    hooks = tuple(Hook(one.name, one.point, one.command, undoes=False) for one in ALL)
    host = HookedHost(tmp_path, hooks=hooks)
    host.faults.wrong.update({f"hook at {point}": SteadyError("no") for point in ("before", "before_shift", "after_shift", "after")})
    host.go()
    assert host.edge.now.release == "new" and len(host.executor.warnings) == 4
